import type { TimelineItem } from "../../../main/contract/timeline.ts";

/*
 * One order for the list. Lines of one host stand as its agent wrote them, whatever its clock did
 * meanwhile; between hosts the corrected time decides.
 */
interface Placed {
  readonly item: TimelineItem;
  readonly orderMs: number;
}

const bySeq = (a: TimelineItem, b: TimelineItem): number => (a.seq ?? 0) - (b.seq ?? 0);

export const orderItems = (
  byLane: ReadonlyMap<string, readonly TimelineItem[]>,
): TimelineItem[] => {
  const placed: Placed[] = [];
  const written = new Map<string, TimelineItem[]>();
  for (const items of byLane.values()) {
    for (const item of items) {
      if (item.hostUuid === null || item.seq === null) {
        placed.push({ item, orderMs: item.atMs });
        continue;
      }
      const lines = written.get(item.hostUuid);
      if (lines === undefined) written.set(item.hostUuid, [item]);
      else lines.push(item);
    }
  }
  for (const lines of written.values()) {
    let latestMs = Number.NEGATIVE_INFINITY;
    for (const item of lines.sort(bySeq)) {
      latestMs = Math.max(latestMs, item.atMs);
      placed.push({ item, orderMs: latestMs });
    }
  }
  return placed
    .sort((a, b) => a.orderMs - b.orderMs || bySeq(a.item, b.item))
    .map(({ item }) => item);
};

/** Words that must all occur, in whatever is written of an item; null matches everything. */
export const searchOf = (text: string): ((item: TimelineItem) => boolean) | null => {
  const words = text
    .trim()
    .toLowerCase()
    .split(/\s+/u)
    .filter((word) => word !== "");
  if (words.length === 0) return null;
  return (item) => {
    const inputs = item.inputs.map((input) => `${input.name} ${input.value}`).join(" ");
    const whole =
      `${item.title} ${item.text} ${item.type} ${item.rule ?? ""} ${inputs}`.toLowerCase();
    return words.every((word) => whole.includes(word));
  };
};

/** The item after (`step` 1) or before (-1) a time in this order; the one at that time is left out. */
export const neighbour = (
  ordered: readonly TimelineItem[],
  from: { readonly id: string | null; readonly atMs: number },
  step: 1 | -1,
): TimelineItem | null => {
  const at = from.id === null ? -1 : ordered.findIndex((item) => item.id === from.id);
  if (at >= 0) return ordered[at + step] ?? null;
  if (step === 1) return ordered.find((item) => item.atMs > from.atMs) ?? null;
  return ordered.findLast((item) => item.atMs < from.atMs) ?? null;
};
