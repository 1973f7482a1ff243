import { describe, expect, test } from "vitest";
import { OutcomeUnknown, XapiFailure } from "../pool-session.ts";
import { consoleError } from "../problem.ts";
import { createScriptedPool, type ScriptedPool } from "../testing/scripted-pool.ts";
import {
  addSr,
  refOf,
  smallPool,
  switchHaOn,
  vmRefOf,
  type Tables,
} from "../testing/small-pool.ts";
import { createVirtualClock } from "../testing/virtual-clock.ts";
import { createHa, type Ha } from "./ha.ts";

function stage(change: (tables: Tables) => void = () => {}): {
  tables: Tables;
  session: ScriptedPool;
  ha: Ha;
} {
  const tables = smallPool({
    vms: [
      { name: "web", host: "node1", treatment: "restart" },
      { name: "db", host: "node1", treatment: "best-effort" },
      { name: "old", host: "node2" },
    ],
  });
  change(tables);
  const session = createScriptedPool(tables, createVirtualClock());
  const ha = createHa({
    session,
    explain: (failure) =>
      failure instanceof XapiFailure
        ? consoleError(failure.code, `XAPI said ${failure.code}.`, "Look.")
        : consoleError("LOST", failure instanceof OutcomeUnknown ? "Lost." : "Broken.", "Look."),
  });
  return { tables, session, ha };
}

const poolRow = (tables: Tables): Record<string, unknown> => Object.values(tables["pool"]!)[0]!;
const vm = (tables: Tables, name: string): Record<string, unknown> => tables["VM"]![vmRefOf(name)]!;
const wish = { srUuids: ["sr-shared"], timeoutS: 90, failuresToTolerate: 1 };

describe("heartbeat storage", () => {
  test("each shared storage is asked, with the reason when it does not suit", async () => {
    const { ha } = stage((t) => {
      addSr(t, "windows share", { shared: true, on: ["node1"], type: "smb" });
      Object.assign(t["SR"]![addSr(t, "isos", { shared: true, on: ["node1"] })]!, {
        content_type: "iso",
      });
    });
    expect((await ha.heartbeatSrs()).srs).toEqual([
      {
        uuid: "sr-shared",
        name: "shared",
        suitable: true,
        sentence: "“shared” can hold the heartbeat.",
      },
      {
        uuid: "sr-windows share",
        name: "windows share",
        suitable: false,
        sentence: "XAPI said SR_OPERATION_NOT_SUPPORTED.",
      },
    ]);
  });

  test("a lost line is no answer about a storage", async () => {
    const { ha, session } = stage();
    session.plan({ method: "SR.assert_can_host_ha_statefile", fault: "lost-before" });
    await expect(ha.heartbeatSrs()).rejects.toThrow("Lost.");
  });
});

test("the tolerance is computed for the treatments that are being edited", async () => {
  const { ha, session } = stage();
  expect(await ha.tolerance()).toMatchObject({ maxFailuresToTolerate: 1 });
  const none = await ha.tolerance({ "vm-web": "unprotected" });
  expect(none).toEqual({
    maxFailuresToTolerate: 0,
    sentence: "No VM has the treatment “restart”, so nothing is guaranteed.",
  });
  expect(session.calls).toHaveLength(2);
});

describe("on and off", () => {
  test("tolerance first, then HA with its timeout; proven by the facts", async () => {
    const { ha, session, tables } = stage();
    await ha.enable(wish);
    expect(session.calls.map((call) => call.split(" ")[0])).toEqual([
      "pool.set_ha_host_failures_to_tolerate",
      "pool.enable_ha",
    ]);
    expect(poolRow(tables)).toMatchObject({
      ha_enabled: true,
      ha_configuration: { timeout: "90" },
    });
    await ha.disable();
    expect(poolRow(tables)["ha_enabled"]).toBe(false);
    await ha.disable();
    expect(session.calls.filter((call) => call === "pool.disable_ha")).toHaveLength(1);
  });

  test("a refused switch puts the tolerance back and says why", async () => {
    const { ha, session, tables } = stage();
    session.plan({ method: "pool.enable_ha", fault: "refused" });
    await expect(ha.enable(wish)).rejects.toThrow("TEST_REFUSAL");
    expect(poolRow(tables)["ha_host_failures_to_tolerate"]).toBe(0);
  });

  test("a tolerance that cannot be put back either is said", async () => {
    const { ha, session } = stage();
    session.plan({ method: "pool.enable_ha", fault: "refused" });
    session.plan({ method: "pool.set_ha_host_failures_to_tolerate", fault: "refused", nth: 2 });
    await expect(ha.enable(wish)).rejects.toThrow("could not be set back to 0");
  });

  test("a line that broke after HA came on is a success, found in the facts", async () => {
    const { ha, session } = stage();
    session.plan({ method: "pool.enable_ha", fault: "lost-after" });
    await ha.enable(wish);
    expect(session.calls.filter((call) => call.startsWith("pool.enable_ha"))).toHaveLength(1);
  });

  test("a line that broke before: switched on once the facts show that nothing happened", async () => {
    const { ha, session, tables } = stage();
    session.plan({ method: "pool.enable_ha", fault: "lost-before" });
    await ha.enable(wish);
    expect(session.calls.filter((call) => call.startsWith("pool.enable_ha"))).toHaveLength(2);
    expect(poolRow(tables)).toMatchObject({ ha_enabled: true, ha_host_failures_to_tolerate: 1 });
  });

  test("a line that breaks again and again: given up, tolerance put back", async () => {
    const { ha, session, tables } = stage();
    session.plan({ method: "pool.enable_ha", fault: "lost-before", forEver: true });
    await expect(ha.enable(wish)).rejects.toThrow("could not be confirmed");
    expect(session.calls.filter((call) => call.startsWith("pool.enable_ha"))).toHaveLength(2);
    expect(poolRow(tables)).toMatchObject({ ha_enabled: false, ha_host_failures_to_tolerate: 0 });
  });

  test("what is on already is not switched on with other settings", async () => {
    const { ha } = stage((t) => switchHaOn(t, { timeout: "60" }));
    await expect(ha.enable(wish)).rejects.toThrow("on already, with other settings");
    await ha.enable({ ...wish, timeoutS: 60 });
    expect(ha.setting()).toEqual({
      srUuids: ["sr-shared"],
      configuration: { timeout: "60" },
      failuresToTolerate: 1,
    });
  });

  test("a storage that left the pool is refused before anything is written", async () => {
    const { ha, session } = stage();
    await expect(ha.enable({ ...wish, srUuids: ["sr-gone"] })).rejects.toThrow("no longer part");
    expect(session.calls).toEqual([]);
  });
});

