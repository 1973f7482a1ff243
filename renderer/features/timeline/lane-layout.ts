import type { Lane, TimelineItem } from "../../../main/contract/timeline.ts";

/*
 * Where every item of the timeline goes, without a canvas. Each lane is turned into typed arrays
 * once and again when it changed; a frame touches what is in view and, zoomed out, whole buckets.
 */

/** Rank of a tone: what a bucket of several shows is the worst in it. */
const toneRanks = { neutral: 0, good: 1, notice: 2, bad: 3 } as const;

interface DensityLevel {
  readonly bucketMs: number;
  /** time of the first bucket's left edge */
  readonly startMs: number;
  readonly counts: Uint32Array;
  readonly tones: Uint8Array;
}

/** One lane, sorted by time. `…Item` is the place in `items`; an open span ends at Infinity. */
export interface LaneIndex {
  readonly items: readonly TimelineItem[];
  readonly instantAtMs: Float64Array;
  readonly instantTone: Uint8Array;
  readonly instantItem: Uint32Array;
  readonly spanFromMs: Float64Array;
  readonly spanToMs: Float64Array;
  /** the latest end of this and every earlier span: where a search for what is in view may begin */
  readonly spanReachMs: Float64Array;
  readonly spanTone: Uint8Array;
  /** spans that overlap lie below each other */
  readonly spanLevel: Uint8Array;
  readonly spanItem: Uint32Array;
  readonly gapFromMs: Float64Array;
  readonly gapToMs: Float64Array;
  readonly gapItem: Uint32Array;
  readonly levelCount: number;
  /** finest first, each twice as coarse as the one before */
  readonly pyramid: readonly DensityLevel[];
}

const bucketCountMax = 8192;
const bucketMsMin = 16;
export const spanLevelMax = 3;

/** First place whose value is not below `wanted`. */
const lowerBound = (values: Float64Array, wanted: number): number => {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
};

const buildFinest = (atMs: Float64Array, tone: Uint8Array): DensityLevel | null => {
  const first = atMs[0];
  const last = atMs.at(-1);
  if (first === undefined || last === undefined) return null;
  let bucketMs = bucketMsMin;
  while ((last - first) / bucketMs > bucketCountMax - 2) bucketMs *= 2;
  const startMs = Math.floor(first / bucketMs) * bucketMs;
  const size = Math.floor((last - startMs) / bucketMs) + 1;
  const level: DensityLevel = {
    bucketMs,
    startMs,
    counts: new Uint32Array(size),
    tones: new Uint8Array(size),
  };
  for (let at = 0; at < atMs.length; at += 1) {
    const bucket = Math.floor(((atMs[at] ?? 0) - startMs) / bucketMs);
    level.counts[bucket] = (level.counts[bucket] ?? 0) + 1;
    level.tones[bucket] = Math.max(level.tones[bucket] ?? 0, tone[at] ?? 0);
  }
  return level;
};

/** Buckets lie on whole multiples of their width, so that panning does not make bars flicker. */
const coarser = (fine: DensityLevel): DensityLevel => {
  const bucketMs = fine.bucketMs * 2;
  const startMs = Math.floor(fine.startMs / bucketMs) * bucketMs;
  const shift = startMs < fine.startMs ? 1 : 0;
  const size = (fine.counts.length + shift + 1) >>> 1;
  const level: DensityLevel = {
    bucketMs,
    startMs,
    counts: new Uint32Array(size),
    tones: new Uint8Array(size),
  };
  for (let at = 0; at < fine.counts.length; at += 1) {
    const bucket = (at + shift) >>> 1;
    level.counts[bucket] = (level.counts[bucket] ?? 0) + (fine.counts[at] ?? 0);
    level.tones[bucket] = Math.max(level.tones[bucket] ?? 0, fine.tones[at] ?? 0);
  }
  return level;
};

const buildPyramid = (atMs: Float64Array, tone: Uint8Array): DensityLevel[] => {
  const levels: DensityLevel[] = [];
  let level = buildFinest(atMs, tone);
  while (level !== null) {
    levels.push(level);
    level = level.counts.length <= 2 ? null : coarser(level);
  }
  return levels;
};

/** The first level that is free at the span's start; what does not fit shares the last one. */
const levelFor = (endsMs: number[], fromMs: number, toMs: number): number => {
  const free = endsMs.findIndex((endMs) => endMs <= fromMs);
  const level = free >= 0 ? free : Math.min(endsMs.length, spanLevelMax - 1);
  endsMs[level] = Math.max(endsMs[level] ?? toMs, toMs);
  return level;
};

const placesOf = (items: readonly TimelineItem[], kind: TimelineItem["kind"]): number[] =>
  items
    .flatMap((item, place) => (item.kind === kind ? [place] : []))
    .sort((a, b) => (items[a]?.atMs ?? 0) - (items[b]?.atMs ?? 0) || a - b);

