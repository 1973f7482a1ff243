import { describe, expect, test } from "vitest";
import fc from "fast-check";
import type { HostVerdict } from "../../contract/verdict.ts";
import {
  addSr,
  addVm,
  hostRefOf,
  liveConnection,
  recordsOf,
  refOf,
  smallPool,
  switchHaOn,
  vmRefOf,
  type Tables,
} from "../testing/small-pool.ts";
import { judgeAllHosts, judgeHost, sameVerdict } from "./judge-host.ts";

const current = {
  connection: liveConnection,
  freshAtMs: 1_000,
  nowMonotonicMs: 2_000,
  nowWallMs: 1_700_000_000_000,
};

function judge(tables: Tables, host = "node2"): HostVerdict {
  return judgeHost({ ...current, records: recordsOf(tables), hostRef: hostRefOf(host) });
}

function rows(verdict: HostVerdict, id: string): string[] {
  return verdict.checks
    .filter((check) => check.id === id && check.state !== "passed")
    .map((check) => `${check.state}: ${check.sentence}`);
}

const host = (tables: Tables, name: string): Record<string, unknown> =>
  tables["host"]![hostRefOf(name)]!;
const vm = (tables: Tables, name: string): Record<string, unknown> => tables["VM"]![vmRefOf(name)]!;
const metrics = (tables: Tables, name: string): Record<string, unknown> =>
  tables["host_metrics"]![refOf("metrics", name)]!;
const poolOf = (tables: Tables): Record<string, unknown> => Object.values(tables["pool"]!)[0]!;

const quiet = (): Tables =>
  smallPool({
    vms: [
      { name: "web", host: "node2", treatment: "restart" },
      { name: "db", host: "node2" },
      { name: "far", host: "node3" },
    ],
  });

test("a quiet pool of three hosts is safe to reboot one by one", () => {
  for (const name of ["node1", "node2", "node3"]) {
    const verdict = judge(quiet(), name);
    expect(verdict.verdict).toBe("safe");
    expect(verdict.checks.every((check) => check.state === "passed")).toBe(true);
  }
});

interface Case {
  readonly what: string;
  readonly change: (tables: Tables) => void;
  readonly verdict: HostVerdict["verdict"];
  readonly id: string;
  /** parts that the sentences of that check must contain, in order of rows */
  readonly says: readonly string[];
  readonly host?: string;
}

