import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../console/ports.ts";

/** The clock of this machine. A sleep does not keep the process alive by itself when aborted. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    if (signal?.aborted) return;
    try {
      await wait(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    }
  },
};
