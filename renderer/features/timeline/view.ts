/** What part of the time is on screen. `isLive`: its right end follows the clock. */
export interface View {
  readonly fromMs: number;
  readonly toMs: number;
  readonly isLive: boolean;
}

const spanMsMin = 40;
const spanMsMax = 400 * 86_400_000;

/** Share of the span kept free to the right of now while following it. */
const liveRoom = 0.06;

export const zoomAt = (view: View, factor: number, atMs: number): View => {
  const wasMs = view.toMs - view.fromMs;
  const spanMs = Math.min(spanMsMax, Math.max(spanMsMin, wasMs * factor));
  const ratio = (atMs - view.fromMs) / wasMs;
  const fromMs = atMs - ratio * spanMs;
  return { fromMs, toMs: fromMs + spanMs, isLive: view.isLive };
};

/** Moving to the past lets go of the clock; the view stays where the person put it. */
export const panBy = (view: View, deltaMs: number): View => ({
  fromMs: view.fromMs + deltaMs,
  toMs: view.toMs + deltaMs,
  isLive: false,
});

export const centredAt = (view: View, atMs: number): View => {
  const halfMs = (view.toMs - view.fromMs) / 2;
  return { fromMs: atMs - halfMs, toMs: atMs + halfMs, isLive: false };
};

/** The same span with its end at now. */
export const followed = (view: View, nowMs: number): View => {
  const spanMs = view.toMs - view.fromMs;
  const toMs = nowMs + spanMs * liveRoom;
  return { fromMs: toMs - spanMs, toMs, isLive: true };
};

/** Everything from the first to the last known time, with a little room at both ends. */
export const fitted = (firstMs: number, lastMs: number): View => {
  const spanMs = Math.max(1000, lastMs - firstMs);
  const endMs = firstMs + spanMs;
  return { fromMs: firstMs - spanMs * 0.03, toMs: endMs + spanMs * 0.05, isLive: false };
};

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const steps = [
  1,
  2,
  5,
  10,
  20,
  50,
  100,
  200,
  500,
  ...[1, 2, 5, 10, 15, 30].map((count) => count * secondMs),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * minuteMs),
  ...[1, 2, 3, 6, 12].map((count) => count * hourMs),
  ...[1, 2, 7, 14, 30, 90].map((count) => count * dayMs),
];

/** The smallest round step of at least `leastMs`. */
export const tickStepMs = (leastMs: number): number =>
  steps.find((stepMs) => stepMs >= leastMs) ?? 365 * dayMs;

/** Round local times in the view, at least `leastMs` apart. `offsetMs` is local minus UTC. */
export const ticksIn = (view: View, leastMs: number, offsetMs: number): number[] => {
  const stepMs = tickStepMs(leastMs);
  const first = Math.ceil((view.fromMs + offsetMs) / stepMs) * stepMs - offsetMs;
  const count = Math.max(0, Math.floor((view.toMs - first) / stepMs) + 1);
  return Array.from({ length: count }, (_, at) => first + at * stepMs);
};

const pad = (value: number, digits = 2): string => String(value).padStart(digits, "0");

/** As fine as the step needs: "22 Nov", "14:05", "14:05:30", "14:05:30.250". */
export const tickText = (atMs: number, stepMs: number): string => {
  const at = new Date(atMs);
  if (stepMs >= dayMs) return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  const hours = `${pad(at.getHours())}:${pad(at.getMinutes())}`;
  if (stepMs >= minuteMs) return hours;
  const seconds = `${hours}:${pad(at.getSeconds())}`;
  return stepMs >= secondMs ? seconds : `${seconds}.${pad(at.getMilliseconds(), 3)}`;
};

/** "2026-11-22 14:05:30.250" */
export const exactTime = (atMs: number): string => `${tickText(atMs, dayMs)} ${tickText(atMs, 1)}`;
