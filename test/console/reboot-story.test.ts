import { describe, expect, test } from "vitest";
import { buildPreset } from "../../host-agent/virtual-xapi/presets/presets.ts";
import { seededDice, VirtualPool } from "../../host-agent/virtual-xapi/testing/virtual-pool.ts";
import type { Run } from "../../main/contract/run.ts";
import { createHa } from "../../main/console/ha/ha.ts";
import type { Explain } from "../../main/console/ha/proof.ts";
import { XapiFailure } from "../../main/console/pool-session.ts";
import { consoleError } from "../../main/console/problem.ts";
import { createReboots, type Reboots } from "../../main/console/reboot/reboots.ts";
import { judgeHost } from "../../main/console/verdict/judge-host.ts";
import { openVirtualSession, virtualConsoleClock, type VirtualSession } from "./virtual-session.ts";

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const hourMs = 3_600_000;

const explain: Explain = (failure) =>
  failure instanceof XapiFailure
    ? consoleError(failure.code, `${failure.code} ${failure.params.join(" ")}.`, "Look.")
    : consoleError("UNEXPECTED", String(failure), "Look.");

interface Stage {
  readonly pool: VirtualPool;
  readonly session: VirtualSession;
  readonly reboots: Reboots;
  readonly names: readonly string[];
  settle(): Promise<void>;
  haOn(): Promise<void>;
  reboot(host: number): Promise<Run>;
  photograph(): unknown;
}

/** The demo's small pool on real node code, in virtual time. */
async function stage(preset: "two" | "two-8.2" = "two"): Promise<Stage> {
  const dice = seededDice(7);
  const places = ["10.0.0.1", "10.0.0.2"].map((address) => ({ address }));
  const blueprint = buildPreset(preset, { dice, nowMs: 1_772_323_200_000, places });
  const pool = new VirtualPool({ blueprint, turn, dice });
  await pool.start();
  const session = openVirtualSession(pool);
  const clock = virtualConsoleClock(pool);
  const reboots = createReboots({ session, clock, owner: "ana@desk", explain });
  const ha = createHa({ session, explain });
  const names = blueprint.hosts.map((host) => host.name);
  const settle = (): Promise<void> => pool.time.advance(30_000);
  await settle();
  return {
    pool,
    session,
    reboots,
    names,
    settle,
    async haOn() {
      const { srs } = await pool.time.until(ha.heartbeatSrs(), hourMs);
      const suitable = srs.find((sr) => sr.suitable);
      const { maxFailuresToTolerate } = await pool.time.until(ha.tolerance(), hourMs);
      expect(maxFailuresToTolerate).toBeGreaterThanOrEqual(1);
      await pool.time.until(
        ha.enable({ srUuids: [suitable!.uuid], timeoutS: 75, failuresToTolerate: 1 }),
        hourMs,
      );
      await pool.time.advance(120_000);
    },
    async reboot(at) {
      const hostUuid = blueprint.hosts[at]!.uuid;
      const plan = reboots.plan({ hostUuid });
      const wish = { hostUuid, acknowledgedIds: plan.acknowledgeIds, typedName: names[at]! };
      reboots.start(wish);
      await pool.time.until(reboots.settled(), 8 * hourMs);
      await pool.time.advance(60_000);
      return reboots.current()!;
    },
    photograph: () => photograph(session),
  };
}

/** What an operator would call the pool's state, by names, without times and measurements. */
function photograph(session: VirtualSession): unknown {
  const records = session.records();
  const rows = (cls: "VM" | "host" | "PBD", fields: readonly string[]): unknown[] =>
    [...records.all(cls)]
      .map(([ref, record]) => [ref, ...fields.map((field) => record[field])])
      .sort((a, b) => String(a[0]).localeCompare(String(b[0])));
  const [pool] = records.all("pool").values();
  const keys = (config: unknown): unknown =>
    Object.entries(config as object)
      .filter(([key]) => !/_time$|^last_/u.test(key))
      .sort(([a], [b]) => a.localeCompare(b));
  return {
    pool: [
      pool?.["master"],
      pool?.["ha_enabled"],
      pool?.["ha_configuration"],
      pool?.["ha_host_failures_to_tolerate"],
      keys(pool?.["other_config"]),
    ],
    hosts: rows("host", ["enabled"]),
    hostKeys: [...records.all("host").values()].map((host) => keys(host["other_config"])),
    vms: rows("VM", [
      "power_state",
      "resident_on",
      "ha_restart_priority",
      "ha_always_run",
      "order",
      "current_operations",
    ]),
    pbds: rows("PBD", ["currently_attached"]),
  };
}

