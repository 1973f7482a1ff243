import type {
  AgentHost,
  AgentsItem,
  SettingsPreview,
  SettingsState,
} from "../../main/contract/agents.ts";
import type {
  PreflightReport,
  RolloutPhase,
  RolloutRun,
  SshLook,
} from "../../main/contract/install.ts";
import type { HostSummary } from "../../main/contract/pool.ts";

/** What a backend would say of agents, as plain data. */
export interface MadeAgents {
  readonly snapshot: Extract<AgentsItem, { kind: "snapshot" }>;
  readonly looks: readonly SshLook[];
  readonly settings: SettingsState;
  readonly preview: SettingsPreview;
}

type Status = NonNullable<AgentHost["status"]>;

const print = (letter: string): string => `SHA256:${letter.repeat(43)}`;

const bundle = {
  state: "good" as const,
  version: "0.1.0",
  sha256: "ab".repeat(32),
  bytes: 98_000_000,
  sentence: "Agent 0.1.0 ships with this console; its signature is good.",
};

const absentHost = (host: HostSummary, nowMs: number): AgentHost => ({
  hostUuid: host.uuid,
  hostName: host.name,
  address: host.address,
  role: host.role,
  link: {
    state: "no-login",
    sentence: "No login was given, so the host was not asked.",
    sinceMs: nowMs - 60_000,
  },
  installed: { state: "unknown" },
  status: null,
  statusAtMs: null,
  isStale: false,
  clockOffsetMs: null,
  clockUncertaintyMs: null,
  drift: { state: "unknown", poolRevision: 0, hostRevision: null, sentence: "Not known." },
  agreements: [],
});

const pathOf = (host: HostSummary, peer: HostSummary, path: string, isCut: boolean) => ({
  peer: peer.uuid,
  peerName: peer.name,
  path,
  localAddress: host.address,
  peerAddress: peer.address,
  state: isCut ? ("silent" as const) : ("heard" as const),
  lastBeatAgeMs: isCut ? 41_200 : 310,
  suspectAfterMs: 3000,
  marginMs: isCut ? -38_200 : 2690,
  worstMarginMs: isCut ? -38_200 : 2210,
  roundTripMs: isCut ? null : 0.4,
  clockOffsetMs: 3,
  clockUncertaintyMs: 1,
  refusedBeats: 0,
});

const statusOf = (host: HostSummary, peers: readonly HostSummary[], cutPath: string): Status => ({
  v: 1,
  version: "0.1.0",
  protocol: 1,
  host: host.uuid,
  hostName: host.name,
  boot: "boot-1",
  state: "observing",
  startedAtMs: 0,
  wallMs: 0,
  monoMs: 0,
  role: host.role,
  coordinatorAddress: null,
  xapi: { state: "answers", lastAnswerAgeMs: 400, sentence: "XAPI of this host answers." },
  peers: peers.map((peer) => ({
    host: peer.uuid,
    name: peer.name,
    state: "live",
    boot: "boot-1",
    version: "0.1.0",
    role: peer.role,
    hears: [host.uuid],
  })),
  paths: peers.flatMap((peer) =>
    ["management", "storage"].map((path) => pathOf(host, peer, path, path === cutPath)),
  ),
  domains: [],
  settings: { revision: 3, source: "pool", problems: [] },
  journal: { firstSeq: 0, lastSeq: 41, writable: true, sentence: "Written to disk." },
});

const observingHost = (
  host: HostSummary,
  all: readonly HostSummary[],
  given: { readonly nowMs: number; readonly cutPath: string },
): AgentHost => ({
  ...absentHost(host, given.nowMs),
  link: { state: "connected", sentence: "Connected over SSH.", sinceMs: given.nowMs - 90_000 },
  installed: { state: "installed", version: "0.1.0", previousVersion: null, unit: "running" },
  status: statusOf(
    host,
    all.filter((peer) => peer.uuid !== host.uuid),
    given.cutPath,
  ),
  statusAtMs: given.nowMs - 900,
  clockOffsetMs: host.role === "coordinator" ? 12 : -1840,
  clockUncertaintyMs: 2.4,
  drift: {
    state: "same",
    poolRevision: 3,
    hostRevision: 3,
    sentence: "It runs the pool's settings, revision 3.",
  },
});