const cases: readonly Case[] = [
  {
    what: "another host is not live",
    change: (tables) => (metrics(tables, "node3")["live"] = false),
    verdict: "unsafe",
    id: "hosts-live",
    says: ["“node3” is not live"],
  },
  {
    what: "another host has no metrics yet",
    change: (tables) => delete metrics(tables, "node3")["live"],
    verdict: "unknown",
    id: "hosts-live",
    says: ["“node3” is live is not known"],
  },
  {
    what: "another host is disabled",
    change: (tables) => (host(tables, "node3")["enabled"] = false),
    verdict: "acknowledge",
    id: "hosts-enabled",
    says: ["“node3” is disabled"],
  },
  {
    what: "the host itself is disabled",
    change: (tables) => (host(tables, "node2")["enabled"] = false),
    verdict: "acknowledge",
    id: "host-enabled",
    says: ["“node2” is disabled already"],
  },
  {
    what: "no host can take the coordinator role",
    change: (tables) => {
      host(tables, "node2")["enabled"] = false;
      host(tables, "node3")["enabled"] = false;
    },
    host: "node1",
    verdict: "unsafe",
    id: "coordinator-hand-over",
    says: ["no other host is live, enabled"],
  },
  {
    what: "one host runs another version",
    change: (tables) =>
      (host(tables, "node3")["software_version"] = { product_version: "8.2.1", xapi_build: "1" }),
    verdict: "unsafe",
    id: "same-version",
    says: ["node3: 8.2.1"],
  },
  {
    what: "a rolling upgrade is under way",
    change: (tables) => (poolOf(tables)["other_config"] = { rolling_upgrade_in_progress: "true" }),
    verdict: "unsafe",
    id: "no-rolling-upgrade",
    says: ["rolling upgrade"],
  },
  {
    what: "native HA is on",
    change: (tables) => switchHaOn(tables),
    verdict: "acknowledge",
    id: "native-ha-pause",
    says: ["Native HA is switched off until the reboot is over"],
  },
  {
    what: "native HA is on and VMs have no treatment: the memory error is explained",
    change: (tables) => switchHaOn(tables),
    verdict: "acknowledge",
    id: "vm-ha-unprotected",
    says: ["“db”: with native HA on"],
  },
  {
    what: "native HA has a smaller plan than asked for",
    change: (tables) => {
      switchHaOn(tables, { tolerance: 2 });
      poolOf(tables)["ha_plan_exists_for"] = 1;
    },
    verdict: "acknowledge",
    id: "native-ha-plan",
    says: ["tolerate 2 host failures but has a plan for 1"],
  },
  {
    what: "a host has lost the statefile",
    change: (tables) => {
      switchHaOn(tables);
      host(tables, "node3")["ha_statefiles"] = [];
    },
    verdict: "unsafe",
    id: "ha-statefile",
    says: ["“node3” reports not to see all HA statefiles"],
  },
  {
    what: "a host does not hear a peer",
    change: (tables) => {
      switchHaOn(tables);
      host(tables, "node3")["ha_network_peers"] = ["host-node1"];
    },
    verdict: "acknowledge",
    id: "ha-peers",
    says: ["“node3” does not report"],
  },
  {
    what: "HA-Lizard is on",
    change: (tables) =>
      (poolOf(tables)["other_config"] = { "XenCenter.CustomFields.ha-lizard-enabled": "true" }),
    verdict: "unsafe",
    id: "ha-lizard",
    says: ["HA-Lizard is on"],
  },
  {
    what: "XOSTOR is there",
    change: (tables) => void addSr(tables, "xo", { shared: true, on: ["node1"], type: "linstor" }),
    verdict: "unknown",
    id: "replication",
    says: ["Storage “xo” is XOSTOR"],
  },
  {
    what: "iSCSI-HA serves a storage from its usual address",
    change: (tables) =>
      (tables["PBD"]![refOf("pbd", "shared-node1")]!["device_config"] = { target: "10.10.10.3" }),
    verdict: "unknown",
    id: "replication",
    says: ["“shared” is served from an address that iSCSI-HA uses"],
  },
  {
    what: "the pool starts VMs by itself on boot",
    change: (tables) => (poolOf(tables)["other_config"] = { auto_poweron: "true" }),
    verdict: "acknowledge",
    id: "auto-poweron",
    says: ["starts marked VMs by itself"],
  },
  {
    what: "another console holds the ledger",
    change: (tables) =>
      (poolOf(tables)["other_config"] = {
        "skink.run": JSON.stringify({ owner: "ana@desk", host: "node3" }),
      }),
    verdict: "unsafe",
    id: "no-other-run",
    says: ["ana@desk, rebooting “node3”,"],
  },
  {
    what: "a ledger that nobody can read",
    change: (tables) => (poolOf(tables)["other_config"] = { "skink.run.evacuate": "garbage" }),
    verdict: "unsafe",
    id: "no-other-run",
    says: [
      "Another console is changing this pool or stopped half way. Its ledger records VMs that were moved.",
    ],
  },
  {
    what: "another host is in maintenance",
    change: (tables) =>
      Object.assign(host(tables, "node3")["other_config"] as object, { MAINTENANCE_MODE: "true" }),
    verdict: "acknowledge",
    id: "nobody-else-maintains",
    says: ["“node3” is in maintenance"],
  },
  {
    what: "an export runs on another host",
    change: (tables) => addTask(tables, "VM.export", "node3"),
    verdict: "acknowledge",
    id: "tasks-idle",
    says: ["The task “VM.export” is under way (40 %)."],
  },
  {
    what: "an export runs on this host",
    change: (tables) => addTask(tables, "VM.export", "node2"),
    verdict: "unsafe",
    id: "tasks-idle",
    says: ["on “node2”"],
  },
  {
    what: "any copy runs while the coordinator is to go: the hand-over would end it",
    change: (tables) => addTask(tables, "VDI.copy", "node3"),
    host: "node1",
    verdict: "unsafe",
    id: "tasks-idle",
    says: ["a hand-over ends it"],
  },
  {
    what: "another host is being emptied",
    change: (tables) => (host(tables, "node3")["current_operations"] = { t: "evacuate" }),
    verdict: "unsafe",
    id: "host-idle",
    says: ["“node3” is being emptied"],
  },
  {
    what: "a disk lies on local storage",
    change: (tables) => addVm(tables, { name: "build", host: "node2", disk: "local" }),
    verdict: "acknowledge",
    id: "vm-must-stop",
    says: [
      "VM “build” will be shut down and started again on “node2”. A disk lies on “local-node2”",
    ],
  },
  {
    what: "a card is passed through",
    change: (tables) => addVm(tables, { name: "cam", host: "node2", pci: true }),
    verdict: "acknowledge",
    id: "vm-must-stop",
    says: ["It has passthrough device “Capture card”"],
  },
  {
    what: "a VM has a virtual GPU",
    change: (tables) => (vm(tables, "db")["VGPUs"] = ["OpaqueRef:gpu"]),
    verdict: "acknowledge",
    id: "vm-must-stop",
    says: ["a virtual GPU"],
  },
  {
    what: "a VM has a USB device",
    change: (tables) => (vm(tables, "db")["VUSBs"] = ["OpaqueRef:usb"]),
    verdict: "acknowledge",
    id: "vm-must-stop",
    says: ["a passed-through USB device"],
  },
  {
    what: "a VM's network has no wire",
    change: (tables) => {
      tables["network"]!["OpaqueRef:in"] = { uuid: "in", name_label: "inside" };
      tables["VIF"]![refOf("vif", "db")]!["network"] = "OpaqueRef:in";
    },
    verdict: "acknowledge",
    id: "vm-must-stop",
    says: ["“inside” exists inside one host only"],
  },
  {
    what: "a VM that must stop cannot be shut down cleanly",
    change: (tables) => {
      addVm(tables, { name: "build", host: "node2", disk: "local" });
      vm(tables, "build")["allowed_operations"] = ["hard_shutdown"];
    },
    verdict: "unsafe",
    id: "vm-can-stop",
    says: ["“build” must stop, and XAPI does not allow a clean shutdown"],
  },
  {
    what: "a VM may not migrate",
    change: (tables) => (vm(tables, "db")["allowed_operations"] = ["clean_shutdown"]),
    verdict: "unsafe",
    id: "vm-migratable",
    says: ["XAPI does not allow VM “db” to move"],
  },
  {
    what: "a VM is paused",
    change: (tables) => (vm(tables, "db")["power_state"] = "Paused"),
    verdict: "unsafe",
    id: "vm-running",
    says: ["VM “db” is paused"],
  },
  {
    what: "a VM is being snapshotted",
    change: (tables) => (vm(tables, "db")["current_operations"] = { t: "snapshot" }),
    verdict: "unsafe",
    id: "vm-idle",
    says: ["VM “db” is being snapshotted."],
  },
  {
    what: "somebody blocked migration",
    change: (tables) =>
      (vm(tables, "db")["blocked_operations"] = { pool_migrate: "licence dongle" }),
    verdict: "unsafe",
    id: "vm-unblocked",
    says: ["“pool_migrate” of VM “db”: “licence dongle”"],
  },
  {
    what: "a disc of local storage is in the drive",
    change: (tables) => {
      tables["VDI"]!["OpaqueRef:iso"] = {
        uuid: "iso",
        name_label: "setup.iso",
        SR: refOf("sr", "local-node2"),
      };
      tables["VBD"]!["OpaqueRef:cd"] = { type: "CD", empty: false, VDI: "OpaqueRef:iso" };
      (vm(tables, "db")["VBDs"] as string[]).push("OpaqueRef:cd");
    },
    verdict: "unsafe",
    id: "vm-drive",
    says: ["The drive of VM “db” holds “setup.iso” from “local-node2”"],
  },
  {
    what: "the shared storage is plugged nowhere else",
    change: (tables) => {
      for (const name of ["node1", "node3"]) {
        tables["PBD"]![refOf("pbd", `shared-${name}`)]!["currently_attached"] = false;
      }
    },
    verdict: "unsafe",
    id: "vm-reach",
    says: ["VM “db” can run on “node2” only: storage “shared”", "VM “web” can run on “node2” only"],
  },
  {
    what: "one target lacks the storage",
    change: (tables) =>
      (tables["PBD"]![refOf("pbd", "shared-node3")]!["currently_attached"] = false),
    verdict: "acknowledge",
    id: "storage-plugged",
    says: ["Storage “shared” is not plugged on “node3”"],
  },
  {
    what: "one target lacks the network",
    change: (tables) => (tables["PIF"]![refOf("pif", "node3")]!["currently_attached"] = false),
    verdict: "acknowledge",
    id: "networks-attached",
    says: ["Network “LAN” is not on “node3”"],
  },
  {
    what: "the remaining hosts have no room",
    change: (tables) => {
      metrics(tables, "node1")["memory_free"] = 1024 ** 3;
      metrics(tables, "node3")["memory_free"] = 3 * 1024 ** 3;
    },
    verdict: "unsafe",
    id: "vm-memory",
    says: ["needs 2.0 GiB and finds no room"],
  },
  {
    what: "a disk is not known",
    change: (tables) => delete tables["VBD"]![refOf("vbd", "db")],
    verdict: "unknown",
    id: "vm-facts",
    says: ["Not known of VM “db”"],
  },
  {
    what: "the host names a VM without a record",
    change: (tables) =>
      void (host(tables, "node2")["resident_VMs"] as string[]).push("OpaqueRef:x"),
    verdict: "unknown",
    id: "facts-complete",
    says: ["a VM that runs on “node2”"],
  },
];

