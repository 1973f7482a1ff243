import type { JournalState, TimelineItem } from "../../../main/contract/timeline.ts";
import {
  barPxMin,
  densityBars,
  fullness,
  instantsIn,
  isCrowded,
  rowHeightPx,
  rowsBetween,
  spanLevelMax,
  spansIn,
  spanStepPx,
  type LaneIndex,
  type Row,
} from "./lane-layout.ts";
import { spritePx, type Palette } from "./palette.ts";
import { knownOf, type Known } from "./unknown.ts";
import { exactTime, tickStepMs, ticksIn, tickText, type View } from "./view.ts";

export const labelWidthPx = 236;
export const axisHeightPx = 28;

/** All that a picture of the timeline depends on. Sizes are in CSS pixels. */
export interface Scene {
  readonly rows: readonly Row[];
  readonly view: View;
  readonly nowMs: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly ratio: number;
  /** how far the rows are scrolled */
  readonly offsetPx: number;
  readonly selected: TimelineItem | null;
  /** where the pointer is, for the line with its time */
  readonly pointer: { readonly xPx: number; readonly yPx: number } | null;
  readonly known: ReadonlyMap<string, Known>;
  readonly journals: ReadonlyMap<string, JournalState>;
  readonly zoomBox: { readonly fromPx: number; readonly toPx: number } | null;
}

interface Brush {
  readonly context: CanvasRenderingContext2D;
  readonly scene: Scene;
  readonly palette: Palette;
  readonly xOf: (atMs: number) => number;
  /** worst rank plus one of the short spans per column, level after level; empty between rows */
  readonly columns: Uint8Array;
}

/** Of a row on screen. */
interface Band {
  readonly row: Row;
  readonly topPx: number;
}

const charPx = 6.4;

const cut = (text: string, roomPx: number): string => {
  const room = Math.floor(roomPx / charPx);
  if (text.length <= room) return text;
  return room < 3 ? "" : `${text.slice(0, room - 1)}…`;
};

/** Where the plot begins and ends; items beyond are cut there so that no number overflows. */
const clampX = (brush: Brush, atMs: number): number =>
  Math.min(brush.scene.widthPx + 4, Math.max(labelWidthPx - 4, brush.xOf(atMs)));

const drawHatch = (brush: Brush, band: Band, fromMs: number, toMs: number): void => {
  const { context, palette } = brush;
  const fromPx = clampX(brush, fromMs);
  const toPx = clampX(brush, toMs);
  if (toPx <= fromPx || palette.hatch === null) return;
  context.fillStyle = palette.hatch;
  context.fillRect(fromPx, band.topPx + 2, toPx - fromPx, band.row.heightPx - 4);
};

const drawUnknown = (brush: Brush, band: Band): void => {
  const { scene } = brush;
  const { view, nowMs } = scene;
  const known = knownOf(band.row.lane, scene.known);
  if (known === null) return;
  const endMs = Math.min(view.toMs, nowMs);
  drawHatch(brush, band, view.fromMs, Math.min(known.fromMs, endMs));
  if (known.toMs < endMs && known.fromMs < endMs) drawHatch(brush, band, known.toMs, endMs);
};

/** Above everything that lies there: whatever lasts over a gap was not seen to. */
const drawGaps = (brush: Brush, band: Band): void => {
  const { context, palette, scene } = brush;
  const { view } = scene;
  for (const gap of knownOf(band.row.lane, scene.known)?.gaps ?? []) {
    if (gap.toMs < view.fromMs || gap.fromMs > view.toMs) continue;
    drawHatch(brush, band, gap.fromMs, gap.toMs);
    context.fillStyle = palette.lineStrong;
    for (const atMs of [gap.fromMs, gap.toMs]) {
      context.fillRect(clampX(brush, atMs), band.topPx + 2, 1, band.row.heightPx - 4);
    }
  }
};

