import { useMemo, useRef } from "react";
import type { TimelineItem } from "../../../main/contract/timeline.ts";
import type { TimelineFacts } from "../../console/timeline.ts";
import { buildLane, layRows, type LaneIndex } from "./lane-layout.ts";
import { orderItems, searchOf } from "./order.ts";
import type { Picture } from "./stage.ts";
import { knownStretches } from "./unknown.ts";

interface Built {
  readonly parts: readonly (readonly TimelineItem[])[];
  readonly search: string;
  readonly index: LaneIndex;
}

const none: readonly TimelineItem[] = [];

/** What is not known stays on screen whatever is searched for. */
const matching = (items: readonly TimelineItem[], search: string): readonly TimelineItem[] => {
  const isWanted = searchOf(search);
  return isWanted === null ? items : items.filter((item) => item.kind === "gap" || isWanted(item));
};

/** A lane's index is built again only when one of its arrays, or the search, is another. */
const useIndexes = (facts: TimelineFacts, search: string) => {
  const built = useRef(new Map<string, Built>());
  return useMemo(
    () =>
      (laneIds: readonly string[]): LaneIndex => {
        const key = laneIds.join("\n");
        const parts = laneIds.map((id) => facts.byLane.get(id) ?? none);
        const before = built.current.get(key);
        const isSame =
          before?.search === search && before.parts.every((part, at) => part === parts[at]);
        if (before !== undefined && isSame) return before.index;
        const index = buildLane(matching(parts.flat(), search));
        built.current.set(key, { parts, search, index });
        return index;
      },
    [facts.byLane, search],
  );
};

const rangeOf = (facts: TimelineFacts): { firstMs: number; lastMs: number } => {
  let firstMs = Number.POSITIVE_INFINITY;
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const items of facts.byLane.values()) {
    for (const item of items) {
      firstMs = Math.min(firstMs, item.atMs);
      lastMs = Math.max(lastMs, item.kind === "instant" ? item.atMs : (item.toMs ?? item.atMs));
    }
  }
  return { firstMs, lastMs };
};

/** What the stage draws; null while there is nothing at all. */
export const usePicture = (
  facts: TimelineFacts,
  search: string,
  folded: ReadonlySet<string>,
): Picture | null => {
  const indexOf = useIndexes(facts, search);
  const rows = useMemo(() => layRows(facts.lanes, indexOf, folded), [facts.lanes, indexOf, folded]);
  const known = useMemo(
    () => knownStretches(facts.byLane, facts.journals),
    [facts.byLane, facts.journals],
  );
  const range = useMemo(() => rangeOf(facts), [facts]);
  const journals = useMemo(
    () => new Map(facts.journals.map((journal) => [journal.hostUuid, journal])),
    [facts.journals],
  );
  return useMemo(
    () => (facts.itemCount === 0 ? null : { rows, known, journals, ...range }),
    [facts.itemCount, rows, known, journals, range],
  );
};

/** All items in their order, and those that the search leaves. */
export const useOrdered = (
  facts: TimelineFacts,
  search: string,
): { readonly all: readonly TimelineItem[]; readonly found: readonly TimelineItem[] } => {
  const all = useMemo(() => orderItems(facts.byLane), [facts.byLane]);
  const found = useMemo(() => {
    const isWanted = searchOf(search);
    return isWanted === null ? all : all.filter(isWanted);
  }, [all, search]);
  return { all, found };
};
