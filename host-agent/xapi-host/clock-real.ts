import type { CancelSignal, Clock, Dice } from "../virtual-xapi/ports.ts";

/** Longest delay a timer can hold; longer sleeps are cut into such pieces. */
const timerMaxMs = 2_147_483_647;

export interface RealClock extends Clock {
  /** Timers that fall due wait until `thaw`, as those of a stopped process do. */
  freeze(): void;
  thaw(): void;
  /** Nothing that sleeps here wakes again: the owner has died. */
  dispose(): void;
}

export function createClock(): RealClock {
  const timers = new Set<NodeJS.Timeout>();
  let due: (() => void)[] = [];
  let isFrozen = false;
  let isDisposed = false;

  const pause = (ms: number, signal: CancelSignal | undefined): Promise<void> =>
    new Promise((resolve) => {
      let unsubscribe = (): void => {};
      const wake = (): void => {
        clearTimeout(timer);
        timers.delete(timer);
        unsubscribe();
        if (isDisposed) return;
        if (isFrozen) due.push(resolve);
        else resolve();
      };
      const timer = setTimeout(wake, ms);
      timers.add(timer);
      if (signal !== undefined) unsubscribe = signal.onCancel(wake);
    });

  return {
    nowMs: () => Date.now(),
    async sleep(ms, signal) {
      let leftMs = ms;
      while (leftMs > timerMaxMs && signal?.cancelled !== true) {
        await pause(timerMaxMs, signal);
        leftMs -= timerMaxMs;
      }
      if (signal?.cancelled !== true) await pause(Math.max(0, leftMs), signal);
    },
    freeze() {
      isFrozen = true;
    },
    thaw() {
      isFrozen = false;
      const ready = due;
      due = [];
      for (const resume of ready) resume();
    },
    dispose() {
      isDisposed = true;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      due = [];
    },
  };
}

export const realDice: Dice = {
  uuid: () => crypto.randomUUID(),
  fraction: () => Math.random(),
};