const phase = (
  id: string,
  state: RolloutPhase["state"],
  nowMs: number,
  change: Partial<RolloutPhase> = {},
): RolloutPhase => ({
  id,
  title: id,
  sentence: "",
  undoSentence: null,
  state,
  startedAtMs: state === "pending" ? null : nowMs - 21_000,
  endedAtMs: state === "done" ? nowMs - 12_000 : null,
  bytes: null,
  error: null,
  ...change,
});

const installing = (hosts: readonly HostSummary[], nowMs: number): RolloutRun => ({
  runId: "rollout-1",
  kind: "install",
  dryRun: false,
  owner: "root",
  version: "0.1.0",
  startedAtMs: nowMs - 21_000,
  endedAtMs: null,
  status: "running",
  hosts: hosts.map((host, at) => ({
    hostUuid: host.uuid,
    hostName: host.name,
    isCanary: false,
    state: "running",
    phases: [
      phase("Check the signature", "done", nowMs),
      phase("Send the program", at === 0 ? "done" : "running", nowMs, {
        bytes: {
          sent: at === 0 ? 38_000_000 : 21_500_000,
          total: 38_000_000,
          resumedFrom: at === 0 ? 0 : 4_000_000,
        },
      }),
      phase("Check its SHA-256 on the host", at === 0 ? "running" : "pending", nowMs),
      phase("Firewall rule", "pending", nowMs, {
        sentence: "Lets UDP port 7694 in from the other hosts.",
      }),
      phase("Start, and wait until every host hears every other", "pending", nowMs),
    ],
  })),
  error: null,
});

const report = (hosts: readonly HostSummary[], nowMs: number): PreflightReport => ({
  atMs: nowMs - 8000,
  verdict: "failed",
  hosts: hosts.map((host, at) => ({
    hostUuid: host.uuid,
    hostName: host.name,
    address: host.address,
    findings: [
      {
        id: "root",
        state: "passed",
        title: "The login is root",
        sentence: "It is.",
        evidence: "uid 0",
        fix: null,
      },
      {
        id: "clock",
        state: at === 0 ? "passed" : "review",
        title: "Its clock agrees with the others",
        sentence: at === 0 ? "It does." : "It is 1.8 s behind the others.",
        evidence: "date +%s.%N",
        fix: at === 0 ? null : "Let chrony set it, or acknowledge.",
      },
      {
        id: "space-opt",
        state: at === 0 ? "failed" : "passed",
        title: "There is room for two releases",
        sentence: at === 0 ? "There are 120 MiB free under /opt, 400 MiB are needed." : "There is.",
        evidence: "df -P /opt",
        fix: at === 0 ? "Free 280 MiB on the system disk." : null,
      },
    ],
  })),
  acknowledgeIds: hosts.slice(1).map((host) => `${host.uuid}/clock`),
});

const settings: SettingsState = {
  fields: [
    {
      key: "beatIntervalMs",
      title: "Time between heartbeats",
      unit: "ms",
      min: 100,
      max: 5000,
      default: 500,
      meaning: "Shorter finds a lost host sooner and sends more packets.",
    },
    {
      key: "suspectAfterMissedBeats",
      title: "Missed heartbeats until suspected",
      unit: "beats",
      min: 3,
      max: 120,
      default: 6,
      meaning: "Fewer finds a lost host sooner and suspects a busy one more often.",
    },
  ],
  current: {
    beatIntervalMs: 500,
    suspectAfterMissedBeats: 6,
    xapiProbeIntervalMs: 2000,
    xapiProbeTimeoutMs: 5000,
    domainScanIntervalMs: 2000,
    clockOffsetReportMs: 1000,
    journalBytesMax: 67_108_864,
  },
  revision: 3,
  problem: null,
  history: [],
};

