import type { ConsoleError } from "../../main/contract/errors.ts";
import type {
  JournalState,
  Lane,
  TimelineChunk,
  TimelineItem,
} from "../../main/contract/timeline.ts";

/**
 * The timeline in the window. The array of a lane is replaced only when that lane changed, so that
 * a picture of 100,000 items rebuilds what moved and no more.
 */
export interface TimelineFacts {
  readonly status: "loading" | "ready" | "failed";
  readonly error: ConsoleError | null;
  /** pieces of the snapshot are still to come */
  readonly isFilling: boolean;
  readonly lanes: readonly Lane[];
  readonly byLane: ReadonlyMap<string, readonly TimelineItem[]>;
  readonly journals: readonly JournalState[];
  readonly itemCount: number;
  /** where each item is, to find the one that a patch replaces */
  readonly laneOf: ReadonlyMap<string, string>;
}

export const noTimeline: TimelineFacts = {
  status: "loading",
  error: null,
  isFilling: false,
  lanes: [],
  byLane: new Map(),
  journals: [],
  itemCount: 0,
  laneOf: new Map(),
};

const withLanes = (before: readonly Lane[], more: readonly Lane[]): readonly Lane[] => {
  if (more.length === 0) return before;
  const byId = new Map(before.map((lane) => [lane.id, lane]));
  for (const lane of more) byId.set(lane.id, lane);
  return [...byId.values()];
};

/** Items that changed are taken out of where they were and put where they are now. */
const withItems = (facts: TimelineFacts, items: readonly TimelineItem[]): TimelineFacts => {
  if (items.length === 0) return facts;
  const latest = new Map(items.map((item) => [item.id, item]));
  const laneOf = new Map(facts.laneOf);
  const added = new Map<string, TimelineItem[]>();
  const emptied = new Set<string>();
  for (const item of latest.values()) {
    const before = laneOf.get(item.id);
    if (before !== undefined) emptied.add(before);
    laneOf.set(item.id, item.laneId);
    const mates = added.get(item.laneId);
    if (mates === undefined) added.set(item.laneId, [item]);
    else mates.push(item);
  }
  const byLane = new Map(facts.byLane);
  for (const laneId of emptied) {
    byLane.set(
      laneId,
      (byLane.get(laneId) ?? []).filter((item) => !latest.has(item.id)),
    );
  }
  for (const [laneId, mates] of added) {
    byLane.set(laneId, (byLane.get(laneId) ?? []).concat(mates));
  }
  return { ...facts, byLane, laneOf, itemCount: laneOf.size };
};

const isRestart = (facts: TimelineFacts, chunk: TimelineChunk): boolean =>
  chunk.kind === "snapshot" && (!facts.isFilling || chunk.lanes.length > 0);

/** Chunks in the order they came. A snapshot's first piece is known by the lanes it brings. */
export const applyChunks = (
  before: TimelineFacts,
  chunks: readonly TimelineChunk[],
): TimelineFacts => {
  let facts = before;
  let items: TimelineItem[] = [];
  for (const chunk of chunks) {
    if (isRestart(facts, chunk)) {
      items = [];
      facts = noTimeline;
    }
    for (const item of chunk.items) items.push(item);
    facts = {
      ...facts,
      status: chunk.more && facts.status !== "ready" ? "loading" : "ready",
      error: null,
      isFilling: chunk.more,
      lanes: withLanes(facts.lanes, chunk.lanes),
      journals: chunk.journals ?? facts.journals,
    };
  }
  return withItems(facts, items);
};
