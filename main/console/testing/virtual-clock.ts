import type { Clock } from "../ports.ts";

export interface VirtualClock extends Clock {
  /** runs the next thing that is due; false when nothing is */
  step(): boolean;
  /** when the next thing is due; null when nothing is */
  nextAtMs(): number | null;
  at(delayMs: number, work: () => void): void;
  nowMs(): number;
  moveTo(ms: number): void;
}

interface Due {
  readonly atMs: number;
  readonly work: () => void;
}

/** Time that moves only when somebody waits for it. */
export function createVirtualClock(): VirtualClock {
  let nowMs = 0;
  let due: Due[] = [];
  const sorted = (): Due[] => due.sort((a, b) => a.atMs - b.atMs);
  return {
    wallMs: () => 1_700_000_000_000 + nowMs,
    monotonicMs: () => nowMs,
    nowMs: () => nowMs,
    at(delayMs, work) {
      due.push({ atMs: nowMs + delayMs, work });
    },
    sleep(ms, signal) {
      return new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const entry = { atMs: nowMs + ms, work: () => resolve() };
        due.push(entry);
        signal?.addEventListener("abort", () => {
          due = due.filter((one) => one !== entry);
          resolve();
        });
      });
    },
    nextAtMs: () => sorted()[0]?.atMs ?? null,
    step() {
      const next = sorted().shift();
      if (next === undefined) return false;
      due = due.filter((one) => one !== next);
      nowMs = Math.max(nowMs, next.atMs);
      next.work();
      return true;
    },
    moveTo(ms) {
      nowMs = Math.max(nowMs, ms);
    },
  };
}

/** Lets time pass whenever nothing else can happen, until the promise settles. */
export async function pump<T>(clock: VirtualClock, work: Promise<T>): Promise<T> {
  let isOver = false;
  const watched = work.finally(() => {
    isOver = true;
  });
  watched.catch(() => undefined);
  for (;;) {
    await new Promise((resolve) => void setImmediate(resolve));
    if (isOver) return watched;
    if (!clock.step()) throw new Error("nothing is due and the work has not ended");
  }
}
