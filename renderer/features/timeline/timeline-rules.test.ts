import { describe, expect, test } from "vitest";
import type { JournalState, TimelineItem } from "../../../main/contract/timeline.ts";
import { neighbour, orderItems, searchOf } from "./order.ts";
import { knownOf, knownStretches } from "./unknown.ts";
import { fitted, followed, panBy, tickStepMs, ticksIn, zoomAt, type View } from "./view.ts";

const item = (
  id: string,
  hostUuid: string | null,
  atMs: number,
  seq: number | null,
): TimelineItem => ({
  kind: "instant",
  id,
  laneId: `host:${hostUuid}`,
  source: hostUuid === null ? "xapi" : "journal",
  hostUuid,
  boot: null,
  seq,
  wallMs: atMs,
  atMs,
  type: "HostSuspected",
  tone: "bad",
  title: `${id} suspected`,
  text: "xcp-beta is suspected: silent on 2 paths.",
  inputs: [{ name: "silent", value: "3.1 s" }],
  rule: "suspect-after-missed-beats",
});

const laneMap = (items: readonly TimelineItem[]) => new Map([["l", items]]);

describe("order", () => {
  test.each([
    {
      name: "by corrected time between hosts",
      items: [item("b1", "b", 20, 1), item("a1", "a", 10, 1), item("x", null, 15, null)],
      order: ["a1", "x", "b1"],
    },
    {
      name: "as written within a host, though its clock was set back",
      items: [item("a2", "a", 50, 2), item("a1", "a", 100, 1), item("b1", "b", 70, 1)],
      order: ["b1", "a1", "a2"],
    },
  ])("$name", ({ items, order }) => {
    expect(orderItems(laneMap(items)).map((each) => each.id)).toEqual(order);
  });

  test.each([
    { text: "  ", found: null },
    { text: "SUSPECTED beta", found: true },
    { text: "3.1 missed-beats", found: true },
    { text: "suspected gamma", found: false },
  ])("searching for “$text”: $found", ({ text, found }) => {
    const search = searchOf(text);
    expect(search === null ? null : search(item("a", "a", 1, 1))).toBe(found);
  });

  const ordered = [item("1", "a", 10, 1), item("2", "a", 10, 2), item("3", "a", 30, 3)];
  test.each([
    { id: "1", atMs: 10, step: 1 as const, found: "2" },
    { id: "3", atMs: 30, step: 1 as const, found: undefined },
    { id: "2", atMs: 10, step: -1 as const, found: "1" },
    { id: null, atMs: 15, step: 1 as const, found: "3" },
    { id: null, atMs: 15, step: -1 as const, found: "2" },
  ])("from $id at $atMs by $step: $found", ({ id, atMs, step, found }) => {
    expect(neighbour(ordered, { id, atMs }, step)?.id).toBe(found);
  });
});

describe("what is not known", () => {
  const journal = (hostUuid: string, isLive: boolean): JournalState => ({
    hostUuid,
    hostName: hostUuid,
    lastSeq: 1,
    isLive,
    sentence: "",
    clockOffsetMs: null,
    clockUncertaintyMs: null,
  });
  const lane = (hostUuid: string | null) => ({
    id: "l",
    kind: "host" as const,
    name: "l",
    parentId: null,
    hostUuid,
  });
  const items = [item("a1", "a", 100, 1), item("a2", "a", 200, 2), item("x", null, 900, null)];

  test.each([
    { name: "a journal read live", live: true, host: "a", known: [100, Infinity] },
    { name: "a journal that broke off", live: false, host: "a", known: [100, 200] },
    { name: "no journal at all", live: true, host: "b", known: [Infinity, -Infinity] },
  ])("$name", ({ live, host, known }) => {
    const found = knownOf(lane(host), knownStretches(laneMap(items), [journal("a", live)]));
    expect([found?.fromMs, found?.toMs]).toEqual(known);
  });

  test("what an agent could not keep is missing in every lane of its host", () => {
    const lost: TimelineItem = { ...item("g", "a", 120, 3), kind: "gap", toMs: 150 };
    const found = knownStretches(new Map([["other", [...items, lost]]]), [journal("a", true)]);
    expect(knownOf(lane("a"), found)?.gaps).toEqual([{ fromMs: 120, toMs: 150 }]);
  });

  test("a lane of no host has nothing to be missing", () => {
    expect(knownOf(lane(null), new Map())).toBe(null);
  });
});

describe("view", () => {
  const view: View = { fromMs: 1000, toMs: 2000, isLive: true };

  test("zooming keeps the time under the pointer where it is", () => {
    expect(zoomAt(view, 0.5, 1250)).toEqual({ fromMs: 1125, toMs: 1625, isLive: true });
  });

  test("zooming ends at both ends", () => {
    const near = zoomAt(view, 1e-9, 1500);
    const far = zoomAt(view, 1e12, 1500);
    expect([near.toMs - near.fromMs, far.toMs - far.fromMs]).toEqual([40, 400 * 86_400_000]);
  });

  test("panning lets go of the clock", () => {
    expect(panBy(view, -100)).toEqual({ fromMs: 900, toMs: 1900, isLive: false });
  });

  test("following keeps the span and leaves room after now", () => {
    const after = followed(view, 5000);
    expect([after.toMs - after.fromMs, after.toMs > 5000, after.isLive]).toEqual([
      1000,
      true,
      true,
    ]);
  });

  test("all that is known fits, even a single moment", () => {
    const one = fitted(700, 700);
    expect(one.fromMs).toBeLessThan(700);
    expect(one.toMs - one.fromMs).toBeGreaterThan(1000);
  });

  test.each([
    { leastMs: 3, stepMs: 5 },
    { leastMs: 700, stepMs: 1000 },
    { leastMs: 40_000, stepMs: 60_000 },
    { leastMs: 4_000_000, stepMs: 7_200_000 },
    { leastMs: 1e12, stepMs: 31_536_000_000 },
  ])("ticks at least $leastMs ms apart stand every $stepMs ms", ({ leastMs, stepMs }) => {
    expect(tickStepMs(leastMs)).toBe(stepMs);
  });

  test("ticks stand on round local times", () => {
    const day: View = { fromMs: 0, toMs: 3 * 86_400_000, isLive: false };
    expect(ticksIn(day, 86_400_000, 3_600_000)).toEqual([82_800_000, 169_200_000, 255_600_000]);
  });
});