/** The host's own lane names its gaps; above everything else, so that no word runs into another. */
const drawGapTitles = (brush: Brush, band: Band): void => {
  const { context, palette } = brush;
  const { index } = band.row;
  for (let at = 0; at < index.gapFromMs.length; at += 1) {
    const fromPx = clampX(brush, index.gapFromMs[at] ?? 0);
    const toPx = clampX(brush, index.gapToMs[at] ?? 0);
    const title = cut(index.items[index.gapItem[at] ?? 0]?.title ?? "", toPx - fromPx - 14);
    if (title === "") continue;
    context.fillStyle = palette.panel;
    context.fillRect(fromPx + 4, band.topPx + 5, title.length * charPx + 4, 14);
    context.fillStyle = palette.dim;
    context.fillText(title, fromPx + 6, band.topPx + 12);
  }
};

const spanTopPx = (index: LaneIndex, at: number): number =>
  5 + (index.spanLevel[at] ?? 0) * spanStepPx;

/**
 * Spans too short to be seen one by one become columns that show the worst of them, drawn in runs.
 * True: some were there.
 */
const drawSpans = (brush: Brush, band: Band): boolean => {
  const { scene, columns } = brush;
  const { index } = band.row;
  const { first, end } = spansIn(index, scene.view.fromMs, scene.view.toMs);
  // An open span is not known to last beyond what was read of its host.
  const knownMs = knownOf(band.row.lane, scene.known)?.toMs ?? Number.POSITIVE_INFINITY;
  const openMs = Math.max(scene.view.fromMs, Math.min(scene.nowMs, knownMs));
  const columnCount = columns.length / spanLevelMax;
  let hasColumns = false;
  for (let at = first; at < end; at += 1) {
    const endMs = index.spanToMs[at] ?? 0;
    if (endMs < scene.view.fromMs) continue;
    const fromPx = clampX(brush, index.spanFromMs[at] ?? 0);
    const widthPx = clampX(brush, Math.min(endMs, openMs)) - fromPx;
    if (widthPx < barPxMin) {
      const place = (index.spanLevel[at] ?? 0) * columnCount + Math.floor(fromPx / barPxMin);
      columns[place] = Math.max(columns[place] ?? 0, (index.spanTone[at] ?? 0) + 1);
      hasColumns = true;
      continue;
    }
    const isOpen = endMs === Number.POSITIVE_INFINITY && knownMs === Number.POSITIVE_INFINITY;
    drawSpan(brush, {
      index,
      at,
      fromPx,
      widthPx,
      topPx: band.topPx + spanTopPx(index, at),
      isOpen,
    });
  }
  if (hasColumns) drawColumns(brush, band.topPx + 5);
  return end > first;
};

/** Empties the columns while it draws them. */
const drawColumns = (brush: Brush, topPx: number): void => {
  const { context, palette, columns } = brush;
  const columnCount = columns.length / spanLevelMax;
  let at = 0;
  while (at < columns.length) {
    const rank = (columns[at] ?? 0) - 1;
    const level = Math.floor(at / columnCount);
    const levelEnd = (level + 1) * columnCount;
    let next = at + 1;
    while (next < levelEnd && columns[next] === rank + 1) next += 1;
    if (rank >= 0) {
      const fromPx = (at - level * columnCount) * barPxMin;
      context.fillStyle = palette.strong[rank] ?? "";
      context.fillRect(fromPx, topPx + level * spanStepPx, (next - at) * barPxMin, 14);
    }
    at = next;
  }
  columns.fill(0);
};

interface PlacedSpan {
  readonly index: LaneIndex;
  readonly at: number;
  readonly fromPx: number;
  readonly widthPx: number;
  readonly topPx: number;
  readonly isOpen: boolean;
}

const drawSpan = (brush: Brush, span: PlacedSpan): void => {
  const { context, palette } = brush;
  const { fromPx, topPx, widthPx } = span;
  const rank = span.index.spanTone[span.at] ?? 0;
  context.fillStyle = (widthPx < 6 ? palette.strong : palette.soft)[rank] ?? "";
  context.fillRect(fromPx, topPx, widthPx, 14);
  if (widthPx < 6) return;
  context.fillStyle = palette.strong[rank] ?? "";
  context.fillRect(fromPx, topPx, 2.5, 14);
  context.fillRect(fromPx, topPx + 12.5, widthPx, 1.5);
  drawSpanText(brush, span);
};