const preview: SettingsPreview = {
  problems: [],
  changes: [
    {
      key: "beatIntervalMs",
      title: "Time between heartbeats",
      before: "500 ms",
      after: "250 ms",
      consequence: "A silent host is suspected after 1.5 s instead of 3 s.",
    },
  ],
};

const looksOf = (hosts: readonly HostSummary[]): SshLook[] =>
  hosts.map((host, at) => ({
    hostUuid: host.uuid,
    hostName: host.name,
    address: host.address,
    state: at === 0 ? "first-use" : "changed",
    key: { type: "ssh-ed25519", fingerprint: print(at === 0 ? "A" : "B") },
    trustedKey: at === 0 ? null : { type: "ssh-ed25519", fingerprint: print("C") },
    crossCheck: { state: "no-record", sentence: "The pool keeps no record of this key." },
    sentence: "The host may have been installed again, or somebody sits in between.",
    verifyCommand: "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
  }));

const made = (
  hosts: readonly HostSummary[],
  change: Partial<MadeAgents["snapshot"]>,
): MadeAgents => ({
  snapshot: {
    kind: "snapshot",
    atMs: 0,
    bundle,
    login: { kind: "none", user: "root" },
    preflight: null,
    run: null,
    hosts: [],
    ...change,
  },
  looks: looksOf(hosts),
  settings: {
    ...settings,
    history: [{ revision: 2, atMs: 0, owner: "root", values: settings.current }],
  },
  preview,
});

export const agentsAbsent = (hosts: readonly HostSummary[], nowMs: number): MadeAgents =>
  made(hosts, { hosts: hosts.map((host) => absentHost(host, nowMs)) });

const bare = (hosts: readonly HostSummary[], nowMs: number): AgentHost[] =>
  hosts.map((host) => ({
    ...absentHost(host, nowMs),
    link: { state: "connected", sentence: "Connected over SSH.", sinceMs: nowMs },
    installed: { state: "absent" },
  }));

const drifted = (hosts: readonly HostSummary[], nowMs: number): AgentHost[] =>
  hosts.map((host, at) => {
    const watched = observingHost(host, hosts, { nowMs, cutPath: "none" });
    if (at !== 1) return watched;
    return {
      ...watched,
      drift: {
        state: "refused",
        poolRevision: 4,
        hostRevision: 3,
        sentence: "It refused revision 4 and keeps revision 3: a beat every 50 ms is too often.",
      },
      agreements: [
        {
          what: "coordinator",
          about: "pool",
          xapi: "xcp-alpha",
          agent: "xcp-beta",
          agrees: false,
          sentence: "XAPI's database is older than what the agent reads on its host.",
        },
      ],
    };
  });

const password = { kind: "password" as const, user: "root" };

export const madeAgents = {
  keys: agentsAbsent,
  preflight: (hosts: readonly HostSummary[], nowMs: number): MadeAgents =>
    made(hosts, { hosts: bare(hosts, nowMs), login: password, preflight: report(hosts, nowMs) }),
  installing: (hosts: readonly HostSummary[], nowMs: number): MadeAgents =>
    made(hosts, { hosts: bare(hosts, nowMs), login: password, run: installing(hosts, nowMs) }),
  cut: (hosts: readonly HostSummary[], nowMs: number): MadeAgents =>
    made(hosts, {
      login: password,
      hosts: hosts.map((host) => observingHost(host, hosts, { nowMs, cutPath: "storage" })),
    }),
  drift: (hosts: readonly HostSummary[], nowMs: number): MadeAgents =>
    made(hosts, { login: password, hosts: drifted(hosts, nowMs) }),
};

export type AgentsKind = keyof typeof madeAgents;

/** Answers to what is asked once. */
export const agentAnswers = (agents: MadeAgents) => ({
  "ssh.look": { hosts: [...agents.looks] },
  "agents.preflight": agents.snapshot.preflight,
  "agents.settings": agents.settings,
  "agents.previewSettings": agents.preview,
  "timeline.export": {
    fileName: "timeline.jsonl",
    mediaType: "application/jsonl",
    text: "{}\n",
    itemCount: 1,
  },
});
