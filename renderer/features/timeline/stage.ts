import type { TimelineItem } from "../../../main/contract/timeline.ts";
import { axisHeightPx, drawScene, labelWidthPx, type Scene } from "./draw.ts";
import { hitLane, rowsBetween, type Row } from "./lane-layout.ts";
import { readPalette, type Palette } from "./palette.ts";
import { centredAt, fitted, followed, panBy, zoomAt, type View } from "./view.ts";

/** What there is to show; a new one replaces the old and keeps the place. */
export type Picture = Pick<Scene, "rows" | "known" | "journals"> & {
  readonly firstMs: number;
  readonly lastMs: number;
};

export interface StageEvents {
  readonly onSelect: (item: TimelineItem | null) => void;
  readonly onFold: (laneId: string) => void;
  /** following the clock was begun or given up */
  readonly onLive: (isLive: boolean) => void;
}

type Drag =
  | {
      readonly kind: "pan";
      readonly xPx: number;
      readonly yPx: number;
      readonly view: View;
      readonly offsetPx: number;
    }
  | { readonly kind: "zoom"; readonly xPx: number };

const hitReachPx = 7;
const clickPx = 4;
const liveFrameMsMin = 50;
const startSpanMs = 10 * 60_000;

/**
 * The canvas with its place in time. It draws at most once per frame and only when something moved;
 * React tells it what there is and hears what was chosen.
 */
export class Stage {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #events: StageEvents;
  readonly #stopped = new AbortController();
  #picture: Picture | null = null;
  #palette: Palette | null = null;
  #view: View;
  #offsetPx = 0;
  #selected: TimelineItem | null = null;
  #pointer: { xPx: number; yPx: number } | null = null;
  #drag: Drag | null = null;
  #isFrameAsked = false;
  #liveTimer: ReturnType<typeof setTimeout> | null = null;
  #sizePx = { width: 0, height: 0 };

  constructor(canvas: HTMLCanvasElement, events: StageEvents) {
    const context = canvas.getContext("2d", { alpha: false });
    if (context === null) throw new Error("this browser has no canvas");
    this.#canvas = canvas;
    this.#context = context;
    this.#events = events;
    this.#view = followed({ fromMs: 0, toMs: startSpanMs, isLive: true }, Date.now());
    this.#listen();
  }

  get view(): View {
    return this.#view;
  }

