import type { LeaveKind, Role } from "./journal-event.ts";

/*
 * Everything that can happen to an agent. Adapters say what arrived; nothing here is judged yet.
 * `monoMs` is one monotonic clock per boot, `wallMs` is for display and offsets only.
 */

/** The same fields as the pool's settings on the wire. */
export interface Settings {
  readonly revision: number;
  readonly beatIntervalMs: number;
  readonly suspectAfterMissedBeats: number;
  readonly xapiProbeIntervalMs: number;
  readonly xapiProbeTimeoutMs: number;
  readonly domainScanIntervalMs: number;
  readonly clockOffsetReportMs: number;
  readonly journalBytesMax: number;
}

export type SettingsSource = "default" | "pool" | "last-valid";

/** What a counted beat says: authentic, fresh, from this peer on this path. */
export interface Beat {
  readonly peer: string;
  readonly path: string;
  readonly boot: string;
  /** changes with every start of the peer's agent, unlike `boot` */
  readonly instance: string;
  readonly seq: number;
  /** the peer heard this host on this path within its own suspect time */
  readonly hearsUs: boolean;
  /** hosts that the peer hears on any path */
  readonly hears: readonly string[];
  readonly role: Role;
  readonly version: string;
  /** how often the peer beats now; its own settings may be newer or older than ours */
  readonly beatIntervalMs: number | null;
  /** of the peer's running domains */
  readonly digest: string;
  readonly leaving: LeaveKind | null;
  /** the peer's wall clock when it sent */
  readonly sentWallMs: number;
  /**
   * from our beat that this one echoes, without the time that the peer held it; null without echo
   */
  readonly roundTripMs: number | null;
}

export interface Domain {
  readonly vm: string;
  readonly name: string | null;
  readonly state: string;
}

export type Input =
  | {
      readonly type: "Started";
      readonly previousEnd: "clean" | "unclean" | "first";
    }
  | { readonly type: "Tick" }
  /** the loop ran this much later than it had planned; comes before what then is drained */
  | { readonly type: "LoopWasLate"; readonly lateMs: number }
  | { readonly type: "BeatReceived"; readonly beat: Beat; readonly receivedWallMs: number }
  | {
      readonly type: "BeatRefused";
      readonly path: string;
      readonly reason: string;
      /** known only where the datagram was authentic */
      readonly peer: string | null;
      readonly count: number;
    }
  /** from the host's own file, true also while XAPI hangs */
  | { readonly type: "RoleRead"; readonly role: Role; readonly coordinatorAddress: string | null }
  | { readonly type: "XapiAnswered"; readonly isEmergency: boolean }
  | { readonly type: "XapiFailed"; readonly reason: string }
  | { readonly type: "DomainsListed"; readonly domains: readonly Domain[] }
  | { readonly type: "DomainsUnknown"; readonly reason: string }
  | {
      readonly type: "SettingsRead";
      readonly status: "valid";
      readonly settings: Settings;
    }
  | {
      readonly type: "SettingsRead";
      readonly status: "refused";
      readonly revision: number | null;
      readonly problems: readonly string[];
    }
  | { readonly type: "StopAsked"; readonly how: LeaveKind };