describe("protection of VMs", () => {
  const swap = [
    { vmUuid: "vm-old", treatment: "restart" as const, order: 2 },
    { vmUuid: "vm-web", treatment: "unprotected" as const },
    { vmUuid: "vm-db", startDelayS: 30 },
  ];

  test("demote, then order and delay, then promote, then sync while HA is on", async () => {
    const { ha, session, tables } = stage((t) => switchHaOn(t));
    expect(await ha.setProtection(swap)).toEqual({ written: 3 });
    expect(session.calls).toEqual([
      "VM.set_ha_restart_priority vm-web",
      "VM.set_order vm-old",
      "VM.set_start_delay vm-db",
      "VM.set_ha_restart_priority vm-old",
      "pool.sync_database",
    ]);
    expect(vm(tables, "web")["ha_restart_priority"]).toBe("");
    expect(vm(tables, "old")).toMatchObject({ ha_restart_priority: "restart", order: 2 });
  });

  test("without HA nothing is synced, and equal values are not written", async () => {
    const { ha, session } = stage();
    expect(await ha.setProtection([{ vmUuid: "vm-web", treatment: "restart", order: 0 }])).toEqual({
      written: 0,
    });
    expect(session.calls).toEqual([]);
  });

  test("a VM that fails is named and left as it was; the others stay written", async () => {
    const { ha, session, tables } = stage((t) => switchHaOn(t));
    session.plan({
      method: "VM.set_ha_restart_priority",
      nth: 2,
      fault: "refused",
      onRef: vmRefOf("old"),
    });
    await expect(ha.setProtection(swap)).rejects.toThrow(
      "1 VM was left unchanged, 2 were changed. “old”: XAPI said TEST_REFUSAL.",
    );
    expect(vm(tables, "old")).toMatchObject({ ha_restart_priority: "", order: 0 });
    expect(vm(tables, "web")["ha_restart_priority"]).toBe("");
    expect(vm(tables, "db")["start_delay"]).toBe(30);
  });

  test.each(["lost-before", "lost-after"] as const)(
    "%s: written once it is back",
    async (fault) => {
      const { ha, session, tables } = stage();
      session.plan({ method: "VM.set_order", fault });
      await ha.setProtection([{ vmUuid: "vm-old", order: 7 }]);
      expect(vm(tables, "old")["order"]).toBe(7);
      expect(session.calls.filter((call) => call.startsWith("VM.set_order"))).toHaveLength(
        fault === "lost-before" ? 2 : 1,
      );
    },
  );

  test("an unknown VM stops all before anything is written", async () => {
    const { ha, session } = stage();
    await expect(
      ha.setProtection([
        { vmUuid: "vm-old", order: 7 },
        { vmUuid: "vm-gone", order: 1 },
      ]),
    ).rejects.toThrow("nothing was written");
    expect(session.calls).toEqual([]);
  });

  test("a sync that fails is told, with what was written", async () => {
    const { ha, session } = stage((t) => switchHaOn(t));
    session.plan({ method: "pool.sync_database", fault: "refused" });
    await expect(ha.setProtection([{ vmUuid: "vm-old", order: 7 }])).rejects.toThrow(
      "1 VM is changed, but the copy of the database",
    );
  });
});

test("statefiles on two storages are both remembered", () => {
  const { ha } = stage((t) => {
    const second = addSr(t, "second", { shared: true, on: ["node1"] });
    switchHaOn(t, { srRefs: [refOf("sr", "shared"), second] });
  });
  expect(ha.setting()?.srUuids).toEqual(["sr-shared", "sr-second"]);
});