const drawSpanText = (brush: Brush, span: PlacedSpan): void => {
  const { context, palette } = brush;
  const rank = span.index.spanTone[span.at] ?? 0;
  if (span.isOpen && span.widthPx > 14) {
    // It lasts still: an arrow instead of an end.
    const endPx = span.fromPx + span.widthPx;
    context.fillStyle = palette.strong[rank] ?? "";
    context.beginPath();
    context.moveTo(endPx - 7, span.topPx + 2);
    context.lineTo(endPx - 1, span.topPx + 6.5);
    context.lineTo(endPx - 7, span.topPx + 11);
    context.fill();
  }
  if (span.widthPx < 34) return;
  const startPx = Math.max(span.fromPx, labelWidthPx);
  const roomPx = span.fromPx + span.widthPx - startPx - (span.isOpen ? 18 : 10);
  const item = span.index.items[span.index.spanItem[span.at] ?? 0];
  context.fillStyle = palette.ink[rank] ?? "";
  context.fillText(cut(item?.title ?? "", roomPx), startPx + 6, span.topPx + 6.5);
};

const drawBars = (brush: Brush, band: Band): void => {
  const { context, palette, scene } = brush;
  const plot = { ...scene.view, widthPx: scene.widthPx - labelWidthPx };
  let lastRank = -1;
  densityBars(band.row.index, plot, ({ fromMs, toMs, count, rank }) => {
    const fromPx = Math.round(clampX(brush, fromMs));
    const toPx = Math.round(clampX(brush, toMs));
    if (rank !== lastRank) {
      context.fillStyle = palette.strong[rank] ?? "";
      lastRank = rank;
    }
    const barPx = 2 + fullness(count) * 4;
    const topPx = band.topPx + Math.round((rowHeightPx - barPx) / 2);
    context.fillRect(fromPx, topPx, Math.max(2, toPx - fromPx), barPx);
  });
};

const drawMarks = (brush: Brush, band: Band, hasSpans: boolean): void => {
  const { context, palette, scene } = brush;
  const { index } = band.row;
  const { first, end } = instantsIn(index, scene.view.fromMs, scene.view.toMs);
  const topPx = band.topPx + (rowHeightPx - spritePx) / 2;
  for (let at = first; at < end; at += 1) {
    const xPx = brush.xOf(index.instantAtMs[at] ?? 0);
    const rank = index.instantTone[at] ?? 0;
    const sprite = palette.sprites[rank];
    if (sprite !== undefined) {
      context.drawImage(sprite, Math.round(xPx - spritePx / 2), topPx, spritePx, spritePx);
    }
    const nextPx =
      at + 1 < index.instantAtMs.length ? brush.xOf(index.instantAtMs[at + 1] ?? 0) : xPx + 300;
    if (hasSpans || nextPx - xPx < 90) continue;
    const item = index.items[index.instantItem[at] ?? 0];
    context.fillStyle = rank === 0 ? palette.dim : (palette.ink[rank] ?? "");
    context.fillText(cut(item?.title ?? "", nextPx - xPx - 22), xPx + 10, band.topPx + 12);
  }
};

/** "+1.2 s ±3 ms" */
const offsetText = (journal: JournalState): string => {
  const { clockOffsetMs, clockUncertaintyMs } = journal;
  if (clockOffsetMs === null) return "clock not compared";
  const size = Math.abs(clockOffsetMs);
  const sign = clockOffsetMs < 0 ? "−" : "+";
  const amount = size >= 1000 ? `${(size / 1000).toFixed(1)} s` : `${Math.round(size)} ms`;
  const give = clockUncertaintyMs === null ? "" : ` ±${Math.ceil(clockUncertaintyMs)} ms`;
  return `clock ${sign}${amount}${give}`;
};

const clockWarnMs = 1000;
/** names are set a size larger than what `cut` counts with */
const labelShare = 0.97;