const endOf = (item: TimelineItem | undefined): number => {
  if (item === undefined || item.kind === "instant") return item?.atMs ?? 0;
  return item.toMs ?? Number.POSITIVE_INFINITY;
};

const rankOf = (item: TimelineItem | undefined): number => toneRanks[item?.tone ?? "neutral"];

export const buildLane = (items: readonly TimelineItem[]): LaneIndex => {
  const instants = placesOf(items, "instant");
  const spans = placesOf(items, "span");
  const gaps = placesOf(items, "gap");
  const startOf = (place: number): number => items[place]?.atMs ?? 0;
  const instantAtMs = Float64Array.from(instants, startOf);
  const instantTone = Uint8Array.from(instants, (place) => rankOf(items[place]));
  const spanFromMs = Float64Array.from(spans, startOf);
  const spanToMs = Float64Array.from(spans, (place) => endOf(items[place]));
  const endsMs: number[] = [];
  const spanLevel = Uint8Array.from(spans, (_, at) =>
    levelFor(endsMs, spanFromMs[at] ?? 0, spanToMs[at] ?? 0),
  );
  let reachMs = Number.NEGATIVE_INFINITY;
  return {
    items,
    instantAtMs,
    instantTone,
    instantItem: Uint32Array.from(instants),
    spanFromMs,
    spanToMs,
    spanReachMs: spanToMs.map((toMs) => (reachMs = Math.max(reachMs, toMs))),
    spanTone: Uint8Array.from(spans, (place) => rankOf(items[place])),
    spanLevel,
    spanItem: Uint32Array.from(spans),
    gapFromMs: Float64Array.from(gaps, startOf),
    gapToMs: Float64Array.from(gaps, (place) => endOf(items[place])),
    gapItem: Uint32Array.from(gaps),
    levelCount: Math.max(1, endsMs.length),
    pyramid: buildPyramid(instantAtMs, instantTone),
  };
};

/** Places of the instants in [fromMs, toMs]. */
export const instantsIn = (
  lane: LaneIndex,
  fromMs: number,
  toMs: number,
): { readonly first: number; readonly end: number } => {
  const first = lowerBound(lane.instantAtMs, fromMs);
  let end = lowerBound(lane.instantAtMs, toMs);
  while (end < lane.instantAtMs.length && lane.instantAtMs[end] === toMs) end += 1;
  return { first, end };
};

/** Places that may touch [fromMs, toMs]; an early one in the range may still end before it. */
export const spansIn = (
  lane: LaneIndex,
  fromMs: number,
  toMs: number,
): { readonly first: number; readonly end: number } => ({
  first: lowerBound(lane.spanReachMs, fromMs),
  end: Math.max(0, lowerBound(lane.spanFromMs, toMs)),
});

export interface TimeWindow {
  readonly fromMs: number;
  readonly toMs: number;
  readonly widthPx: number;
}

const msPerPx = (view: TimeWindow): number => (view.toMs - view.fromMs) / view.widthPx;

/** Receives one bar per run of equal buckets: how many marks stand in each, the worst tone. */
export type BarSink = (bar: {
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
  readonly rank: number;
}) => void;

/** The narrowest bar: finer ones cost drawing and show nothing more. */
export const barPxMin = 3;

/** Marks stand one by one while there are few; beyond that whole buckets are drawn. */
export const isCrowded = (lane: LaneIndex, view: TimeWindow): boolean => {
  const { first, end } = instantsIn(lane, view.fromMs, view.toMs);
  return end - first > view.widthPx / 8;
};

/** How full a bucket looks: 1 to 4, each about four times the one before. */
export const fullness = (count: number): number =>
  Math.min(4, 1 + Math.floor(Math.log2(Math.max(1, count)) / 2));

export const densityBars = (lane: LaneIndex, view: TimeWindow, sink: BarSink): void => {
  const wantedMs = barPxMin * msPerPx(view);
  const level = lane.pyramid.find((each) => each.bucketMs >= wantedMs) ?? lane.pyramid.at(-1);
  if (level === undefined) return;
  const { bucketMs, startMs, counts, tones } = level;
  const first = Math.max(0, Math.floor((view.fromMs - startMs) / bucketMs));
  const end = Math.min(counts.length, Math.floor((view.toMs - startMs) / bucketMs) + 1);
  let at = first;
  while (at < end) {
    const count = counts[at] ?? 0;
    const rank = tones[at] ?? 0;
    let next = at + 1;
    if (count > 0) {
      const full = fullness(count);
      while (
        next < end &&
        (counts[next] ?? 0) > 0 &&
        tones[next] === rank &&
        fullness(counts[next] ?? 0) === full
      ) {
        next += 1;
      }
      sink({ fromMs: startMs + at * bucketMs, toMs: startMs + next * bucketMs, count, rank });
    }
    at = next;
  }
};

