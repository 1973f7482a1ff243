import { describe, expect, test } from "vitest";
import type { Run } from "../../contract/run.ts";
import { XapiFailure } from "../pool-session.ts";
import { consoleError } from "../problem.ts";
import { createScriptedPool, type Fault, type ScriptedPool } from "../testing/scripted-pool.ts";
import { hostRefOf, smallPool, switchHaOn, vmRefOf, type Tables } from "../testing/small-pool.ts";
import { createVirtualClock, pump } from "../testing/virtual-clock.ts";
import { createReboots, type Reboots } from "./reboots.ts";

const everything = [
  "native-ha-pause",
  "vm-ha-unprotected",
  "auto-poweron",
  "vm-must-stop",
  "host-enabled",
  "nobody-else-maintains",
];

interface Stage {
  readonly tables: Tables;
  readonly session: ScriptedPool;
  readonly reboots: Reboots;
  readonly seen: Run[];
  go(host?: string, acknowledgedIds?: readonly string[]): Promise<Run>;
}

/** Three hosts, native HA on, automatic start on, one VM tied to node1 and three that can move. */
function stage(change: (tables: Tables) => void = () => {}): Stage {
  const tables = smallPool({
    poolConfig: { auto_poweron: "true", "xo:note": "mine" },
    vms: [
      { name: "web", host: "node1", treatment: "restart", order: 1 },
      { name: "db", host: "node1", memoryGib: 8 },
      { name: "build", host: "node1", disk: "local", order: 3 },
      { name: "far", host: "node2" },
      { name: "off", host: null },
    ],
  });
  switchHaOn(tables, { timeout: "75", tolerance: 1 });
  change(tables);
  const clock = createVirtualClock();
  const session = createScriptedPool(tables, clock);
  const seen: Run[] = [];
  const reboots = createReboots({
    session,
    clock,
    owner: "ana@desk",
    newRunId: () => "run-1",
    explain: (failure) =>
      failure instanceof XapiFailure
        ? consoleError(failure.code, `XAPI said ${failure.code}.`, "Look.")
        : consoleError("UNKNOWN", String(failure), "Look."),
  });
  reboots.onChange(() => {
    const run = reboots.current();
    if (run !== null) seen.push(run);
  });
  return {
    tables,
    session,
    reboots,
    seen,
    async go(host = "node1", acknowledgedIds = everything) {
      reboots.start({
        hostUuid: `host-${host}`,
        acknowledgedIds: [...acknowledgedIds],
        typedName: host,
      });
      await pump(clock, reboots.settled());
      return reboots.current()!;
    },
  };
}

/** All records with keys and residents in one order, so that equal pools are equal texts. */
function photograph(tables: Tables): unknown {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value))
      return value.map((one) => JSON.stringify(sorted(one))).sort((a, b) => a.localeCompare(b));
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).map(([key, one]) => [key, sorted(one)] as const);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  return structuredClone(sorted(tables));
}

const states = (run: Run): Record<string, string> =>
  Object.fromEntries(run.phases.map((phase) => [phase.id, phase.state]));
const poolRow = (tables: Tables): Record<string, unknown> => Object.values(tables["pool"]!)[0]!;
const where = (tables: Tables, vm: string): unknown => tables["VM"]![vmRefOf(vm)]!["resident_on"];

test("the coordinator reboots with native HA on, and all but its role is as before", async () => {
  const { tables, session, go } = stage();
  const run = await go();
  expect(run.error).toBeNull();
  expect(run.status).toBe("done");
  expect(Object.values(states(run)).every((state) => state === "done")).toBe(true);
  expect(session.killed).toEqual([]);
  expect(poolRow(tables)).toMatchObject({
    master: hostRefOf("node3"),
    ha_enabled: true,
    ha_configuration: { timeout: "75" },
    ha_host_failures_to_tolerate: 1,
    other_config: { auto_poweron: "true", "xo:note": "mine" },
  });
  expect(["web", "db", "build"].map((vm) => where(tables, vm))).toEqual(
    Array.from({ length: 3 }, () => hostRefOf("node1")),
  );
  expect(tables["host"]![hostRefOf("node1")]).toMatchObject({
    enabled: true,
    other_config: { boot_time: "2000.", agent_start_time: "2010." },
  });
  const different = run.comparison.filter((row) => !row.same).map((row) => row.what);
  expect(different).toEqual(["Coordinator"]);
});

