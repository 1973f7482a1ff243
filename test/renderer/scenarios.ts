import type { InputOf, OutputOf } from "../../main/contract/console-api.ts";
import type { DemoState } from "../../main/contract/demo.ts";
import type { ConsoleError } from "../../main/contract/errors.ts";
import type { Connection, KnownPool, PoolFactsItem } from "../../main/contract/pool.ts";
import type { Run } from "../../main/contract/run.ts";
import type { TimelineChunk } from "../../main/contract/timeline.ts";
import { agentsAbsent, madeAgents, type AgentsKind, type MadeAgents } from "./agents-maker.ts";
import { timelines } from "./timelines.ts";
import {
  engineOn,
  hostName,
  liveConnection,
  makePool,
  passedChecks,
  uuidOf,
  type MadePool,
} from "./pool-maker.ts";
import { doneRun, needsPersonRun, plan, putBackRun, runningRun } from "./runs.ts";

/** Everything a backend would answer, as data; `null` leaves a question unanswered for ever. */
export interface Scenario {
  readonly hasDemo: boolean;
  readonly pools: readonly KnownPool[];
  readonly snapshot: Extract<PoolFactsItem, { kind: "snapshot" }> | null;
  readonly probe: OutputOf<"pools.probe"> | ConsoleError | null;
  readonly connectError: ConsoleError | null;
  readonly heartbeatSrs: OutputOf<"ha.heartbeatSrs"> | null;
  readonly plan: OutputOf<"reboot.plan"> | ConsoleError | null;
  readonly writeError: ConsoleError | null;
  readonly demo: DemoState | null;
  readonly agents: MadeAgents;
  readonly timeline: readonly TimelineChunk[];
  /** the facts after this write, or none when it is refused */
  readonly onWrite?: (input: InputOf<"vms.setProtection">) => PoolFactsItem;
}

const poolId = "p1";

const knownPool = (made: MadePool, connection: Connection, isDemo: boolean): KnownPool => ({
  poolId,
  name: made.pool.name,
  user: "root",
  addresses: made.hosts.slice(0, 3).map((host) => host.address),
  isDemo,
  connection,
  mark: connection.status === "live" ? made.pool.verdict : "unknown",
  hostCount: made.hosts.length,
  vmCount: made.vms.length,
});

const demoOf = (made: MadePool): DemoState => ({
  status: "running",
  sentence: "The demo pool runs.",
  hosts: made.hosts.map((host, index) => ({
    name: host.name,
    address: host.address,
    power: index === 3 ? "off" : "on",
    xapi: index === 1 ? "hung" : "running",
    network: "connected",
    diskFull: false,
  })),
  cutLinks: [],
});

const base = (
  made: MadePool,
  nowMs: number,
  change: { readonly connection?: Connection; readonly run?: Run } = {},
): Scenario => {
  const connection = change.connection ?? liveConnection(nowMs, made.hosts[0]?.name ?? "");
  return {
    hasDemo: true,
    pools: [knownPool(made, connection, true)],
    snapshot: {
      kind: "snapshot",
      atMs: nowMs,
      connection,
      pool: made.pool,
      hosts: made.hosts,
      vms: made.vms,
      srs: made.srs,
      run: change.run ?? null,
    },
    probe: null,
    connectError: null,
    heartbeatSrs: {
      srs: [
        {
          uuid: uuidOf("sr", 1),
          name: "iscsi-heartbeat",
          suitable: true,
          sentence: "Shared, plugged on every host, 6 GiB free.",
        },
        {
          uuid: uuidOf("sr", 0),
          name: "nfs-fast",
          suitable: true,
          sentence: "Shared, plugged on every host, 1.3 TiB free.",
        },
        {
          uuid: uuidOf("sr", 9),
          name: "ISO library",
          suitable: false,
          sentence: "It holds ISO images and cannot hold a disk.",
        },
      ],
    },
    plan: plan(),
    writeError: null,
    demo: demoOf(made),
    agents: agentsAbsent(made.hosts, nowMs),
    timeline: timelines["timeline-empty"](),
    onWrite: (input) => ({
      kind: "patch",
      atMs: nowMs + 1000,
      vms: {
        upsert: made.vms.flatMap((vm) => {
          const change_ = input.changes.find((each) => each.vmUuid === vm.uuid);
          if (change_ === undefined) return [];
          const { vmUuid: _vmUuid, ...fields } = change_;
          return [{ ...vm, ...fields } as typeof vm];
        }),
        removeUuids: [],
      },
    }),
  };
};

