/**
 * Time that passes only when a test says so. Everything due at one moment runs before time moves
 * on.
 */
import type { CancelSignal, Clock } from "../ports.ts";

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/**
 * `turn` lets everything that is ready run to its next wait. The room has no timers of its own, so
 * the caller brings it: `() => new Promise((resolve) => setImmediate(resolve))` under Node.
 */
export class VirtualTime {
  nowMs: number;
  readonly #turn: () => Promise<void>;
  readonly #timers = new Set<Timer>();
  #order = 0;

  constructor(startMs: number, turn: () => Promise<void>) {
    this.nowMs = startMs;
    this.#turn = turn;
  }

  /** Calls back after `ms`; returns the way to call it off. */
  schedule(ms: number, fire: () => void): () => void {
    this.#order += 1;
    const timer = { atMs: this.nowMs + Math.max(0, ms), order: this.#order, fire };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  sleep(ms: number, signal?: CancelSignal): Promise<void> {
    return new Promise((resolve) => {
      let unsubscribe = (): void => {};
      const callOff = this.schedule(ms, () => {
        unsubscribe();
        resolve();
      });
      if (signal === undefined) return;
      unsubscribe = signal.onCancel(() => {
        callOff();
        resolve();
      });
    });
  }

  /** A host's own clock: this time, plus how far it is off. */
  clock(offsetMs: () => number = () => 0): Clock {
    return {
      nowMs: () => this.nowMs + offsetMs(),
      sleep: (ms, signal) => this.sleep(ms, signal),
    };
  }

  settle(): Promise<void> {
    return this.#turn();
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    await this.#turn();
    for (let next = this.#next(untilMs); next !== null; next = this.#next(untilMs)) {
      await this.#fire(next);
    }
    this.nowMs = untilMs;
    await this.#turn();
  }

  /** Lets time pass until the promise settles. Throws when it has not after `limitMs`. */
  async until<T>(promise: Promise<T>, limitMs = 3_600_000): Promise<T> {
    let settled = false;
    const watched = promise.finally(() => {
      settled = true;
    });
    watched.catch(() => {});
    const untilMs = this.nowMs + limitMs;
    await this.#turn();
    while (!settled) {
      const next = this.#next(untilMs);
      if (next === null) throw new Error(`still waiting after ${limitMs} ms`);
      await this.#fire(next);
    }
    return await watched;
  }

  /** Whether the promise is still open after `ms`. */
  async hangs(promise: Promise<unknown>, ms: number): Promise<boolean> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    promise.then(note, note);
    await this.advance(ms);
    return !settled;
  }

  async #fire(timer: Timer): Promise<void> {
    this.#timers.delete(timer);
    this.nowMs = Math.max(this.nowMs, timer.atMs);
    timer.fire();
    await this.#turn();
  }

  #next(untilMs: number): Timer | null {
    let first: Timer | null = null;
    for (const timer of this.#timers) {
      if (timer.atMs > untilMs) continue;
      const earlier =
        first === null ||
        timer.atMs < first.atMs ||
        (timer.atMs === first.atMs && timer.order < first.order);
      if (earlier) first = timer;
    }
    return first;
  }
}
