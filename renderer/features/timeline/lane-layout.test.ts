import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Lane, TimelineItem } from "../../../main/contract/timeline.ts";
import {
  buildLane,
  densityBars,
  fullness,
  hitLane,
  instantsIn,
  isCrowded,
  layRows,
  rowsBetween,
  spansIn,
  type LaneIndex,
} from "./lane-layout.ts";

type Tone = TimelineItem["tone"];

const base = (id: string, tone: Tone) => ({
  id,
  laneId: "lane",
  source: "journal" as const,
  hostUuid: "h",
  boot: "b",
  seq: 0,
  wallMs: 0,
  type: "T",
  tone,
  title: id,
  text: id,
  inputs: [],
  rule: null,
});

const instant = (id: string, atMs: number, tone: Tone = "neutral"): TimelineItem => ({
  ...base(id, tone),
  kind: "instant",
  atMs,
});
const span = (id: string, atMs: number, toMs: number | null, tone: Tone = "bad"): TimelineItem => ({
  ...base(id, tone),
  kind: "span",
  atMs,
  toMs,
});
const gap = (id: string, atMs: number, toMs: number): TimelineItem => ({
  ...base(id, "notice"),
  kind: "gap",
  atMs,
  toMs,
});

const lane = (id: string, kind: Lane["kind"], parentId: string | null, name = id): Lane => ({
  id,
  kind,
  name,
  parentId,
  hostUuid: null,
});

describe("what is in view", () => {
  const index = buildLane([
    instant("c", 30),
    instant("a", 10),
    instant("b", 20),
    span("long", 0, 1000),
    span("short", 5, 8),
    span("open", 900, null),
  ]);

  test.each([
    { fromMs: 0, toMs: 9, found: [] },
    { fromMs: 10, toMs: 20, found: ["a", "b"] },
    { fromMs: 11, toMs: 100, found: ["b", "c"] },
    { fromMs: 31, toMs: 100, found: [] },
  ])("instants from $fromMs to $toMs: $found", ({ fromMs, toMs, found }) => {
    const { first, end } = instantsIn(index, fromMs, toMs);
    const ids = Array.from(index.instantItem.slice(first, end), (place) => index.items[place]?.id);
    expect(ids).toEqual(found);
  });

  test.each([
    { fromMs: 500, toMs: 600, found: ["long", "short"] },
    { fromMs: 1001, toMs: 2000, found: ["open"] },
    { fromMs: -5, toMs: 1, found: ["long"] },
  ])("spans that may touch $fromMs to $toMs: $found", ({ fromMs, toMs, found }) => {
    const { first, end } = spansIn(index, fromMs, toMs);
    const ids = Array.from(index.spanItem.slice(first, end), (place) => index.items[place]?.id);
    expect(ids).toEqual(found);
  });

  test("no span that touches the view is left out, whatever the spans", () => {
    const spans = fc.array(
      fc.record({ at: fc.integer({ min: 0, max: 500 }), lasts: fc.integer({ min: 0, max: 300 }) }),
    );
    fc.assert(
      fc.property(spans, fc.integer({ min: 0, max: 500 }), (given, fromMs) => {
        const toMs = fromMs + 40;
        const made = buildLane(
          given.map((each, at) => span(`${at}`, each.at, each.at + each.lasts)),
        );
        const { first, end } = spansIn(made, fromMs, toMs);
        const found = new Set(made.spanItem.slice(first, end));
        const wanted = given.flatMap((each, at) =>
          each.at < toMs && each.at + each.lasts >= fromMs ? [at] : [],
        );
        expect(wanted.filter((at) => !found.has(at))).toEqual([]);
      }),
    );
  });

  test("spans that overlap lie below each other, the fourth shares the last place", () => {
    const made = buildLane([span("a", 0, 9), span("b", 1, 9), span("c", 2, 9), span("d", 3, 9)]);
    expect([[...made.spanLevel], made.levelCount]).toEqual([[0, 1, 2, 2], 3]);
  });

  test("spans that follow each other share a place", () => {
    const made = buildLane([span("a", 0, 5), span("b", 5, 9), span("c", 9, null)]);
    expect([[...made.spanLevel], made.levelCount]).toEqual([[0, 0, 0], 1]);
  });
});

const barsOf = (index: LaneIndex, fromMs: number, toMs: number, widthPx: number) => {
  const bars: { fromMs: number; toMs: number; count: number; rank: number }[] = [];
  densityBars(index, { fromMs, toMs, widthPx }, (bar) => bars.push(bar));
  return bars;
};