const withHa = (made: MadePool): MadePool => ({
  ...made,
  pool: {
    ...made.pool,
    verdict: "protected",
    verdictReasons: [
      "Native HA is on and its plan covers 1 host failure.",
      "Every host sees all others.",
    ],
    engine: engineOn(),
  },
  hosts: made.hosts.map((host, index) => ({
    ...host,
    haPeersSeen: index === 5 ? 12 : made.hosts.length,
    haStatefilesSeen: index === 5 ? 0 : 1,
  })),
});

const staleError: ConsoleError = {
  code: "POOL_SILENT",
  sentence: "Nothing was heard from xcp-alpha for 10 s.",
  nextStep:
    "Look whether xcp-alpha has power and network; the other members are tried by themselves.",
  retryable: true,
};

const fingerprint = (first: string): string =>
  [
    first,
    ...Array.from({ length: 31 }, (_, index) =>
      (index * 37 + 11).toString(16).slice(-2).padStart(2, "0").toUpperCase(),
    ),
  ].join(":");

const trusted = fingerprint("4F");
const presented = trusted.replace("4F", "B2").replace(/:..$/u, ":00");

const small = (nowMs: number): MadePool => makePool({ hostCount: 2, vmCount: 12, nowMs });

const failing = (nowMs: number): Scenario => ({
  ...base(small(nowMs), nowMs),
  pools: base(small(nowMs), nowMs).pools.map((pool) => ({
    ...pool,
    connection: {
      status: "failed",
      sinceMs: nowMs - 3000,
      error: {
        code: "NO_MEMBER_ANSWERS",
        sentence: "None of the 2 known members of Lab answers.",
        nextStep: "Check power and network of xcp-alpha and xcp-beta, then try again.",
        retryable: true,
        detail: "10.77.0.1: connection refused\n10.77.0.2: no answer within 5 s",
      },
    },
  })),
});

const made16 = (nowMs: number): MadePool => makePool({ hostCount: 16, vmCount: 400, nowMs });

const stale = (nowMs: number, made: MadePool): Scenario =>
  base(made, nowMs, {
    connection: {
      status: "stale",
      sinceMs: nowMs - 37_000,
      error: staleError,
      tried: [
        { address: "10.77.0.1", name: "xcp-alpha", sentence: "no answer within 5 s" },
        { address: "10.77.0.2", name: "xcp-beta", sentence: "is a supporter of xcp-alpha" },
      ],
      nextTryAtMs: nowMs + 4000,
    },
  });

const probe = (nowMs: number): OutputOf<"pools.probe"> => ({
  address: "10.77.0.1",
  fingerprint: presented,
  subject: "CN=xcp-alpha",
  validFromMs: nowMs - 86_400_000 * 40,
  validToMs: nowMs + 86_400_000 * 3610,
  role: "coordinator",
  coordinatorAddress: null,
  trust: "first-use",
  trustedFingerprint: null,
  coordinatorCertificate: null,
});

const safeHost0 = (made: MadePool, nowMs: number): MadePool => ({
  ...made,
  hosts: made.hosts.map((host) => ({
    ...host,
    verdict: { verdict: "safe", checks: passedChecks(nowMs) },
  })),
});

/** Named pictures of the world. Each is a function of the time, so that ages look right. */
const withAgents = (nowMs: number, kind: AgentsKind): Scenario => {
  const made = small(nowMs);
  return {
    ...base(made, nowMs),
    agents: madeAgents[kind](made.hosts, nowMs),
    timeline: timelines["timeline-incident"](nowMs),
  };
};