test("what is done comes in the safe order", async () => {
  const { session, go } = stage();
  await go();
  const order = (method: string): number =>
    session.calls.findIndex((call) => call.startsWith(method));
  const milestones = [
    "pool.add_to_other_config",
    "pool.disable_ha",
    "pool.designate_new_master",
    "host.disable",
    "VM.clean_shutdown",
    "VM.pool_migrate",
    "host.reboot",
    "host.enable",
    "VM.start_on",
    "pool.enable_ha",
  ].map(order);
  expect(milestones.every((at) => at >= 0)).toBe(true);
  expect(milestones).toEqual([...milestones].sort((a, b) => a - b));
});

test("the ledger stands before each change and is gone at the end", async () => {
  const { tables, session, seen, go } = stage();
  const at: Record<string, string[]> = {};
  session.onChange(() => {
    const phase = seen.at(-1)?.phases.find((one) => one.state === "running")?.id ?? "";
    const keys = Object.keys(poolRow(tables)["other_config"] as object);
    at[phase] = keys.filter((key) => key.startsWith("skink."));
  });
  await go();
  expect(at["evacuate"]).toEqual(
    ["", ".ha-off", ".autostart-off", ".hand-over", ".maintenance", ".stop-vms", ".evacuate"].map(
      (phase) => `skink.run${phase}`,
    ),
  );
  expect(JSON.stringify(poolRow(tables)["other_config"])).not.toContain("skink");
});

test("XenCenter's maintenance keys name the VMs while the host is away", async () => {
  const { tables, session, go } = stage();
  let during: unknown;
  session.onChange(() => {
    if (session.calls.at(-1)?.startsWith("host.reboot") === true) {
      during = { ...(tables["host"]![hostRefOf("node1")]!["other_config"] as object) };
    }
  });
  await go();
  expect(during).toMatchObject({
    MAINTENANCE_MODE: "true",
    MAINTENANCE_MODE_EVACUATED_VMS_MIGRATED: "vm-web,vm-db",
    MAINTENANCE_MODE_EVACUATED_VMS_HALTED: "vm-build",
  });
});

test("a supporter in an old generation reboots without a hand-over", async () => {
  const { tables, session, go } = stage((t) => {
    poolRow(t)["master"] = hostRefOf("node2");
  });
  session.oldGeneration = true;
  const run = await go();
  expect(run.status).toBe("done");
  expect(states(run)["hand-over"]).toBe("skipped");
  expect(poolRow(tables)["master"]).toBe(hostRefOf("node2"));
  expect(session.calls.some((call) => call.startsWith("pool.designate"))).toBe(false);
  expect(run.comparison.every((row) => row.same)).toBe(true);
});

test("a host that was disabled on purpose is left disabled", async () => {
  const { tables, go } = stage((t) => {
    poolRow(t)["master"] = hostRefOf("node2");
    t["host"]![hostRefOf("node1")]!["enabled"] = false;
  });
  const run = await go();
  expect(run.status).toBe("done");
  expect(tables["host"]![hostRefOf("node1")]!["enabled"]).toBe(false);
  expect(where(tables, "web")).toBe(hostRefOf("node1"));
});

test("progress of each VM is told while it moves", async () => {
  const { seen, go } = stage();
  await go();
  const rowsOf = (phase: string): string[] =>
    seen.flatMap((run) =>
      run.phases
        .filter((one) => one.id === phase && one.state === "running")
        .flatMap((one) => one.vms.map((vm) => `${vm.name} ${vm.state} ${vm.progress}`)),
    );
  expect(rowsOf("evacuate")).toEqual(
    expect.arrayContaining(["db waiting 0", "db moving 0.5", "db moved 1", "web moved 1"]),
  );
  expect(rowsOf("stop-vms")).toEqual(expect.arrayContaining(["build stopping 0.5"]));
});