const drawLabel = (brush: Brush, band: Band): void => {
  const { context, palette, scene } = brush;
  const { row, topPx } = band;
  const isGroup = row.childCount > 0;
  const leftPx = 22 + row.depth * 14;
  context.fillStyle = row.depth === 0 ? palette.sunken : palette.panel;
  context.fillRect(0, topPx, labelWidthPx - 1, row.heightPx);
  if (isGroup) {
    context.fillStyle = palette.dim;
    context.fillText(row.isFolded ? "▸" : "▾", leftPx - 14, topPx + 12);
  }
  const journal =
    row.lane.kind === "host" ? scene.journals.get(row.lane.hostUuid ?? "") : undefined;
  const note = journal === undefined ? "" : offsetText(journal);
  const notePx = note === "" ? 0 : context.measureText(note).width + 10;
  context.fillStyle = row.depth === 0 ? palette.text : palette.dim;
  context.font = `${row.depth === 0 ? 600 : 450} 12px ${palette.font}`;
  context.fillText(
    cut(row.lane.name, (labelWidthPx - leftPx - notePx - 6) * labelShare),
    leftPx,
    topPx + 12,
  );
  context.font = `450 11px ${palette.font}`;
  if (note === "") return;
  const isOff = Math.abs(journal?.clockOffsetMs ?? 0) > clockWarnMs;
  context.fillStyle = isOff ? palette.warnText : palette.faint;
  context.fillText(note, labelWidthPx - notePx, topPx + 12);
};

const drawAxis = (brush: Brush): void => {
  const { context, scene, palette } = brush;
  const msPerPx = (scene.view.toMs - scene.view.fromMs) / (scene.widthPx - labelWidthPx);
  const leastMs = msPerPx * 92;
  const stepMs = tickStepMs(leastMs);
  const localMs = -new Date(scene.view.toMs).getTimezoneOffset() * 60_000;
  context.fillStyle = palette.panel;
  context.fillRect(0, 0, scene.widthPx, axisHeightPx);
  for (const tickMs of ticksIn(scene.view, leastMs, localMs)) {
    const xPx = Math.round(brush.xOf(tickMs));
    if (xPx < labelWidthPx) continue;
    context.fillStyle = palette.line;
    context.fillRect(xPx, axisHeightPx - 6, 1, scene.heightPx);
    context.fillStyle = palette.dim;
    context.fillText(tickText(tickMs, stepMs), xPx + 4, axisHeightPx / 2);
  }
  context.fillStyle = palette.panel;
  context.fillRect(0, 0, labelWidthPx, axisHeightPx);
  context.fillStyle = palette.faint;
  const middleMs = (scene.view.fromMs + scene.view.toMs) / 2;
  context.fillText(
    `${exactTime(middleMs).slice(0, 10)}, times of this console`,
    10,
    axisHeightPx / 2,
  );
};

const drawFuture = (brush: Brush): void => {
  const { context, scene, palette } = brush;
  const nowPx = brush.xOf(scene.nowMs);
  if (nowPx > scene.widthPx) return;
  const fromPx = Math.max(labelWidthPx, nowPx);
  context.fillStyle = palette.sunken;
  context.fillRect(fromPx, axisHeightPx, scene.widthPx - fromPx, scene.heightPx);
};

const drawNow = (brush: Brush): void => {
  const { context, scene, palette } = brush;
  const nowPx = Math.round(brush.xOf(scene.nowMs));
  if (nowPx < labelWidthPx || nowPx > scene.widthPx) return;
  context.fillStyle = palette.accent;
  context.fillRect(nowPx, axisHeightPx - 8, 1.5, scene.heightPx);
  const isTight = nowPx + 32 > scene.widthPx;
  context.fillRect(isTight ? nowPx - 30 : nowPx, 5, 31, 16);
  context.fillStyle = palette.panel;
  context.fillText("now", (isTight ? nowPx - 30 : nowPx) + 5, 13);
};

const drawPointer = (brush: Brush): void => {
  const { context, scene, palette } = brush;
  const { pointer, view, widthPx } = scene;
  if (pointer === null || pointer.xPx < labelWidthPx) return;
  context.fillStyle = palette.lineStrong;
  context.fillRect(Math.round(pointer.xPx), axisHeightPx, 1, scene.heightPx);
  const share = (pointer.xPx - labelWidthPx) / (widthPx - labelWidthPx);
  const text = tickText(view.fromMs + share * (view.toMs - view.fromMs), 1);
  const boxPx = Math.min(pointer.xPx + 6, widthPx - 84);
  context.fillStyle = palette.text;
  context.fillRect(boxPx, 5, 78, 17);
  context.fillStyle = palette.panel;
  context.fillText(text, boxPx + 5, 14);
};