describe("zoomed out", () => {
  test("a bad mark among thousands of others shows in its bucket", () => {
    const many = Array.from({ length: 5000 }, (_, at) => instant(`${at}`, at * 100));
    const index = buildLane([...many, instant("bad", 250_000, "bad")]);
    const bad = barsOf(index, 0, 500_000, 300).filter((bar) => bar.rank === 3);
    expect(bad).toHaveLength(1);
    expect(bad[0]?.fromMs).toBeLessThanOrEqual(250_000);
    expect(bad[0]?.toMs).toBeGreaterThan(250_000);
  });

  test("every level counts every mark, whatever the times", () => {
    const times = fc.array(fc.integer({ min: -10_000_000, max: 10_000_000 }), { minLength: 1 });
    fc.assert(
      fc.property(times, (given) => {
        const index = buildLane(given.map((atMs, at) => instant(`${at}`, atMs)));
        const sums = index.pyramid.map((level) =>
          level.counts.reduce((sum, each) => sum + each, 0),
        );
        expect(sums.filter((sum) => sum !== given.length)).toEqual([]);
      }),
    );
  });

  test("the bars of a full view cover every mark", () => {
    const times = fc.array(fc.integer({ min: 0, max: 90_000_000 }), { minLength: 1 });
    fc.assert(
      fc.property(times, (given) => {
        const index = buildLane(given.map((atMs, at) => instant(`${at}`, atMs)));
        const bars = barsOf(index, 0, 90_000_000, 1000);
        const missed = given.filter(
          (atMs) => !bars.some((bar) => bar.fromMs <= atMs && atMs < bar.toMs),
        );
        expect(missed).toEqual([]);
      }),
    );
  });

  test("a view draws no more bars than fit, however many marks there are", () => {
    const index = buildLane(
      Array.from({ length: 50_000 }, (_, at) =>
        instant(`${at}`, at * 1000, at % 7 === 0 ? "good" : "neutral"),
      ),
    );
    expect(barsOf(index, 0, 50_000_000, 1000).length).toBeLessThanOrEqual(1000 / 3 + 2);
  });

  test.each([
    { count: 1, full: 1 },
    { count: 4, full: 2 },
    { count: 16, full: 3 },
    { count: 64, full: 4 },
    { count: 1e6, full: 4 },
  ])("$count marks in a bucket look $full of 4 full", ({ count, full }) => {
    expect(fullness(count)).toBe(full);
  });

  test("few marks stand one by one", () => {
    const index = buildLane([instant("a", 1), instant("b", 2), instant("c", 3)]);
    expect(isCrowded(index, { fromMs: 0, toMs: 10, widthPx: 800 })).toBe(false);
    expect(isCrowded(index, { fromMs: 0, toMs: 10, widthPx: 16 })).toBe(true);
  });
});

describe("what a click hits", () => {
  const index = buildLane([
    span("outer", 0, 1000),
    span("inner", 400, 500),
    span("open", 2000, null),
    gap("gap", 1500, 1600),
    instant("calm", 450),
    instant("bad", 452, "bad"),
  ]);
  test.each([
    { atMs: 450, hit: "bad" },
    { atMs: 420, hit: "inner" },
    { atMs: 200, hit: "outer" },
    { atMs: 1550, hit: "gap" },
    { atMs: 9000, hit: "open" },
    { atMs: 1300, hit: undefined },
  ])("at $atMs: $hit", ({ atMs, hit }) => {
    expect(hitLane(index, atMs, 5)?.id).toBe(hit);
  });
});

describe("rows", () => {
  const lanes = [
    lane("vm", "vm", "h2"),
    lane("p10", "path", "h2", "path 10"),
    lane("p2", "path", "h2", "path 2"),
    lane("h2", "host", null),
    lane("h1", "host", null),
    lane("console", "console", null),
    lane("lost", "vm", "nowhere"),
  ];
  const empty = buildLane([]);

  test("the console, then hosts with their paths and VMs; a lane without its parent is kept", () => {
    const rows = layRows(lanes, () => empty, new Set());
    expect(rows.map((row) => `${row.depth} ${row.lane.id}`)).toEqual([
      "0 console",
      "0 h1",
      "0 h2",
      "1 p2",
      "1 p10",
      "1 vm",
      "0 lost",
    ]);
  });

  test("a folded host carries what its children hold", () => {
    const asked: (readonly string[])[] = [];
    const rows = layRows(
      lanes,
      (ids) => {
        asked.push(ids);
        return empty;
      },
      new Set(["h2"]),
    );
    expect(rows.map((row) => row.lane.id)).toEqual(["console", "h1", "h2", "lost"]);
    expect(asked.find((ids) => ids[0] === "h2")?.toSorted()).toEqual(["h2", "p10", "p2", "vm"]);
  });

  test.each([
    { fromPx: 0, toPx: 1, ids: ["console"] },
    { fromPx: 24, toPx: 49, ids: ["h1", "h2"] },
    { fromPx: 1000, toPx: 2000, ids: [] },
  ])("between $fromPx and $toPx px: $ids", ({ fromPx, toPx, ids }) => {
    const rows = layRows(lanes, () => empty, new Set());
    const { first, end } = rowsBetween(rows, fromPx, toPx);
    expect(rows.slice(first, end).map((row) => row.lane.id)).toEqual(ids);
  });
});
