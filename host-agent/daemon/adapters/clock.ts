import { readFileSync } from "node:fs";

export interface Clock {
  /** milliseconds since the host's boot, never back; no step of the wall clock moves it */
  monoMs(): number;
  wallMs(): number;
}

/**
 * CLOCK_MONOTONIC through the runtime, set to the kernel's uptime once: runtimes count from their
 * own start. It may be slewed by a time daemon by up to 8.5 %; nothing that only watches minds.
 */
export function realClock(): Clock {
  const uptimeMs = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000;
  const baseMs = uptimeMs - performance.now();
  return {
    monoMs: () => baseMs + performance.now(),
    wallMs: () => Date.now(),
  };
}