function addTask(tables: Tables, label: string, on: string): void {
  tables["task"]!["OpaqueRef:task"] = {
    name_label: label,
    status: "pending",
    progress: 0.4,
    resident_on: hostRefOf(on),
  };
}

describe("each check", () => {
  test.each(cases)("$what", (one) => {
    const tables = quiet();
    one.change(tables);
    const verdict = judge(tables, one.host);
    const found = rows(verdict, one.id);
    expect(found.join("\n")).not.toBe("");
    for (const [position, part] of one.says.entries()) expect(found[position]).toContain(part);
    expect(verdict.verdict).toBe(one.verdict);
    for (const check of verdict.checks.filter((row) => row.state !== "passed")) {
      expect(check.fix).not.toBeNull();
      expect(check.sentence).not.toContain("OpaqueRef");
    }
  });
});

test("a single host is never safe to reboot: nothing takes over", () => {
  const verdict = judge(smallPool({ hosts: ["node2"] }));
  expect(verdict.verdict).toBe("unsafe");
  expect(rows(verdict, "coordinator-hand-over")[0]).toContain("is the only host");
});

test("facts older than ten seconds carry no verdict, and nothing on them is passed", () => {
  const tables = quiet();
  const input = { ...current, records: recordsOf(tables), hostRef: hostRefOf("node2") };
  expect(judgeHost({ ...input, nowMonotonicMs: 11_000 }).verdict).toBe("safe");
  const old = judgeHost({ ...input, nowMonotonicMs: 11_001 });
  expect(old.verdict).toBe("unknown");
  expect(old.checks.some((check) => check.state === "passed")).toBe(false);
});