const failing = (run: Run): unknown =>
  run.phases.filter((phase) => phase.error !== null).map((phase) => [phase.id, phase.error]);
const changed = (run: Run): string[] =>
  run.comparison.filter((row) => !row.same).map((row) => row.what);

describe.each(["two", "two-8.2"] as const)("on a real virtual pool (%s)", (preset) => {
  test("a supporter with pinned VMs is rebooted, and all is as before", async () => {
    const { reboot, photograph: look, session } = await stage(preset);
    const before = look();
    const run = await reboot(1);
    expect([failing(run), run.error]).toEqual([[], null]);
    expect(run.status).toBe("done");
    expect(look()).toEqual(before);
    expect(changed(run)).toEqual([]);
    expect(session.calls.filter((call) => call === "host.reboot")).toHaveLength(1);
  });

  test("the coordinator is rebooted with native HA on; HA is exactly as before", async () => {
    const { reboot, haOn, session, names } = await stage(preset);
    await haOn();
    const [pool] = session.records().all("pool").values();
    expect(pool?.["ha_enabled"]).toBe(true);
    const run = await reboot(0);
    expect([failing(run), run.error]).toEqual([[], null]);
    expect(run.status).toBe("done");
    expect(changed(run)).toEqual(["Coordinator"]);
    const [after] = session.records().all("pool").values();
    expect(after).toMatchObject({
      ha_enabled: true,
      ha_host_failures_to_tolerate: 1,
      ha_configuration: { timeout: "75" },
    });
    const master = session.records().get("host", String(after?.["master"]));
    expect(master?.["name_label"]).toBe(names[1]);
  });

  test("the evacuation fails half way: all VMs, the role and HA are put back", async () => {
    const { reboot, haOn, photograph: look, session, pool } = await stage(preset);
    await haOn();
    const before = look();
    let moved = 0;
    const call = session.callTask.bind(session);
    session.callTask = async (method, args, options) => {
      if (method === "VM.pool_migrate" && (moved += 1) === 2) {
        // the storage path of the receiving host breaks
        for (const machine of pool.machines.slice(1)) {
          for (const sr of machine.spec.srUuids) machine.unreachableSrs.add(sr);
        }
      }
      const result = call(method, args, options);
      return result.finally(() => pool.machines.forEach((one) => one.unreachableSrs.clear()));
    };
    const run = await reboot(0);
    expect([run.status, failing(run)]).toEqual(["put-back", [["evacuate", expect.anything()]]]);
    expect(look()).toEqual(before);
  });
});

const lossPoints = [
  ["pool.add_to_other_config", 1],
  ["pool.disable_ha", 1],
  ["pool.designate_new_master", 1],
  ["host.disable", 1],
  ["VM.pool_migrate", 1],
  ["VM.pool_migrate", 2],
  ["host.reboot", 1],
  ["host.enable", 1],
  ["pool.enable_ha", 2],
] as const;

describe("the connection is lost in the middle of a phase", () => {
  const cases = lossPoints.flatMap(([method, nth]) =>
    (["before", "after"] as const).map((when) => [when, method, nth] as const),
  );
  test.each(cases)("%s %s, call %i", async (when, method, nth) => {
    const { reboot, haOn, photograph: look, session } = await stage();
    await haOn();
    const before = look();
    session.lose({ method, nth, when });
    const run = await reboot(0);
    expect(["done", "put-back"]).toContain(run.status);
    if (run.status === "put-back") expect(look()).toEqual(before);
    else expect(changed(run)).toEqual(["Coordinator"]);
    expect(session.calls.filter((one) => one === "host.reboot").length).toBeLessThanOrEqual(2);
  });
});

test("the verdict is computed on real records, with HA on as well", async () => {
  const { haOn, session, pool } = await stage();
  await haOn();
  const [hostRef] = session.records().all("host").keys();
  const verdict = judgeHost({
    records: session.records(),
    hostRef: hostRef!,
    connection: session.connection(),
    freshAtMs: session.freshAtMs(),
    nowMonotonicMs: pool.time.nowMs,
    nowWallMs: pool.time.nowMs,
  });
  expect(verdict.verdict).toBe("acknowledge");
  const open = verdict.checks.filter((check) => check.state !== "passed").map((check) => check.id);
  expect(open).toContain("native-ha-pause");
});