/** A lane on its place. `topPx` counts from the first row, whatever is scrolled. */
export interface Row {
  readonly lane: Lane;
  readonly index: LaneIndex;
  readonly depth: number;
  readonly topPx: number;
  readonly heightPx: number;
  readonly childCount: number;
  readonly isFolded: boolean;
}

export const rowHeightPx = 24;
export const spanStepPx = 16;
const kindOrder: readonly Lane["kind"][] = ["console", "host", "path", "vm"];

const byKindAndName = (a: Lane, b: Lane): number =>
  kindOrder.indexOf(a.kind) - kindOrder.indexOf(b.kind) ||
  a.name.localeCompare(b.name, "en", { numeric: true });

/**
 * Parents before children, the console first. A folded row carries what its children hold, so that
 * nothing bad hides in it. A lane whose parent is missing stands at the outermost level.
 */
export const layRows = (
  lanes: readonly Lane[],
  indexOf: (laneIds: readonly string[]) => LaneIndex,
  folded: ReadonlySet<string>,
): Row[] => {
  const ids = new Set(lanes.map((lane) => lane.id));
  const children = new Map<string | null, Lane[]>();
  for (const lane of lanes) {
    const isInside = lane.parentId !== null && ids.has(lane.parentId) && lane.parentId !== lane.id;
    const parentId = isInside ? lane.parentId : null;
    children.set(parentId, [...(children.get(parentId) ?? []), lane]);
  }
  const rows: Row[] = [];
  let topPx = 0;
  const below = (id: string): string[] =>
    (children.get(id) ?? []).flatMap((child) => [child.id, ...below(child.id)]);
  const add = (lane: Lane, depth: number): void => {
    const own = (children.get(lane.id) ?? []).toSorted(byKindAndName);
    const isFolded = own.length > 0 && folded.has(lane.id);
    const index = indexOf(isFolded ? [lane.id, ...below(lane.id)] : [lane.id]);
    const heightPx = rowHeightPx + (index.levelCount - 1) * spanStepPx;
    rows.push({ lane, index, depth, topPx, heightPx, childCount: own.length, isFolded });
    topPx += heightPx;
    if (!isFolded) for (const child of own) add(child, depth + 1);
  };
  for (const lane of (children.get(null) ?? []).toSorted(byKindAndName)) add(lane, 0);
  return rows;
};

/** The rows between two heights, as places; the row under one height is the first of them. */
export const rowsBetween = (
  rows: readonly Row[],
  fromPx: number,
  toPx: number,
): { readonly first: number; readonly end: number } => {
  let first = 0;
  let high = rows.length;
  while (first < high) {
    const middle = (first + high) >>> 1;
    const row = rows[middle];
    if (row !== undefined && row.topPx + row.heightPx <= fromPx) first = middle + 1;
    else high = middle;
  }
  let end = first;
  while (end < rows.length && (rows[end]?.topPx ?? 0) < toPx) end += 1;
  return { first, end };
};

/** What lies at a time in a lane: the worst mark in reach, else the shortest span, else a gap. */
export const hitLane = (lane: LaneIndex, atMs: number, reachMs: number): TimelineItem | null => {
  const { first, end } = instantsIn(lane, atMs - reachMs, atMs + reachMs);
  let best = -1;
  for (let at = first; at < end; at += 1) {
    const isWorse = (lane.instantTone[at] ?? 0) > (lane.instantTone[best] ?? -1);
    const isNearer =
      lane.instantTone[at] === lane.instantTone[best] &&
      Math.abs((lane.instantAtMs[at] ?? 0) - atMs) < Math.abs((lane.instantAtMs[best] ?? 0) - atMs);
    if (best < 0 || isWorse || isNearer) best = at;
  }
  if (best >= 0) return lane.items[lane.instantItem[best] ?? 0] ?? null;
  return hitSpan(lane, atMs, reachMs) ?? hitGap(lane, atMs);
};

const hitSpan = (lane: LaneIndex, atMs: number, reachMs: number): TimelineItem | null => {
  const { first, end } = spansIn(lane, atMs - reachMs, atMs + reachMs);
  let best = -1;
  let bestMs = Number.POSITIVE_INFINITY;
  for (let at = first; at < end; at += 1) {
    const fromMs = lane.spanFromMs[at] ?? 0;
    const toMs = lane.spanToMs[at] ?? 0;
    const isHit = fromMs - reachMs <= atMs && toMs + reachMs >= atMs;
    if (isHit && (best < 0 || toMs - fromMs < bestMs)) {
      best = at;
      bestMs = toMs - fromMs;
    }
  }
  return best < 0 ? null : (lane.items[lane.spanItem[best] ?? 0] ?? null);
};

const hitGap = (lane: LaneIndex, atMs: number): TimelineItem | null => {
  const at = lane.gapFromMs.findIndex(
    (fromMs, place) => fromMs <= atMs && (lane.gapToMs[place] ?? 0) >= atMs,
  );
  return at < 0 ? null : (lane.items[lane.gapItem[at] ?? 0] ?? null);
};
