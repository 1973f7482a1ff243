import type { JournalEvent } from "../contract/journal.ts";
import { describe } from "../core/describe.ts";
import type { Names } from "../core/describe.ts";
import type { Effect, RecordEffect } from "../core/effect.ts";
import type { Input } from "../core/input.ts";
import type { State } from "../core/state.ts";
import { nextWakeMs, step } from "../core/step.ts";
import { lateLimitMs } from "../core/timing.ts";
import type { Clock } from "./adapters/clock.ts";
import type { Draft, JournalFile } from "./adapters/journal-file.ts";
import type { Heartbeats } from "./ports.ts";

/*
 * Next input, step, record, act. Duties of whoever runs it:
 * 1. Every input goes through `take`, at the moment it arrived, never from inside an effect.
 * 2. Own lateness is noted before the input that came late is looked at.
 * 3. Silence is judged by a tick only, after the sockets were read empty.
 * 4. Records go to the journal before anything that follows from them; who follows the journal is
 *    told when a line is durable. Beats do not wait for the disk: they are evidence, not acts. An
 *    effect that acts on the pool has to wait for `journal.settled()`.
 */

export interface LoopOptions {
  readonly initial: State;
  readonly host: string;
  readonly boot: string;
  readonly names: Names;
  readonly clock: Clock;
  readonly journal: JournalFile;
  readonly heartbeats: () => Heartbeats | null;
  readonly keepSettings: (effect: Extract<Effect, { type: "KeepSettings" }>) => void;
}

const drainTurnsMax = 64;
const wakeMsMin = 5;

export class Loop {
  readonly #options: LoopOptions;
  #state: State;
  #timer: NodeJS.Timeout | null = null;
  #plannedMs = Number.POSITIVE_INFINITY;
  #isStopped = false;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#state = options.initial;
  }

  get state(): State {
    return this.#state;
  }

  start(): void {
    this.#plan();
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  take(input: Input): void {
    this.#noteLateness();
    this.#step(input);
  }

  #step(input: Input): void {
    const { state, effects } = step(this.#state, input, { monoMs: this.#options.clock.monoMs() });
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case "Record":
        this.#options.journal.append(this.#draft(effect));
        break;
      case "SendBeat":
        this.#options.heartbeats()?.send(effect);
        break;
      case "KeepSettings":
        this.#options.keepSettings(effect);
        break;
    }
  }

  #draft(effect: RecordEffect): Draft {
    const { host, boot, names, clock } = this.#options;
    return draftLine(
      { host, boot, monoMs: clock.monoMs(), wallMs: clock.wallMs() },
      { ...effect, text: describe(effect.event, names) },
    );
  }

  #noteLateness(): void {
    const now = this.#options.clock.monoMs();
    const lateMs = now - this.#plannedMs;
    if (lateMs < lateLimitMs(this.#state.settings)) return;
    this.#plannedMs = now;
    this.#step({ type: "LoopWasLate", lateMs });
  }

  #plan(): void {
    if (this.#isStopped) return;
    const now = this.#options.clock.monoMs();
    const waitMs = Math.max(wakeMsMin, nextWakeMs(this.#state) - now);
    this.#plannedMs = now + waitMs;
    this.#timer = setTimeout(() => void this.#tick(), waitMs);
  }

  async #tick(): Promise<void> {
    this.#noteLateness();
    this.#plannedMs = Number.POSITIVE_INFINITY;
    await this.#drained();
    if (this.#isStopped) return;
    this.#options.heartbeats()?.flushRefusals();
    this.#step({ type: "Tick" });
    this.#plan();
  }

  /** Turns of the event loop until one brings no datagram; each turn reads every socket once. */
  async #drained(): Promise<void> {
    const heartbeats = this.#options.heartbeats();
    if (heartbeats === null) return;
    for (let turn = 0; turn < drainTurnsMax; turn += 1) {
      const before = heartbeats.received();
      await nextTurn();
      if (turn > 0 && heartbeats.received() === before) return;
    }
  }
}

/** One line but its sequence. */
export function draftLine(
  at: { host: string; boot: string; monoMs: number; wallMs: number },
  told: {
    event: JournalEvent;
    inputs: readonly { name: string; value: string }[];
    rule: string | null;
    text: string;
  },
): Draft {
  const { host, boot } = at;
  const { event, rule, text } = told;
  return {
    v: 1,
    host,
    boot,
    term: 0,
    monoMs: Math.round(at.monoMs),
    wallMs: Math.round(at.wallMs),
    event,
    inputs: [...told.inputs],
    rule,
    text,
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