  stop(): void {
    this.#stopped.abort();
    if (this.#liveTimer !== null) clearTimeout(this.#liveTimer);
    this.#picture = null;
  }

  /** The first picture is shown whole; later ones do not move what is on screen. */
  show(picture: Picture): void {
    const isFirst = this.#picture === null;
    this.#picture = picture;
    if (isFirst) this.#start(picture);
    this.#offsetPx = Math.min(this.#offsetPx, this.#offsetMaxPx());
    this.redraw();
  }

  /** Colours or size of the screen may have changed. */
  refresh(): void {
    this.#palette = null;
    this.redraw();
  }

  select(item: TimelineItem | null, isBroughtIntoView: boolean): void {
    this.#selected = item;
    if (item !== null && isBroughtIntoView) this.#bringIntoView(item);
    this.redraw();
  }

  zoom(factor: number): void {
    const atMs = this.#view.isLive ? Date.now() : (this.#view.fromMs + this.#view.toMs) / 2;
    this.#move(zoomAt(this.#view, factor, atMs));
  }

  pan(share: number): void {
    this.#move(panBy(this.#view, share * (this.#view.toMs - this.#view.fromMs)));
  }

  fit(): void {
    if (this.#picture !== null) this.#move(fitted(this.#picture.firstMs, this.#picture.lastMs));
  }

  goTo(atMs: number): void {
    this.#move(centredAt(this.#view, atMs));
  }

  follow(isLive: boolean): void {
    this.#move(isLive ? followed(this.#view, Date.now()) : { ...this.#view, isLive: false });
  }

  scroll(deltaPx: number): void {
    this.#offsetPx = Math.max(0, Math.min(this.#offsetMaxPx(), this.#offsetPx + deltaPx));
    this.redraw();
  }

  redraw(): void {
    if (this.#isFrameAsked || this.#stopped.signal.aborted) return;
    this.#isFrameAsked = true;
    requestAnimationFrame(() => {
      this.#isFrameAsked = false;
      this.#draw();
    });
  }

  #start(picture: Picture): void {
    const nowMs = Date.now();
    const lastsMs = picture.lastMs - picture.firstMs;
    const isRecent = nowMs - picture.lastMs < startSpanMs;
    if (isRecent && lastsMs < 2 * startSpanMs) {
      const whole = fitted(picture.firstMs, nowMs);
      this.#move(followed(whole, nowMs));
    } else this.#move(fitted(picture.firstMs, picture.lastMs));
  }

  #move(view: View): void {
    const wasLive = this.#view.isLive;
    this.#view = view;
    if (view.isLive !== wasLive) this.#events.onLive(view.isLive);
    this.redraw();
  }

  #bringIntoView(item: TimelineItem): void {
    const { fromMs, toMs } = this.#view;
    const marginMs = (toMs - fromMs) * 0.05;
    if (item.atMs < fromMs + marginMs || item.atMs > toMs - marginMs) this.goTo(item.atMs);
    const row = this.#picture?.rows.find((each) => each.lane.id === item.laneId);
    if (row === undefined) return;
    const roomPx = this.#sizePx.height - axisHeightPx;
    if (row.topPx < this.#offsetPx) this.#offsetPx = row.topPx;
    if (row.topPx + row.heightPx > this.#offsetPx + roomPx) {
      this.#offsetPx = Math.max(0, row.topPx + row.heightPx - roomPx);
    }
  }

  #offsetMaxPx(): number {
    const last = this.#picture?.rows.at(-1);
    const totalPx = last === undefined ? 0 : last.topPx + last.heightPx;
    return Math.max(0, totalPx - (this.#sizePx.height - axisHeightPx));
  }

  #draw(): void {
    if (this.#picture === null || this.#stopped.signal.aborted) return;
    const ratio = window.devicePixelRatio;
    this.#fitCanvas(ratio);
    if (this.#sizePx.width <= labelWidthPx || this.#sizePx.height <= axisHeightPx) return;
    this.#palette ??= readPalette(this.#canvas, ratio);
    const nowMs = Date.now();
    if (this.#view.isLive) this.#view = followed(this.#view, nowMs);
    drawScene(
      this.#context,
      {
        ...this.#picture,
        view: this.#view,
        nowMs,
        widthPx: this.#sizePx.width,
        heightPx: this.#sizePx.height,
        ratio,
        offsetPx: this.#offsetPx,
        selected: this.#selected,
        pointer: this.#drag === null ? this.#pointer : null,
        zoomBox:
          this.#drag?.kind === "zoom" && this.#pointer !== null
            ? { fromPx: this.#drag.xPx, toPx: this.#pointer.xPx }
            : null,
      },
      this.#palette,
    );
    this.#tick();
  }

  /** The line of now moves by itself, as often as it would move a pixel. */
  #tick(): void {
    const isNowShown = this.#view.fromMs < Date.now() && Date.now() < this.#view.toMs;
    if (this.#liveTimer !== null || !isNowShown) return;
    const pxMs = (this.#view.toMs - this.#view.fromMs) / this.#sizePx.width;
    const waitMs = Math.min(1000, Math.max(liveFrameMsMin, pxMs));
    this.#liveTimer = setTimeout(() => {
      this.#liveTimer = null;
      this.redraw();
    }, waitMs);
  }

  #fitCanvas(ratio: number): void {
    const { clientWidth, clientHeight } = this.#canvas;
    this.#sizePx = { width: clientWidth, height: clientHeight };
    const width = Math.round(clientWidth * ratio);
    const height = Math.round(clientHeight * ratio);
    if (this.#canvas.width === width && this.#canvas.height === height) return;
    this.#canvas.width = width;
    this.#canvas.height = height;
    this.#palette = null;
  }

  #listen(): void {
    const { signal } = this.#stopped;
    const on = <K extends "pointerdown" | "pointermove" | "pointerup" | "pointerleave" | "wheel">(
      kind: K,
      listener: (event: HTMLElementEventMap[K]) => void,
    ): void => this.#canvas.addEventListener(kind, listener, { signal, passive: false });
    on("wheel", (event) => this.#onWheel(event));
    on("pointerdown", (event) => this.#onDown(event));
    on("pointermove", (event) => this.#onMove(event));
    on("pointerup", (event) => this.#onUp(event));
    on("pointerleave", () => {
      this.#pointer = null;
      this.redraw();
    });
    const observer = new ResizeObserver(() => this.redraw());
    observer.observe(this.#canvas);
    signal.addEventListener("abort", () => observer.disconnect());
  }

  #placeOf(event: MouseEvent): { xPx: number; yPx: number } {
    return { xPx: event.offsetX, yPx: event.offsetY };
  }

  #timeAt(xPx: number): number {
    const share = (xPx - labelWidthPx) / Math.max(1, this.#sizePx.width - labelWidthPx);
    return this.#view.fromMs + share * (this.#view.toMs - this.#view.fromMs);
  }

  #rowAt(yPx: number): Row | null {
    const rows = this.#picture?.rows ?? [];
    const heightPx = yPx - axisHeightPx + this.#offsetPx;
    if (yPx < axisHeightPx) return null;
    const { first, end } = rowsBetween(rows, heightPx, heightPx + 1);
    return end > first ? (rows[first] ?? null) : null;
  }

  /** Over names the wheel scrolls lanes, over the plot it zooms; sideways or with Shift it pans. */
  #onWheel(event: WheelEvent): void {
    event.preventDefault();
    const { xPx } = this.#placeOf(event);
    const stepPx = event.deltaMode === 0 ? 1 : 24;
    const sidewaysPx =
      (event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX) * stepPx;
    if (xPx < labelWidthPx) this.scroll(event.deltaY * stepPx);
    else if (Math.abs(sidewaysPx) > Math.abs(event.deltaY * stepPx) || event.shiftKey) {
      this.pan(sidewaysPx / Math.max(1, this.#sizePx.width - labelWidthPx));
    } else {
      const atMs = this.#view.isLive ? Date.now() : this.#timeAt(xPx);
      this.#move(zoomAt(this.#view, Math.exp((event.deltaY * stepPx) / 400), atMs));
    }
  }

  #onDown(event: PointerEvent): void {
    if (event.button !== 0) return;
    const { xPx, yPx } = this.#placeOf(event);
    this.#canvas.setPointerCapture(event.pointerId);
    this.#drag =
      yPx < axisHeightPx && xPx > labelWidthPx
        ? { kind: "zoom", xPx }
        : { kind: "pan", xPx, yPx, view: this.#view, offsetPx: this.#offsetPx };
  }

  #onMove(event: PointerEvent): void {
    const place = this.#placeOf(event);
    this.#pointer = place;
    if (this.#drag?.kind === "pan") this.#dragTo(this.#drag, place);
    this.#canvas.style.cursor = this.#cursorAt(place);
    this.redraw();
  }

  #cursorAt({ xPx, yPx }: { xPx: number; yPx: number }): string {
    if (this.#drag !== null) return this.#drag.kind === "pan" ? "grabbing" : "ew-resize";
    if (yPx < axisHeightPx) return "ew-resize";
    return this.#itemAt(xPx, yPx) === null ? "default" : "pointer";
  }

  #dragTo(drag: Extract<Drag, { kind: "pan" }>, place: { xPx: number; yPx: number }): void {
    const movedPx = place.xPx - drag.xPx;
    const isClick = Math.abs(movedPx) < clickPx && Math.abs(place.yPx - drag.yPx) < clickPx;
    if (isClick) return;
    const plotPx = Math.max(1, this.#sizePx.width - labelWidthPx);
    const deltaMs = (-movedPx / plotPx) * (drag.view.toMs - drag.view.fromMs);
    if (drag.xPx >= labelWidthPx && Math.abs(movedPx) >= clickPx) {
      this.#move(panBy(drag.view, deltaMs));
    }
    this.#offsetPx = drag.offsetPx;
    this.scroll(drag.yPx - place.yPx);
  }

  #onUp(event: PointerEvent): void {
    const drag = this.#drag;
    this.#drag = null;
    const { xPx, yPx } = this.#placeOf(event);
    if (drag?.kind === "zoom" && Math.abs(xPx - drag.xPx) >= clickPx) {
      const fromMs = this.#timeAt(Math.min(xPx, drag.xPx));
      const toMs = this.#timeAt(Math.max(xPx, drag.xPx));
      this.#move({ fromMs, toMs, isLive: false });
    }
    if (drag?.kind !== "pan") return;
    if (Math.abs(xPx - drag.xPx) >= clickPx || Math.abs(yPx - drag.yPx) >= clickPx) {
      this.redraw();
      return;
    }
    const row = this.#rowAt(yPx);
    if (xPx < labelWidthPx && row !== null && row.childCount > 0) {
      this.#events.onFold(row.lane.id);
      return;
    }
    this.#events.onSelect(this.#itemAt(xPx, yPx));
  }

  #itemAt(xPx: number, yPx: number): TimelineItem | null {
    const row = xPx < labelWidthPx ? null : this.#rowAt(yPx);
    if (row === null) return null;
    const reachMs = Math.abs(this.#timeAt(xPx + hitReachPx) - this.#timeAt(xPx));
    return hitLane(row.index, this.#timeAt(xPx), reachMs);
  }
}
