import type { JournalState, Lane, TimelineItem } from "../../../main/contract/timeline.ts";

/**
 * The stretch of a host's time that its journal covers. Outside of it nothing is known, which must
 * not look like quiet. `toMs` Infinity: the journal is being read as it is written.
 */
export interface Known {
  readonly fromMs: number;
  readonly toMs: number;
  /** stretches in between that its agent could not keep; they count for every lane of the host */
  readonly gaps: readonly { readonly fromMs: number; readonly toMs: number }[];
}

/** No journal, or none of it read: nothing of that host is known at any time. */
const nothingKnown: Known = {
  fromMs: Number.POSITIVE_INFINITY,
  toMs: Number.NEGATIVE_INFINITY,
  gaps: [],
};

const endMs = (item: TimelineItem): number =>
  item.kind === "instant" ? item.atMs : (item.toMs ?? item.atMs);

/** By host uuid, from what its own agent wrote, in whatever lane it stands. */
export const knownStretches = (
  byLane: ReadonlyMap<string, readonly TimelineItem[]>,
  journals: readonly JournalState[],
): ReadonlyMap<string, Known> => {
  const found = new Map<string, { fromMs: number; toMs: number; gaps: Known["gaps"][number][] }>();
  for (const items of byLane.values()) {
    for (const item of items) {
      if (item.source !== "journal" || item.hostUuid === null) continue;
      const known = found.get(item.hostUuid) ?? { ...nothingKnown, gaps: [] };
      found.set(item.hostUuid, known);
      if (item.kind === "gap") {
        known.gaps.push({ fromMs: item.atMs, toMs: item.toMs });
        continue;
      }
      known.fromMs = Math.min(known.fromMs, item.atMs);
      known.toMs = Math.max(known.toMs, endMs(item));
    }
  }
  for (const journal of journals) {
    const known = found.get(journal.hostUuid);
    if (known !== undefined && journal.isLive) known.toMs = Number.POSITIVE_INFINITY;
  }
  return found;
};

/** Lanes that belong to no host have no journal to be missing. */
export const knownOf = (lane: Lane, known: ReadonlyMap<string, Known>): Known | null =>
  lane.hostUuid === null ? null : (known.get(lane.hostUuid) ?? nothingKnown);
