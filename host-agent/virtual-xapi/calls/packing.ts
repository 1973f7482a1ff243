/** Packing VMs into the free memory of hosts. */
export interface Item {
  readonly id: string;
  readonly bytes: number;
}

const EXACT_LIMIT = 9;

/** Largest first, each into the host with most room left. Gives what found a place. */
export function packGreedily(
  items: readonly Item[],
  room: ReadonlyMap<string, number>,
): ReadonlyMap<string, string> {
  const left = new Map(room);
  const plan = new Map<string, string>();
  for (const item of items.toSorted((one, other) => other.bytes - one.bytes)) {
    let best: string | null = null;
    for (const [host, bytes] of left) {
      if (bytes >= item.bytes && (best === null || bytes > (left.get(best) ?? 0))) {
        best = host;
      }
    }
    if (best !== null) {
      left.set(best, (left.get(best) ?? 0) - item.bytes);
      plan.set(item.id, best);
    }
  }
  return plan;
}

function fitsExactly(items: readonly Item[], at: number, left: Map<string, number>): boolean {
  const item = items[at];
  if (item === undefined) {
    return true;
  }
  const tried = new Set<number>();
  for (const [host, bytes] of left) {
    if (bytes >= item.bytes && !tried.has(bytes)) {
      tried.add(bytes);
      left.set(host, bytes - item.bytes);
      if (fitsExactly(items, at + 1, left)) {
        return true;
      }
      left.set(host, bytes);
    }
  }
  return false;
}

/** Whether all items fit: exact for few items, greedy (so perhaps too careful) for many. */
export function fits(items: readonly Item[], room: ReadonlyMap<string, number>): boolean {
  if (packGreedily(items, room).size === items.length) {
    return true;
  }
  const largestFirst = items.toSorted((one, other) => other.bytes - one.bytes);
  return items.length <= EXACT_LIMIT && fitsExactly(largestFirst, 0, new Map(room));
}

/** All ways to choose `count` of `items`. */
export function* combinations<T>(items: readonly T[], count: number, from = 0): Generator<T[]> {
  if (count === 0) {
    yield [];
    return;
  }
  for (let at = from; at <= items.length - count; at += 1) {
    for (const rest of combinations(items, count - 1, at + 1)) {
      yield [items[at] as T, ...rest];
    }
  }
}

/** Number of combinations, capped at `cap`. */
export function countCombinations(total: number, count: number, cap: number): number {
  let result = 1;
  for (let at = 0; at < count; at += 1) {
    result = (result * (total - at)) / (at + 1);
    if (result > cap) {
      return cap;
    }
  }
  return result;
}
