import type { Domain, Settings, SettingsSource } from "./input.ts";
import type { LeaveKind, Role } from "./journal-event.ts";

/* What an agent knows. Plain readonly data: a step makes a new one, a test writes one down. */

export interface PeerConfig {
  readonly uuid: string;
  readonly name: string;
  /** names of the paths this peer has an address on */
  readonly paths: readonly string[];
}

export interface Config {
  readonly host: string;
  readonly version: string;
  readonly peers: readonly PeerConfig[];
}

/** One directed path: what arrives from one peer on one network. */
export interface Link {
  readonly path: string;
  readonly state: "never-heard" | "heard" | "silent";
  readonly lastBeatMs: number | null;
  /** the agent's own lateness so far when that beat came: it is no silence of the peer */
  readonly lateMsAtBeat: number;
  readonly hearsUs: boolean;
  /** since when the peer says that it does not hear us; null while it does */
  readonly oneWaySinceMs: number | null;
  readonly isOneWayRecorded: boolean;
  readonly oneWayRecordedMs: number | null;
  readonly roundTripMs: number | null;
  readonly refusedBeats: number;
  /** smallest margin per bucket of five minutes, oldest first, of the last hour */
  readonly margins: readonly { readonly bucket: number; readonly marginMs: number }[];
}

export interface Peer {
  readonly uuid: string;
  readonly name: string;
  readonly state: "never-heard" | "live" | "leaving" | "suspected";
  readonly boot: string | null;
  readonly instance: string | null;
  readonly version: string | null;
  readonly role: Role;
  readonly hears: readonly string[];
  readonly digest: string | null;
  readonly beatIntervalMs: number | null;
  readonly leaving: LeaveKind | null;
  readonly leavingSinceMs: number | null;
  readonly clock: { readonly offsetMs: number; readonly uncertaintyMs: number } | null;
  readonly clockReported: { readonly offsetMs: number; readonly atMs: number } | null;
  readonly links: Readonly<Record<string, Link>>;
}

export interface Xapi {
  readonly state: "answers" | "silent" | "unknown";
  readonly lastAnswerMs: number | null;
  readonly isEmergency: boolean;
  readonly failure: string | null;
}

export interface Refusals {
  readonly path: string;
  readonly counts: Readonly<Record<string, number>>;
}

export interface State {
  readonly config: Config;
  readonly settings: Settings;
  readonly settingsSource: SettingsSource;
  readonly settingsProblems: readonly string[];
  readonly startedMs: number;
  readonly lateTotalMs: number;
  readonly nextBeatMs: number;
  readonly beatSeq: number;
  readonly peers: Readonly<Record<string, Peer>>;
  readonly role: Role;
  readonly coordinatorAddress: string | null;
  readonly xapi: Xapi;
  /** the last list; null until a first one came */
  readonly domains: readonly Domain[] | null;
  /** why the list could not be read last time; null when it could */
  readonly domainsTrouble: string | null;
  readonly digest: string;
  readonly refusals: readonly Refusals[];
  readonly refusalsReportedMs: number;
  readonly isStopping: boolean;
}

export interface StartOptions {
  readonly config: Config;
  readonly settings: Settings;
  readonly settingsSource: SettingsSource;
  readonly monoMs: number;
}

export function initialState(options: StartOptions): State {
  const { config, monoMs } = options;
  const peers = config.peers
    .toSorted((a, b) => (a.uuid < b.uuid ? -1 : 1))
    .map((peer) => [peer.uuid, unheardPeer(peer)] as const);
  return {
    config,
    settings: options.settings,
    settingsSource: options.settingsSource,
    settingsProblems: [],
    startedMs: monoMs,
    lateTotalMs: 0,
    nextBeatMs: monoMs,
    beatSeq: 0,
    peers: Object.fromEntries(peers),
    role: "unknown",
    coordinatorAddress: null,
    xapi: { state: "unknown", lastAnswerMs: null, isEmergency: false, failure: null },
    domains: null,
    domainsTrouble: null,
    digest: "unknown",
    refusals: [],
    refusalsReportedMs: monoMs,
    isStopping: false,
  };
}

function unheardPeer(config: PeerConfig): Peer {
  return {
    uuid: config.uuid,
    name: config.name,
    state: "never-heard",
    boot: null,
    instance: null,
    version: null,
    role: "unknown",
    hears: [],
    digest: null,
    beatIntervalMs: null,
    leaving: null,
    leavingSinceMs: null,
    clock: null,
    clockReported: null,
    links: Object.fromEntries(config.paths.map((path) => [path, unheardLink(path)])),
  };
}

function unheardLink(path: string): Link {
  return {
    path,
    state: "never-heard",
    lastBeatMs: null,
    lateMsAtBeat: 0,
    hearsUs: false,
    oneWaySinceMs: null,
    isOneWayRecorded: false,
    oneWayRecordedMs: null,
    roundTripMs: null,
    refusedBeats: 0,
    margins: [],
  };
}