export const scenarios = {
  "agents-keys": (nowMs: number): Scenario => withAgents(nowMs, "keys"),
  "agents-installing": (nowMs: number): Scenario => withAgents(nowMs, "installing"),
  "agents-preflight": (nowMs: number): Scenario => withAgents(nowMs, "preflight"),
  "agents-cut": (nowMs: number): Scenario => withAgents(nowMs, "cut"),
  "agents-drift": (nowMs: number): Scenario => withAgents(nowMs, "drift"),
  welcome: (nowMs: number): Scenario => ({
    ...base(small(nowMs), nowMs),
    pools: [],
    snapshot: null,
    probe: probe(nowMs),
    demo: { status: "off", sentence: "The demo pool is off.", hosts: [], cutLinks: [] },
  }),
  "welcome-refused": (nowMs: number): Scenario => ({
    ...base(small(nowMs), nowMs),
    pools: [],
    snapshot: null,
    probe: { ...probe(nowMs), trust: "trusted", trustedFingerprint: presented },
    connectError: {
      code: "SESSION_AUTHENTICATION_FAILED",
      sentence: "xcp-alpha refused the user root with this password.",
      nextStep: "Type the password again. It is the one of the host's root login.",
      retryable: false,
    },
  }),
  small: (nowMs: number): Scenario => base(small(nowMs), nowMs),
  "small-safe": (nowMs: number): Scenario => base(safeHost0(small(nowMs), nowMs), nowMs),
  "small-ha": (nowMs: number): Scenario => base(withHa(small(nowMs)), nowMs),
  sixteen: (nowMs: number): Scenario => base(made16(nowMs), nowMs),
  "sixteen-ha": (nowMs: number): Scenario => base(withHa(made16(nowMs)), nowMs),
  large: (nowMs: number): Scenario =>
    base(makePool({ hostCount: 64, vmCount: 5000, nowMs }), nowMs),
  empty: (nowMs: number): Scenario => {
    const made = small(nowMs);
    return base({ ...made, vms: [], srs: [] }, nowMs);
  },
  loading: (nowMs: number): Scenario => ({
    ...base(small(nowMs), nowMs),
    snapshot: null,
    heartbeatSrs: null,
    plan: null,
  }),
  stale: (nowMs: number): Scenario => stale(nowMs, small(nowMs)),
  "stale-ha": (nowMs: number): Scenario => stale(nowMs, withHa(small(nowMs))),
  "stale-sixteen": (nowMs: number): Scenario => stale(nowMs, made16(nowMs)),
  failed: (nowMs: number): Scenario => {
    const scenario = failing(nowMs);
    const connection = scenario.pools[0]?.connection;
    if (connection === undefined || scenario.snapshot === null) return scenario;
    return {
      ...scenario,
      snapshot: { ...scenario.snapshot, connection, pool: null, hosts: [], vms: [], srs: [] },
    };
  },
  "changed-certificate": (nowMs: number): Scenario =>
    base(small(nowMs), nowMs, {
      connection: {
        status: "changed-certificate",
        sinceMs: nowMs - 60_000,
        address: "10.77.0.1",
        hostName: hostName(0, 2),
        trustedFingerprint: trusted,
        presentedFingerprint: presented,
        error: {
          code: "CERTIFICATE_CHANGED",
          sentence:
            "xcp-alpha presents another certificate than the one trusted. No password was sent.",
          nextStep: "Compare the fingerprints below with what the host itself prints.",
          retryable: false,
        },
      },
    }),
  "needs-password": (nowMs: number): Scenario =>
    base(small(nowMs), nowMs, {
      connection: {
        status: "needs-password",
        sinceMs: nowMs - 60_000,
        error: {
          code: "SESSION_AUTHENTICATION_FAILED",
          sentence: "xcp-alpha no longer accepts the password of root.",
          nextStep: "Type the new password below.",
          retryable: false,
        },
      },
    }),
  "run-in-progress": (nowMs: number): Scenario =>
    base(small(nowMs), nowMs, { run: runningRun(nowMs) }),
  "run-silent": (nowMs: number): Scenario => {
    const { connection } = stale(nowMs, small(nowMs)).snapshot ?? {};
    return base(small(nowMs), nowMs, {
      run: runningRun(nowMs),
      ...(connection === undefined ? {} : { connection }),
    });
  },
  "run-done": (nowMs: number): Scenario => base(small(nowMs), nowMs, { run: doneRun(nowMs) }),
  "run-put-back": (nowMs: number): Scenario =>
    base(small(nowMs), nowMs, { run: putBackRun(nowMs) }),
  "run-needs-person": (nowMs: number): Scenario =>
    base(small(nowMs), nowMs, { run: needsPersonRun(nowMs) }),
  "write-refused": (nowMs: number): Scenario => ({
    ...base(small(nowMs), nowMs),
    writeError: {
      code: "HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN",
      sentence: "XAPI refused “voip” as Restart: the plan would no longer cover 1 host failure.",
      nextStep: "Lower the failures to tolerate, free memory, or leave “voip” at Best effort.",
      retryable: false,
    },
  }),
} as const satisfies Record<string, (nowMs: number) => Scenario>;

export type ScenarioName = keyof typeof scenarios;
