import type {
  Connection,
  Engine,
  HostSummary,
  PoolSummary,
  SrSummary,
  VmSummary,
} from "../../main/contract/pool.ts";
import type { Check } from "../../main/contract/verdict.ts";

/** A pool's facts as plain data, made to size. Times are counted back from `nowMs`. */
export interface MadePool {
  readonly pool: PoolSummary;
  readonly hosts: HostSummary[];
  readonly vms: VmSummary[];
  readonly srs: SrSummary[];
}

export const uuidOf = (kind: string, index: number): string =>
  `${kind}-${String(index).padStart(5, "0")}`;

const gibibyte = 1024 ** 3;
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

const names = [
  "db primary",
  "Müller's mail",
  'web "blue" 1',
  'web "blue" 2',
  "build runner",
  "café caisse",
  "domain controller",
  "file server with a rather long name that somebody typed in a hurry",
  "gpu render",
  "monitoring",
  "print",
  "voip",
];

export const hostName = (index: number, hostCount: number): string =>
  hostCount === 2
    ? (["xcp-alpha", "xcp-beta"][index] ?? "")
    : `rack${Math.floor(index / 8) + 1}-xcp${index + 1}`;

const check = (
  given: Pick<Check, "id" | "group" | "state" | "title" | "sentence"> & Partial<Check>,
  nowMs: number,
): Check => ({
  object: null,
  evidence: "XAPI event cache",
  evidenceAtMs: nowMs - 4000,
  fix: null,
  ...given,
});

export const passedChecks = (nowMs: number): Check[] =>
  [
    ["all-hosts-live", "pool", "All hosts answer"],
    ["one-version", "pool", "All hosts run the same version"],
    ["no-update-running", "pool", "No update is under way"],
    ["host-enabled", "host", "The host is enabled"],
    ["clock", "host", "Its clock agrees with the others"],
    ["disk-room", "host", "Its system disk has room"],
    ["capacity", "vms", "The others have room for its VMs"],
    ["cpu-features", "vms", "Its VMs run on the others' processors"],
    ["pbds", "storage", "Shared storage is plugged everywhere"],
    ["bonds", "network", "Bonds have all their links"],
    ["tasks", "people", "No other task is running"],
  ].map(([id, group, title]) =>
    check(
      {
        id: id ?? "",
        group: (group ?? "pool") as Check["group"],
        state: "passed",
        title: title ?? "",
        sentence: "Nothing speaks against it.",
      },
      nowMs,
    ),
  );

const reviewChecks = (nowMs: number): Check[] => [
  check(
    {
      id: "coordinator",
      group: "host",
      state: "review",
      title: "The host is not the coordinator",
      sentence: "xcp-alpha is the coordinator. The role is handed to xcp-beta first.",
      object: { kind: "host", uuid: uuidOf("host", 0), name: "xcp-alpha" },
      fix: "Acknowledge; the wizard hands the role over.",
    },
    nowMs,
  ),
  check(
    {
      id: "local-disk",
      group: "vms",
      state: "review",
      title: "Every VM can leave",
      sentence:
        "“build runner” has a disk on “Local storage xcp-alpha” and is shut down, not moved.",
      object: { kind: "vm", uuid: uuidOf("vm", 4), name: "build runner" },
      fix: "Move its disk to shared storage, or acknowledge the downtime.",
    },
    nowMs,
  ),
];

const failedChecks = (nowMs: number): Check[] => [
  check(
    {
      id: "passthrough",
      group: "vms",
      state: "failed",
      title: "No VM is tied to the host",
      sentence:
        "“gpu render” uses the PCI device 0000:3b:00.0 (NVIDIA A2) of this host and cannot move.",
      object: { kind: "vm", uuid: uuidOf("vm", 8), name: "gpu render" },
      fix: "Shut “gpu render” down cleanly before the reboot.",
    },
    nowMs,
  ),
  check(
    {
      id: "clock-median",
      group: "host",
      state: "skipped",
      title: "Its clock agrees with the others",
      sentence: "The host did not tell its time.",
      evidence: "no answer to host.get_servertime",
      evidenceAtMs: nowMs - 95_000,
      fix: "Look at XAPI on the host.",
    },
    nowMs,
  ),
];

const verdictOf = (index: number, hostCount: number, nowMs: number): HostSummary["verdict"] => {
  const passed = passedChecks(nowMs);
  if (index === 0) return { verdict: "acknowledge", checks: [...reviewChecks(nowMs), ...passed] };
  if (index === 1) return { verdict: "unsafe", checks: [...failedChecks(nowMs), ...passed] };
  if (index === 5 && hostCount > 4) return { verdict: "unknown", checks: [] };
  return { verdict: "safe", checks: passed };
};

const makeHost = (index: number, hostCount: number, nowMs: number): HostSummary => {
  const isDown = hostCount > 4 && index === 5;
  const isMaintained = hostCount > 4 && index === 3;
  return {
    uuid: uuidOf("host", index),
    name: hostName(index, hostCount),
    address: `10.77.0.${index + 1}`,
    role: index === 0 ? "coordinator" : "supporter",
    live: !isDown,
    enabled: !isMaintained,
    maintenance: isMaintained ? "in-maintenance" : "no",
    productVersion: "8.3.0",
    xapiVersion: "26.1.0",
    memoryTotalBytes: 256 * gibibyte,
    memoryFreeBytes: (index === 2 ? 12 : 60 + ((index * 37) % 150)) * gibibyte,
    vmCountRunning: isMaintained ? 0 : 5 + ((index * 13) % 24),
    bootedAtMs: nowMs - (index + 1) * 3.3 * dayMs,
    agentStartedAtMs: nowMs - (index + 1) * dayMs,
    haPeersSeen: 0,
    haStatefilesSeen: 0,
    verdict: verdictOf(index, hostCount, nowMs),
  };
};