test("evidence is stamped with the time the facts were proven, not with now", () => {
  const verdict = judge(quiet());
  expect(new Set(verdict.checks.map((check) => check.evidenceAtMs))).toEqual(
    new Set([current.nowWallMs - 1_000]),
  );
});

test("all hosts at once give the same as one by one", () => {
  const tables = quiet();
  addVm(tables, { name: "build", host: "node2", disk: "local" });
  const all = judgeAllHosts({ ...current, records: recordsOf(tables) });
  for (const name of ["node1", "node2", "node3"]) {
    expect(all.get(hostRefOf(name))).toEqual(judge(tables, name));
  }
});

test("the same findings later are the same verdict; another sentence is not", () => {
  const input = { ...current, records: recordsOf(quiet()), hostRef: hostRefOf("node2") };
  const first = judgeHost(input);
  expect(sameVerdict(first, judgeHost({ ...input, nowWallMs: current.nowWallMs + 5 }))).toBe(true);
  expect(sameVerdict(first, judge(quiet(), "node3"))).toBe(false);
});

describe("no combination of stale or missing facts gives Safe", () => {
  test("whatever the connection and the age", () => {
    const sick = fc.constantFrom("disconnected", "connecting", "stale", "failed", "needs-password");
    fc.assert(
      fc.property(fc.option(sick), fc.integer({ min: -20_000, max: 60_000 }), (status, ageMs) => {
        const connection = status === null ? liveConnection : ({ status, sinceMs: 0 } as never);
        const verdict = judgeHost({
          records: recordsOf(quiet()),
          hostRef: hostRefOf("node2"),
          connection,
          freshAtMs: 100_000,
          nowMonotonicMs: 100_000 + ageMs,
          nowWallMs: 0,
        });
        const isFresh = status === null && ageMs >= 0 && ageMs <= 10_000;
        expect(verdict.verdict).toBe(isFresh ? "safe" : "unknown");
      }),
    );
  });

  /**
   * Records and fields whose absence must be noticed; a VM that is nowhere else named is not there.
   */
  const needed: readonly [string, readonly string[]][] = [
    ["pool", ["master", "ha_enabled", "other_config", "ha_statefiles"]],
    ["host", ["enabled", "metrics", "other_config", "current_operations", "software_version"]],
    ["host_metrics", ["live"]],
    [
      "VM",
      [
        "power_state",
        "VBDs",
        "VIFs",
        "VGPUs",
        "attached_PCIs",
        "memory_static_max",
        "current_operations",
        "blocked_operations",
        "allowed_operations",
        "other_config",
      ],
    ],
    ["VBD", ["VDI"]],
    ["VDI", ["SR"]],
    ["SR", ["shared", "type"]],
    ["PBD", ["host", "SR", "currently_attached"]],
    ["VIF", ["network"]],
    ["PIF", ["host", "network", "currently_attached"]],
    ["network", []],
  ];
  const losses = (tables: Tables): { name: string; lose: () => void }[] =>
    needed.flatMap(([className, fields]) =>
      Object.entries(tables[className]!).flatMap(([ref, record]) => [
        { name: `${className} ${ref}`, lose: () => delete tables[className]![ref] },
        ...fields.map((field) => ({
          name: `${className} ${ref} ${field}`,
          lose: () => delete record[field],
        })),
      ]),
    );

  /** What concerns other hosts' VMs or connections only does not touch node2. */
  const isElsewhere = (name: string): boolean =>
    /-far\b|local-node[13]/u.test(name) && !name.startsWith("VM OpaqueRef:vm-far resident");

  test("whatever single fact is missing", () => {
    const unnoticed: string[] = [];
    for (let pick = 0; pick < losses(quiet()).length; pick += 1) {
      const tables = quiet();
      const loss = losses(tables)[pick]!;
      loss.lose();
      if (judge(tables).verdict === "safe") unnoticed.push(loss.name);
    }
    expect(unnoticed.filter((name) => !isElsewhere(name))).toEqual([]);
  });

  test("whatever is missing", () => {
    const count = losses(quiet()).length;
    fc.assert(
      fc.property(fc.array(fc.nat(count - 1), { minLength: 1, maxLength: 6 }), (picks) => {
        const tables = quiet();
        const all = losses(tables);
        const names = [...new Set(picks)].map((pick) => {
          all[pick]!.lose();
          return all[pick]!.name;
        });
        const verdict = judge(tables).verdict;
        if (!names.every(isElsewhere)) expect(`${verdict}: ${names.join()}`).not.toMatch(/^safe/u);
      }),
      { numRuns: 2_000 },
    );
  });
});