describe("nothing is changed when it must not start", () => {
  test("a review that nobody acknowledged", async () => {
    const { tables, session, go } = stage();
    const before = photograph(tables);
    const run = await go("node1", ["native-ha-pause", "vm-ha-unprotected", "auto-poweron"]);
    expect(run.status).toBe("put-back");
    expect(run.error?.code).toBe("NOT_ACKNOWLEDGED");
    expect(run.error?.sentence).toContain("“build”");
    expect(session.calls).toEqual([]);
    expect(photograph(tables)).toEqual(before);
  });

  test("an unsafe verdict", async () => {
    const { session, go } = stage((t) => {
      t["VM"]![vmRefOf("db")]!["power_state"] = "Paused";
    });
    const run = await go();
    expect(run.error?.code).toBe("UNSAFE");
    expect(session.calls).toEqual([]);
  });

  test("another console holds the pool: its ledger stays", async () => {
    const { tables, session, go } = stage();
    session.plan({ method: "pool.add_to_other_config", fault: "lost-before" });
    session.onChange(() => {});
    const config = poolRow(tables)["other_config"] as Record<string, string>;
    const run = go();
    config["skink.run"] = JSON.stringify({ owner: "bob@pc", host: "node2", run: "other" });
    const ended = await run;
    expect(ended.status).toBe("put-back");
    expect(ended.error?.sentence).toContain("bob@pc");
    expect(JSON.stringify(poolRow(tables)["other_config"])).toContain("bob@pc");
  });

  test("a name that was not typed exactly", () => {
    const { reboots } = stage();
    const wish = { hostUuid: "host-node1", acknowledgedIds: everything };
    expect(() => reboots.start({ ...wish, typedName: "Node1" })).toThrow("not “node1”");
  });

  test("a VM that must stop and was not in the plan", () => {
    const { tables, reboots } = stage();
    reboots.plan({ hostUuid: "host-node1" });
    tables["VM"]![vmRefOf("db")]!["VGPUs"] = ["OpaqueRef:gpu"];
    expect(() =>
      reboots.start({ hostUuid: "host-node1", acknowledgedIds: everything, typedName: "node1" }),
    ).toThrow("“db” must stop too");
  });
});

test("the dry run has the phases of the run, names what happens, and changes nothing", async () => {
  const { tables, session, reboots, go } = stage();
  const before = photograph(tables);
  const plan = reboots.plan({ hostUuid: "host-node1", handOverToUuid: "host-node2" });
  expect(photograph(tables)).toEqual(before);
  expect(session.calls).toEqual([]);
  expect(plan.handOverToUuid).toBe("host-node2");
  expect(plan.handOverCandidates.map((one) => one.name)).toEqual(["node3", "node2"]);
  expect(plan.acknowledgeIds).toEqual([
    "native-ha-pause",
    "auto-poweron",
    "vm-must-stop",
    "vm-ha-unprotected",
  ]);
  const sentence = (id: string): string =>
    plan.phases.find((phase) => phase.id === id)?.sentence ?? "";
  expect(sentence("ha-off")).toContain("“shared”, timeout 75 s, 1 failure tolerated");
  expect(sentence("hand-over")).toContain("“node2” becomes coordinator");
  expect(sentence("stop-vms")).toContain("“build”");
  const targets = plan.phases.find((phase) => phase.id === "evacuate")?.vms;
  expect(targets?.map((vm) => `${vm.name} to ${vm.targetName}`)).toEqual([
    "db to node3",
    "web to node2",
  ]);
  const run = await go();
  expect(run.phases.map((phase) => phase.id)).toEqual(plan.phases.map((phase) => phase.id));
});

/** Every change before the point of no return, each going wrong once in each way. */
const changes: readonly (readonly [method: string, nth: number, phase: string])[] = [
  ["pool.add_to_other_config", 1, "ledger"],
  ["pool.add_to_other_config", 2, "ha-off"],
  ["pool.disable_ha", 1, "ha-off"],
  ["pool.add_to_other_config", 3, "autostart-off"],
  ["pool.add_to_other_config", 4, "autostart-off"],
  ["pool.designate_new_master", 1, "hand-over"],
  ["host.disable", 1, "maintenance"],
  ["host.add_to_other_config", 1, "maintenance"],
  ["host.add_to_other_config", 3, "maintenance"],
  ["VM.clean_shutdown", 1, "stop-vms"],
  ["VM.pool_migrate", 1, "evacuate"],
  ["VM.pool_migrate", 2, "evacuate"],
  ["host.reboot", 1, "reboot"],
];

