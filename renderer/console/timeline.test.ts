import { describe, expect, test } from "vitest";
import type { Lane, TimelineChunk, TimelineItem } from "../../main/contract/timeline.ts";
import { applyChunks, noTimeline, type TimelineFacts } from "./timeline.ts";

const lane = (id: string): Lane => ({
  id,
  kind: "host",
  name: id,
  parentId: null,
  hostUuid: id,
});

const item = (id: string, laneId: string, toMs: number | null): TimelineItem => ({
  kind: "span",
  id,
  laneId,
  source: "journal",
  hostUuid: laneId,
  boot: "b",
  seq: 1,
  wallMs: 10,
  atMs: 10,
  toMs,
  type: "PathSilent",
  tone: "bad",
  title: "silent",
  text: "It is silent.",
  inputs: [],
  rule: null,
});

const chunk = (change: Partial<TimelineChunk>): TimelineChunk => ({
  kind: "patch",
  atMs: 0,
  more: false,
  lanes: [],
  items: [],
  cursor: "c",
  ...change,
});

const snapshot = chunk({
  kind: "snapshot",
  lanes: [lane("a"), lane("b")],
  items: [item("1", "a", null), item("2", "b", 20)],
});

const idsOf = (facts: TimelineFacts, laneId: string): string[] =>
  (facts.byLane.get(laneId) ?? []).map((each) => each.id);

describe("the timeline in the window", () => {
  test("pieces of a snapshot add up and it is loading until the last", () => {
    const first = applyChunks(noTimeline, [{ ...snapshot, more: true }]);
    const second = applyChunks(first, [
      chunk({ kind: "snapshot", items: [item("3", "a", null)], more: false }),
    ]);
    expect([first.status, second.status]).toEqual(["loading", "ready"]);
    expect([idsOf(second, "a"), idsOf(second, "b"), second.itemCount]).toEqual([
      ["1", "3"],
      ["2"],
      3,
    ]);
  });

  test("a snapshot after the first one replaces everything", () => {
    const facts = applyChunks(applyChunks(noTimeline, [snapshot]), [
      chunk({ kind: "snapshot", lanes: [lane("c")], items: [item("9", "c", 1)] }),
    ]);
    expect([facts.lanes.map((each) => each.id), facts.itemCount, idsOf(facts, "a")]).toEqual([
      ["c"],
      1,
      [],
    ]);
  });

  test("a snapshot that broke off is not mixed with the next one", () => {
    const broken = applyChunks(noTimeline, [{ ...snapshot, more: true }]);
    const facts = applyChunks(broken, [{ ...snapshot, items: [item("2", "b", 20)] }]);
    expect([idsOf(facts, "a"), idsOf(facts, "b")]).toEqual([[], ["2"]]);
  });

  test("an open span ends by the same id, and lanes that did not change keep their array", () => {
    const before = applyChunks(noTimeline, [snapshot]);
    const after = applyChunks(before, [chunk({ items: [item("1", "a", 99)] })]);
    expect(after.byLane.get("a")).toEqual([item("1", "a", 99)]);
    expect(after.itemCount).toBe(2);
    expect(after.byLane.get("b")).toBe(before.byLane.get("b"));
  });

  test("an item that moved to another lane is gone from the first", () => {
    const before = applyChunks(noTimeline, [snapshot]);
    const after = applyChunks(before, [chunk({ items: [item("1", "b", 99)] })]);
    expect([idsOf(after, "a"), idsOf(after, "b")]).toEqual([[], ["2", "1"]]);
  });

  test("journals stay until a list of them comes", () => {
    const journal = {
      hostUuid: "a",
      hostName: "a",
      lastSeq: 1,
      isLive: true,
      sentence: "Read to its end.",
      clockOffsetMs: null,
      clockUncertaintyMs: null,
    };
    const before = applyChunks(noTimeline, [{ ...snapshot, journals: [journal] }]);
    const after = applyChunks(before, [chunk({})]);
    expect(after.journals).toEqual([journal]);
  });
});