const drawSelected = (brush: Brush, band: Band): void => {
  const { context, scene, palette } = brush;
  const item = scene.selected;
  if (item === null || item.laneId !== band.row.lane.id) return;
  const endMs = item.kind === "instant" ? item.atMs : (item.toMs ?? scene.nowMs);
  const fromPx = clampX(brush, item.atMs) - (item.kind === "instant" ? 9 : 1);
  const toPx = clampX(brush, endMs) + (item.kind === "instant" ? 9 : 1);
  context.strokeStyle = palette.accent;
  context.lineWidth = 2;
  context.strokeRect(fromPx, band.topPx + 2, Math.max(4, toPx - fromPx), band.row.heightPx - 4);
};

const drawRow = (brush: Brush, band: Band): void => {
  const { context, palette, scene } = brush;
  const { index } = band.row;
  drawUnknown(brush, band);
  const hasSpans = drawSpans(brush, band);
  const plot = { ...scene.view, widthPx: scene.widthPx - labelWidthPx };
  if (isCrowded(index, plot)) drawBars(brush, band);
  else drawMarks(brush, band, hasSpans);
  drawGaps(brush, band);
  drawGapTitles(brush, band);
  drawSelected(brush, band);
  drawLabel(brush, band);
  context.fillStyle = palette.line;
  context.fillRect(0, band.topPx + band.row.heightPx - 1, scene.widthPx, 1);
};

const drawScrollMark = (brush: Brush): void => {
  const { context, scene, palette } = brush;
  const last = scene.rows.at(-1);
  const totalPx = last === undefined ? 0 : last.topPx + last.heightPx;
  const roomPx = scene.heightPx - axisHeightPx;
  if (totalPx <= roomPx) return;
  const lengthPx = Math.max(24, (roomPx / totalPx) * roomPx);
  const topPx = axisHeightPx + (scene.offsetPx / totalPx) * roomPx;
  context.fillStyle = palette.lineStrong;
  context.fillRect(labelWidthPx - 5, topPx, 4, lengthPx);
};

/** One frame. The context keeps the transform for the screen's resolution. */
export const drawScene = (
  context: CanvasRenderingContext2D,
  scene: Scene,
  palette: Palette,
): void => {
  const { view, widthPx, heightPx } = scene;
  const pxPerMs = (widthPx - labelWidthPx) / (view.toMs - view.fromMs);
  const brush: Brush = {
    context,
    scene,
    palette,
    columns: new Uint8Array(spanLevelMax * (Math.ceil(widthPx / barPxMin) + 2)),
    xOf: (atMs) => labelWidthPx + (atMs - view.fromMs) * pxPerMs,
  };
  context.setTransform(scene.ratio, 0, 0, scene.ratio, 0, 0);
  context.textBaseline = "middle";
  context.font = `450 11px ${palette.font}`;
  context.fillStyle = palette.panel;
  context.fillRect(0, 0, widthPx, heightPx);
  drawFuture(brush);
  drawAxis(brush);
  context.save();
  context.beginPath();
  context.rect(0, axisHeightPx, widthPx, heightPx - axisHeightPx);
  context.clip();
  const shownPx = heightPx - axisHeightPx;
  const { first, end } = rowsBetween(scene.rows, scene.offsetPx, scene.offsetPx + shownPx);
  for (const row of scene.rows.slice(first, end)) {
    drawRow(brush, { row, topPx: row.topPx - scene.offsetPx + axisHeightPx });
  }
  drawScrollMark(brush);
  context.restore();
  drawNow(brush);
  drawPointer(brush);
  context.fillStyle = palette.lineStrong;
  context.fillRect(labelWidthPx - 1, 0, 1, heightPx);
  context.fillRect(0, axisHeightPx - 1, widthPx, 1);
  if (scene.zoomBox === null) return;
  context.globalAlpha = 0.2;
  context.fillStyle = palette.accent;
  const { fromPx, toPx } = scene.zoomBox;
  context.fillRect(Math.min(fromPx, toPx), 0, Math.abs(toPx - fromPx), heightPx);
  context.globalAlpha = 1;
};