const treatments = ["restart", "best-effort", "unprotected"] as const;

const makeVm = (index: number, hostCount: number): VmSummary => {
  const isPassthrough = index === 8;
  const isLocal = index % 12 === 4;
  const isRunning = index % 7 !== 6;
  const base = names[index % names.length] ?? "";
  return {
    uuid: uuidOf("vm", index),
    name: index < names.length ? base : `${base} ${Math.floor(index / names.length) + 1}`,
    powerState: isRunning ? "Running" : "Halted",
    hostUuid: isRunning ? uuidOf("host", index % hostCount) : null,
    treatment: treatments[index % 5 > 2 ? 2 : index % 3] ?? "unprotected",
    order: index % 4,
    startDelayS: index % 4 === 0 ? 30 : 0,
    memoryBytes: (2 + (index % 6) * 4) * gibibyte,
    agility: {
      agile: !isPassthrough && !isLocal,
      reasons: isPassthrough
        ? ["It uses the PCI device 0000:3b:00.0 (NVIDIA A2)."]
        : isLocal
          ? ["Its disk “root” is on “Local storage”, which is not shared."]
          : [],
    },
    disks: [{ srName: isLocal ? "Local storage" : "nfs-fast", shared: !isLocal }],
    busyWith: index === 3 ? ["Migrating"] : [],
    applianceName: index % 9 === 0 ? "shop" : null,
  };
};

const makeSr = (
  given: Partial<SrSummary> & Pick<SrSummary, "uuid" | "name">,
  hostCount: number,
): SrSummary => ({
  type: "nfs",
  shared: true,
  sizeBytes: 4000 * gibibyte,
  usedBytes: 2700 * gibibyte,
  attachedHostCount: hostCount,
  unpluggedHostNames: [],
  ...given,
});

const engineOff = (): Engine => ({
  engine: "none",
  reasons: ["Native HA is off.", "HA-Lizard is not set up in this pool."],
  nativeHa: {
    enabled: false,
    timeoutS: null,
    failuresToTolerate: 0,
    planExistsFor: 0,
    overcommitted: false,
    allowOvercommit: false,
    heartbeatSrs: [],
  },
  haLizard: { configured: false, enabled: false },
  replicationTraces: [],
});

export const engineOn = (): Engine => ({
  ...engineOff(),
  engine: "native-ha",
  reasons: [
    "Native HA is on and beats on “iscsi-heartbeat”.",
    "A plan exists for 1 host failure, as many as asked for.",
  ],
  nativeHa: {
    enabled: true,
    timeoutS: 60,
    failuresToTolerate: 1,
    planExistsFor: 1,
    overcommitted: false,
    allowOvercommit: false,
    heartbeatSrs: [{ uuid: uuidOf("sr", 1), name: "iscsi-heartbeat" }],
  },
});

export const makePool = (size: {
  readonly hostCount: number;
  readonly vmCount: number;
  readonly nowMs: number;
}): MadePool => {
  const { hostCount, vmCount, nowMs } = size;
  const hosts = Array.from({ length: hostCount }, (_, index) => makeHost(index, hostCount, nowMs));
  const local = hosts.map((host, index) =>
    makeSr(
      {
        uuid: uuidOf("sr", index + 10),
        name: `Local storage ${host.name}`,
        type: "lvm",
        shared: false,
        attachedHostCount: 1,
        sizeBytes: 900 * gibibyte,
        usedBytes: 120 * gibibyte,
      },
      hostCount,
    ),
  );
  return {
    pool: {
      uuid: "pool-1",
      name: hostCount === 2 ? "Lab" : "Production Frankfurt",
      coordinatorUuid: uuidOf("host", 0),
      verdict: "unprotected",
      verdictReasons: [
        "Native HA is off: when a host is lost, its VMs stay off.",
        "HA-Lizard is not set up.",
      ],
      engine: engineOff(),
      generation: "8.3",
    },
    hosts,
    vms: Array.from({ length: vmCount }, (_, index) => makeVm(index, hostCount)),
    srs: [
      makeSr({ uuid: uuidOf("sr", 0), name: "nfs-fast" }, hostCount),
      makeSr(
        {
          uuid: uuidOf("sr", 1),
          name: "iscsi-heartbeat",
          type: "lvmoiscsi",
          sizeBytes: 10 * gibibyte,
          usedBytes: 4 * gibibyte,
          unpluggedHostNames: hostCount > 4 ? [hosts[5]?.name ?? ""] : [],
        },
        hostCount,
      ),
      ...local,
    ],
  };
};

export const liveConnection = (nowMs: number, viaName: string): Connection => ({
  status: "live",
  sinceMs: nowMs - 12 * minuteMs,
  viaName,
  viaAddress: "10.77.0.1",
});