describe("a phase that XAPI refuses: everything is put back", () => {
  test.each(changes)("%s, call %i", async (method, nth, phase) => {
    const { tables, session, go } = stage();
    const before = photograph(tables);
    session.plan({ method, nth, fault: "refused" });
    const run = await go();
    expect(run.error?.sentence).toContain("TEST_REFUSAL");
    expect(run.status).toBe("put-back");
    expect(run.phases.find((one) => one.error !== null)?.id).toBe(phase);
    expect(photograph(tables)).toEqual(before);
    expect(session.killed).toEqual([]);
    expect(run.comparison.filter((row) => !row.same)).toEqual([]);
  });
});

describe("the line breaks in a phase: the facts decide", () => {
  const both: readonly Fault[] = ["lost-before", "lost-after"];
  const cases = both.flatMap((fault) =>
    changes.map(([method, nth]) => [fault, method, nth] as const),
  );
  test.each(cases)("%s: %s, call %i", async (fault, method, nth) => {
    const { tables, session, go } = stage();
    const before = photograph(tables);
    session.plan({ method, nth, fault });
    const run = await go();
    expect(["done", "put-back"]).toContain(run.status);
    if (run.status === "put-back") expect(photograph(tables)).toEqual(before);
    else
      expect(run.comparison.filter((row) => !row.same).map((row) => row.what)).toEqual([
        "Coordinator",
      ]);
    if (fault === "lost-after") expect(run.status).toBe("done");
    expect(session.killed).toEqual([]);
    const asked = session.calls.filter((call) => call.startsWith("host.reboot")).length;
    expect(asked).toBeLessThanOrEqual(method === "host.reboot" ? 2 : 1);
  });
});

describe("what cannot be put back is told exactly, and the ledger stays", () => {
  test("native HA cannot be switched on again", async () => {
    const { tables, session, go } = stage();
    session.plan({ method: "pool.enable_ha", fault: "refused", forEver: true });
    const run = await go();
    expect(run.status).toBe("needs-person");
    expect(states(run)["ha-off"]).toBe("undo-failed");
    expect(run.error?.sentence).toMatch(/^“node1” has rebooted\. /u);
    expect(run.error?.sentence).toContain("Not everything could be put back");
    expect(states(run)["ledger"]).toBe("undo-failed");
    expect(poolRow(tables)["ha_host_failures_to_tolerate"]).toBe(1);
    const config = poolRow(tables)["other_config"] as Record<string, string>;
    expect(JSON.parse(config["skink.run.ha-off"]!)).toEqual({
      srUuids: ["sr-shared"],
      configuration: { timeout: "75" },
      failuresToTolerate: 1,
    });
    expect(config["auto_poweron"]).toBe("true");
    expect(where(tables, "web")).toBe(hostRefOf("node1"));
  });

  test("native HA refuses for a while and is on after some more tries", async () => {
    const { tables, session, go } = stage();
    for (const nth of [1, 2, 3]) session.plan({ method: "pool.enable_ha", nth, fault: "refused" });
    const run = await go();
    expect(run.status).toBe("done");
    expect(poolRow(tables)["ha_enabled"]).toBe(true);
  });

  test("the host never comes back: no VM is sent to it, HA stays off, all of it is named", async () => {
    const { tables, session, go } = stage();
    session.neverReturns = true;
    const run = await go();
    expect(run.status).toBe("needs-person");
    expect(run.error?.sentence).toContain("was not back 30 minutes after");
    expect(run.error?.sentence).toContain("“web”");
    expect(run.error?.sentence).toContain("native HA stays off");
    expect(where(tables, "web")).not.toBe(hostRefOf("node1"));
    expect((poolRow(tables)["other_config"] as Record<string, string>)["auto_poweron"]).toBe(
      "true",
    );
    expect(poolRow(tables)["ha_enabled"]).toBe(false);
    expect(run.phases.find((phase) => phase.id === "maintenance")?.error?.sentence).toContain(
      "marked as in maintenance",
    );
  });

  test("the host was told to reboot and stays up: nothing is put onto it", async () => {
    const { tables, session, go } = stage();
    session.neverGoes = true;
    const run = await go();
    expect(run.status).toBe("needs-person");
    expect(where(tables, "web")).not.toBe(hostRefOf("node1"));
    expect(session.calls.some((call) => call.startsWith("VM.start_on"))).toBe(false);
  });

  test("a VM does not come back: everything else does", async () => {
    const { tables, session, go } = stage();
    session.plan({
      method: "VM.pool_migrate",
      nth: 3,
      fault: "refused",
      forEver: true,
      onRef: vmRefOf("web"),
    });
    const run = await go();
    expect(run.status).toBe("needs-person");
    expect(run.error?.sentence).toContain("VM “web” could not be moved to “node1”");
    expect(where(tables, "db")).toBe(hostRefOf("node1"));
    expect(where(tables, "build")).toBe(hostRefOf("node1"));
    expect(poolRow(tables)["ha_enabled"]).toBe(true);
    expect(tables["host"]![hostRefOf("node1")]!["enabled"]).toBe(true);
  });
});

