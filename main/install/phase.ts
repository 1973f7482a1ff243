import type { UploadProgress } from "./shell.ts";
import type { Release } from "./bundle.ts";
import type { Host } from "./host.ts";

/*
 * A step of a roll-out on one host. `look` reads and says whether anything has to be done; the dry run
 * is `look` alone. `run` may be cut off anywhere and called again. `undo` brings back what `before`
 * remembers, and may be called when `run` never came to its end.
 */
export interface Phase {
  readonly id: string;
  readonly title: string;
  readonly undoSentence: string | null;
  look(context: PhaseContext): Promise<Looked>;
  /** what was done, in words */
  run(context: PhaseContext): Promise<string>;
  undo?(context: PhaseContext): Promise<void>;
}

export interface Looked {
  readonly isNeeded: boolean;
  /** what it will do, or why there is nothing to do */
  readonly sentence: string;
}

/** What a host was like before this run wrote anything to it; kept over a crash of the console. */
export interface Before {
  /** none of Skink's folders was there */
  readonly isBare: boolean;
  readonly current: string | null;
  readonly previous: string | null;
  readonly hadRelease: boolean;
  readonly hostFileText: string | null;
  readonly hadKey: boolean;
  readonly hadUnit: boolean;
  readonly hadFirewallRule: boolean;
  readonly wasRunning: boolean;
  /** of Skink's folders, those that were there */
  readonly folders: readonly string[];
}

export interface PhaseContext {
  readonly host: Host;
  readonly target: HostTarget;
  /** the version this run brings to this host */
  readonly version: string;
  /** null for runs that send nothing */
  readonly release: Release | null;
  readonly before: Before;
  readonly onBytes: (bytes: UploadProgress) => void;
  readonly signal: AbortSignal;
  readonly wait: (ms: number) => Promise<void>;
  readonly monotonicMs: () => number;
  readonly timing: RolloutTiming;
}

export interface HostTarget {
  readonly uuid: string;
  readonly name: string;
  /** the text of /etc/skink/host.json */
  readonly hostFileText: string;
  /** 64 hex digits; only ever sent on standard input */
  readonly poolKey: string;
  readonly udpPort: number;
  readonly isCanary: boolean;
}

export interface RolloutTiming {
  /** until every host hears every other on every path */
  readonly heardMs: number;
  /** how long an upgraded agent has to stay healthy; the canary longer */
  readonly watchMs: number;
  readonly canaryWatchMs: number;
  readonly pollMs: number;
  /** how long a lost connection may take to come back */
  readonly lossMs: number;
}

export const rolloutTiming: RolloutTiming = {
  heardMs: 60_000,
  watchMs: 10_000,
  canaryWatchMs: 30_000,
  pollMs: 500,
  lossMs: 60_000,
};
