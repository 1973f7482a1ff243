import { describe, expect, test } from "vitest";
import type { Run } from "../../main/contract/run.ts";
import { judgeHost } from "../../main/console/verdict/judge-host.ts";
import { rebootStage as stage } from "./reboot-stage.ts";

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