describe("the ledger of a run that needed a person", () => {
  const leftBehind = async (): Promise<Stage> => {
    const set = stage();
    set.session.plan({ method: "pool.enable_ha", fault: "refused", forEver: true });
    expect((await set.go()).status).toBe("needs-person");
    set.session.heal();
    return set;
  };
  const hasLedger = (tables: Tables): boolean =>
    JSON.stringify(poolRow(tables)["other_config"]).includes("skink");

  test("is kept while something is not as it was", async () => {
    const { tables, reboots } = await leftBehind();
    reboots.dismiss("run-1");
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasLedger(tables)).toBe(true);
  });

  test("goes with the report once the person has mended it", async () => {
    const { tables, reboots } = await leftBehind();
    switchHaOn(tables, { timeout: "75", tolerance: 1 });
    reboots.dismiss("run-1");
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasLedger(tables)).toBe(false);
  });
});

test("a host that cannot be reached for a minute is put back all the same", async () => {
  const { tables, session, go } = stage();
  const before = photograph(tables);
  session.plan({ method: "VM.pool_migrate", nth: 2, fault: "refused" });
  for (const nth of [1, 2, 3, 4]) session.plan({ method: "host.enable", nth, fault: "refused" });
  const run = await go();
  expect(run.status).toBe("put-back");
  expect(photograph(tables)).toEqual(before);
});

test("a VM that ignores the shutdown is never switched off hard", async () => {
  const { tables, session, go } = stage();
  const before = photograph(tables);
  session.stubborn.add(vmRefOf("build"));
  const run = await go();
  expect(run.status).toBe("put-back");
  expect(run.error?.sentence).toContain("“build” did not shut down cleanly within 10 minutes");
  expect(photograph(tables)).toEqual(before);
});

test("a stop lets the phase end, then puts everything back", async () => {
  const { tables, session, reboots, go } = stage();
  const before = photograph(tables);
  session.onChange(() => {
    if (session.calls.at(-1)?.startsWith("VM.pool_migrate") === true) reboots.stop("run-1");
  });
  const run = await go();
  expect(run.status).toBe("put-back");
  expect(run.error?.code).toBe("STOPPED");
  expect(states(run)["evacuate"]).toBe("undone");
  expect(states(run)["reboot"]).toBe("pending");
  expect(photograph(tables)).toEqual(before);
});

test("once the host is going, a stop comes too late and the run ends well", async () => {
  const { session, reboots, go } = stage();
  session.onChange(() => {
    if (session.calls.at(-1)?.startsWith("host.reboot") === true) reboots.stop("run-1");
  });
  expect((await go()).status).toBe("done");
});

test("one run at a time, and its report stays until it is dismissed", async () => {
  const { reboots, go } = stage();
  const first = go();
  const wish = { hostUuid: "host-node2", acknowledgedIds: [], typedName: "node2" };
  expect(() => reboots.start(wish)).toThrow("“node1” is being rebooted");
  expect(() => reboots.dismiss("run-1")).toThrow();
  await first;
  reboots.dismiss("run-1");
  expect(reboots.current()).toBeNull();
});
