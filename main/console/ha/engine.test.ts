import { describe, expect, test } from "vitest";
import fc from "fast-check";
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
import { judgeEngine, judgePool, type PoolJudgement } from "./engine.ts";

const lizardSwitch = "XenCenter.CustomFields.ha-lizard-enabled";

function judge(tables: Tables, more: object = {}): PoolJudgement {
  return judgePool({
    records: recordsOf(tables),
    connection: liveConnection,
    freshAtMs: 1_000,
    nowMonotonicMs: 2_000,
    nowWallMs: 0,
    ...more,
  });
}

const protectedPool = (): Tables => {
  const tables = smallPool({ vms: [{ name: "web", host: "node1", treatment: "restart" }] });
  switchHaOn(tables, { timeout: "75", tolerance: 1 });
  return tables;
};
const poolRow = (tables: Tables): Record<string, unknown> => Object.values(tables["pool"]!)[0]!;

test("native HA is described with its storage, timeout and plan", () => {
  expect(judgeEngine(recordsOf(protectedPool()))).toMatchObject({
    engine: "native-ha",
    reasons: ["Native HA is on, with its heartbeat on “shared”."],
    nativeHa: {
      enabled: true,
      timeoutS: 75,
      failuresToTolerate: 1,
      planExistsFor: 1,
      heartbeatSrs: [{ uuid: "sr-shared", name: "shared" }],
    },
  });
});

test("without an engine it is said plainly", () => {
  const engine = judgeEngine(recordsOf(smallPool()));
  expect(engine.engine).toBe("none");
  expect(engine.reasons).toEqual(["Nothing restarts VMs when a host fails."]);
  expect(judge(smallPool()).verdict).toBe("unprotected");
});

test("HA-Lizard is seen by its switch and by its settings", () => {
  const on = judgeEngine(recordsOf(smallPool({ poolConfig: { [lizardSwitch]: "true" } })));
  expect(on).toMatchObject({ engine: "ha-lizard", haLizard: { configured: true, enabled: true } });
  const off = judgeEngine(recordsOf(smallPool({ poolConfig: { HA_MONITOR_DELAY: "15" } })));
  expect(off).toMatchObject({ engine: "none", haLizard: { configured: true, enabled: false } });
  expect(off.reasons).toContain("HA-Lizard is configured, and switched off.");
});

test("both engines on is unknown, and said", () => {
  const tables = protectedPool();
  poolRow(tables)["other_config"] = { [lizardSwitch]: "true" };
  expect(judgeEngine(recordsOf(tables)).engine).toBe("unknown");
  expect(judge(tables).verdictReasons[0]).toContain("both on");
});

test("a pool without its record is unknown", () => {
  const tables = protectedPool();
  tables["pool"] = {};
  expect(judgeEngine(recordsOf(tables)).engine).toBe("unknown");
  expect(judge(tables).verdict).toBe("unknown");
});

const doubts: readonly (readonly [string, (tables: Tables) => void, PoolJudgement["verdict"]])[] = [
  ["no plan", (t) => (poolRow(t)["ha_plan_exists_for"] = 0), "at-risk"],
  ["a plan for less", (t) => (poolRow(t)["ha_host_failures_to_tolerate"] = 2), "at-risk"],
  ["tolerates nothing", (t) => (poolRow(t)["ha_host_failures_to_tolerate"] = 0), "at-risk"],
  ["overcommitted", (t) => (poolRow(t)["ha_overcommitted"] = true), "at-risk"],
  ["statefile unknown", (t) => (poolRow(t)["ha_statefiles"] = ["OpaqueRef:gone"]), "at-risk"],
  [
    "a host is not live",
    (t) => (t["host_metrics"]![refOf("metrics", "node2")]!["live"] = false),
    "at-risk",
  ],
  ["no metrics", (t) => (t["host_metrics"] = {}), "at-risk"],
  [
    "no VM is restarted",
    (t) => (t["VM"]![vmRefOf("web")]!["ha_restart_priority"] = "best-effort"),
    "at-risk",
  ],
  [
    "one host only",
    (t) => {
      for (const name of ["node2", "node3"]) delete t["host"]![hostRefOf(name)];
    },
    "at-risk",
  ],
  ["XOSTOR", (t) => void addSr(t, "xo", { shared: true, on: [], type: "linstor" }), "unknown"],
  ["HA is off", (t) => (poolRow(t)["ha_enabled"] = false), "unprotected"],
  ["HA is not known", (t) => delete poolRow(t)["ha_enabled"], "unknown"],
  ["HA-Lizard too", (t) => (poolRow(t)["other_config"] = { [lizardSwitch]: "true" }), "unknown"],
];

test("a host that has not reported its heartbeats yet keeps the pool from being Protected", () => {
  const [host] = Object.values(protectedPool()["host"]!);
  for (const [field, reason] of [
    ["ha_network_peers", "not reported to hear the heartbeat of every other host"],
    ["ha_statefiles", "not reported to see every heartbeat disk"],
  ] as const) {
    const tables = protectedPool();
    Object.values(tables["host"]!)[0]![field] = [];
    const judged = judge(tables);
    expect(judged.verdict).toBe("at-risk");
    expect(judged.verdictReasons[0]).toBe(`Host “${String(host!["name_label"])}” has ${reason}.`);
  }
});

describe("only native HA with a plan, on current facts, is Protected", () => {
  test("the one case", () => {
    expect(judge(protectedPool())).toEqual({
      verdict: "protected",
      verdictReasons: [
        "Native HA can recover its VMs from 1 host failure.",
        "Native HA is on, with its heartbeat on “shared”.",
      ],
    });
  });

  test.each(doubts)("%s", (_what, change, verdict) => {
    const tables = protectedPool();
    change(tables);
    expect(judge(tables).verdict).toBe(verdict);
    expect(judge(tables).verdictReasons.length).toBeGreaterThan(0);
  });

  test("old facts or a connection that is not live", () => {
    expect(judge(protectedPool(), { nowMonotonicMs: 11_001 }).verdict).toBe("unknown");
    for (const status of ["stale", "connecting", "disconnected", "failed", "changed-certificate"]) {
      const connection = { status, sinceMs: 0 };
      expect(judge(protectedPool(), { connection }).verdict).toBe("unknown");
    }
  });

  test("no mixture of doubts is Protected", () => {
    fc.assert(
      fc.property(fc.subarray([...doubts], { minLength: 1 }), fc.boolean(), (picked, isOld) => {
        const tables = protectedPool();
        addVm(tables, { name: "best", host: "node2", treatment: "best-effort" });
        for (const [, change] of picked) change(tables);
        const age = isOld ? { nowMonotonicMs: 60_000 } : {};
        expect(judge(tables, age).verdict).not.toBe("protected");
      }),
    );
  });

  test("HA-Lizard alone never is", () => {
    const tables = smallPool({ poolConfig: { [lizardSwitch]: "true" } });
    expect(judge(tables).verdict).toBe("unknown");
  });
});
