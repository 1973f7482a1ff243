import type { SendBeatEffect } from "../core/effect.ts";
import type { Input } from "../core/input.ts";

/* What the loop needs of the outside; an adapter each. */

/** Takes what arrived; called at the moment it arrived. */
export type Feed = (input: Input) => void;

export interface Heartbeats {
  send(beat: SendBeatEffect): void;
  /** datagrams taken from the sockets so far, counted or not */
  received(): number;
  /** feeds what was refused since the last call, summed up */
  flushRefusals(): void;
  /** sentences about paths that cannot be used from this side */
  troubles(): readonly string[];
  close(): void;
}

/** A prober of something that may hang: it answers by feeding, and never holds anybody up. */
export interface Prober {
  close(): Promise<void>;
}
