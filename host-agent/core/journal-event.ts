/*
 * The facts worth remembering. The same union stands, with its checks, in the wire contract; this
 * room imports nothing, so the daemon's types prove at build time that the two agree.
 */

export type Role = "coordinator" | "supporter" | "unknown";
export type LeaveKind = "reboot" | "shutdown" | "agent-stop";

export type JournalEvent =
  | {
      readonly type: "AgentStarted";
      readonly version: string;
      readonly settingsRevision: number;
      readonly previousEnd: "clean" | "unclean" | "first";
    }
  | { readonly type: "AgentStopped"; readonly reason: "asked" | "host-shutdown" }
  | {
      readonly type: "PathHeard";
      readonly peer: string;
      readonly path: string;
      readonly peerBoot: string;
    }
  | {
      readonly type: "PathSilent";
      readonly peer: string;
      readonly path: string;
      readonly silentMs: number;
      readonly missedBeats: number;
    }
  | {
      readonly type: "PathHeardAgain";
      readonly peer: string;
      readonly path: string;
      readonly silentMs: number;
    }
  | { readonly type: "PathOneWay"; readonly peer: string; readonly path: string }
  | {
      readonly type: "PathBothWays";
      readonly peer: string;
      readonly path: string;
      readonly oneWayMs: number;
    }
  | {
      readonly type: "HostSuspected";
      readonly peer: string;
      readonly silentMs: number;
      readonly suspectAfterMs: number;
      readonly pathsSilent: string[];
      readonly coordinatorSeenBy: string[];
    }
  | {
      readonly type: "HostHeardAgain";
      readonly peer: string;
      readonly silentMs: number;
      readonly sameBoot: boolean;
    }
  | {
      readonly type: "PeerRebooted";
      readonly peer: string;
      readonly boot: string;
      readonly announced: boolean;
    }
  | { readonly type: "PeerLeaving"; readonly peer: string; readonly how: LeaveKind }
  | { readonly type: "AgentStalled"; readonly stalledMs: number }
  | {
      readonly type: "BeatsRefused";
      readonly path: string;
      readonly counts: Record<string, number>;
    }
  | { readonly type: "XapiSilent"; readonly silentMs: number }
  | { readonly type: "XapiAnswered"; readonly silentMs: number }
  | {
      readonly type: "RoleChanged";
      readonly role: Role;
      readonly coordinatorAddress: string | null;
    }
  | { readonly type: "DomainAppeared"; readonly vm: string; readonly vmName: string | null }
  | { readonly type: "DomainGone"; readonly vm: string; readonly vmName: string | null }
  | {
      readonly type: "ClockOffsetChanged";
      readonly peer: string;
      readonly offsetMs: number;
      readonly uncertaintyMs: number;
    }
  | { readonly type: "SettingsApplied"; readonly revision: number; readonly changes: string[] }
  | {
      readonly type: "SettingsRefused";
      readonly revision: number | null;
      readonly problems: string[];
      readonly keptRevision: number;
    }
  | { readonly type: "JournalGap"; readonly lostLines: number; readonly reason: string }
  | { readonly type: "LeaveAnnounced"; readonly how: LeaveKind };
