import { describe, expect, test } from "vitest";
import { FORMATS, runRow, type CallRow, type RowScene } from "../testing/call-rows.ts";
import { refOf, uuidOf } from "../testing/small-pool.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const GIB = 2 ** 30;
const [vm, other, hostB] = ["vm-a1", "vm-b1", "host-b"].map(refOf) as [string, string, string];
const stale = "OpaqueRef:gone";
const with1 = (fields: Readonly<Record<string, never>> | object, cls = "VM", ref = vm) => ({
  records: { [cls]: { [ref]: fields as Record<string, string> } },
});
const stop = async ({ ask }: RowScene): Promise<void> => void (await ask("VM.hard_shutdown", vm));

const fields: readonly CallRow[] = [
  ...(["order", "start_delay", "shutdown_delay"] as const).map((field): CallRow => ({
    name: `${field} is never negative`,
    call: [`VM.set_${field}`, vm, -1],
    fails: ["INVALID_VALUE", `${field} must be non-negative`, "-1"],
  })),
  {
    name: "an unknown restart priority",
    call: ["VM.set_ha_restart_priority", vm, "always"],
    fails: ["INVALID_VALUE", "ha_restart_priority", "always"],
  },
  {
    name: "a running VM is protected at once",
    call: ["VM.set_ha_restart_priority", vm, "restart"],
    after: ({ ask }) => ask("VM.get_ha_always_run", vm),
    leaves: true,
  },
  {
    name: "a clean shutdown ends the protection until the next start",
    before: async ({ ask }) => void (await ask("VM.set_ha_restart_priority", vm, "restart")),
    call: ["VM.clean_shutdown", vm],
    after: ({ ask }) => ask("VM.get_ha_always_run", vm),
    leaves: false,
  },
  {
    name: "a VM on shared storage and network is agile",
    call: ["VM.assert_agile", vm],
    after: () => "agile",
    leaves: "agile",
  },
  {
    name: "a local disk is not",
    pool: with1({ SR: refOf("sr-local-a") }, "VDI", refOf("vdi-a1")),
    call: ["VM.assert_agile", vm],
    fails: ["HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", refOf("sr-local-a")],
  },
  {
    name: "nor is a network that one host lacks",
    pool: with1({ network: refOf("network-none") }, "PIF", refOf("pif-b")),
    call: ["VM.assert_agile", vm],
    fails: ["HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED", refOf("network-0")],
  },
  {
    name: "nor a virtual graphics card",
    pool: with1({ VM: vm }, "VGPU", refOf("vgpu-1")),
    call: ["VM.assert_agile", vm],
    fails: ["VM_HAS_VGPU", vm],
  },
];

const odds: readonly CallRow[] = [
  {
    name: "overhead grows with memory and processors",
    call: ["VM.compute_memory_overhead", vm],
    gives: 16 * 2 ** 20,
  },
  {
    name: "memory below the least",
    before: stop,
    call: ["VM.set_memory", vm, GIB / 2],
    fails: ["MEMORY_CONSTRAINT_VIOLATION", "static_min <= dynamic_min"],
  },
  {
    name: "memory of a running VM",
    call: ["VM.set_memory", vm, 2 * GIB],
    fails: ["VM_BAD_POWER_STATE", vm, "halted", "running"],
  },
  {
    name: "the internal change of a home, with an unknown host",
    call: ["VM.atomic_set_resident_on", vm, stale],
    fails: ["HANDLE_INVALID", "host", stale],
  },
  {
    name: "blocking twice is a duplicate key",
    before: async ({ ask }) => void (await ask("VM.add_to_blocked_operations", vm, "start", "x")),
    call: ["VM.add_to_blocked_operations", vm, "start", "y"],
    fails: ["MAP_DUPLICATE_KEY", "VM", "blocked_operations", uuidOf("vm-a1"), "start"],
  },
  {
    name: "a blocked operation leaves the offer",
    call: ["VM.set_blocked_operations", vm, { pool_migrate: "no" }],
    after: async ({ ask }) =>
      ((await ask("VM.get_allowed_operations", vm)) as string[]).includes("pool_migrate"),
    leaves: false,
  },
  {
    name: "an unblocked one comes back",
    pool: with1({ blocked_operations: { pool_migrate: "no" } }),
    call: ["VM.remove_from_blocked_operations", vm, "pool_migrate"],
    after: async ({ ask }) =>
      ((await ask("VM.get_allowed_operations", vm)) as string[]).includes("pool_migrate"),
    leaves: true,
  },
  {
    name: "the offer of a VM that is not there",
    call: ["VM.update_allowed_operations", stale],
    fails: ["HANDLE_INVALID", "VM", stale],
  },
];

const resets: readonly CallRow[] = [
  {
    name: "control domains are never reset",
    call: ["VM.power_state_reset", refOf("dom0-a")],
    fails: ["CANNOT_RESET_CONTROL_DOMAIN", refOf("dom0-a")],
  },
  {
    name: "a domain that runs on the coordinator is not forgotten",
    call: ["VM.power_state_reset", vm],
    fails: ["DOMAIN_EXISTS", vm],
  },
  {
    name: "a VM on a live host is not reset",
    call: ["VM.power_state_reset", other],
    fails: ["HOST_IS_LIVE", hostB],
  },
  {
    name: "a VM of a host without power is reset, its lock stays",
    before: ({ pool }) => pool.host("b").cutPower(),
    call: ["VM.power_state_reset", other],
    after: async ({ ask }) => [
      await ask("VM.get_power_state", other),
      await ask("VM.get_resident_on", other),
      await ask("VDI.get_sm_config", refOf("vdi-b1")),
    ],
    leaves: ["Halted", "OpaqueRef:NULL", { [`host_${hostB}`]: "RW" }],
  },
];

const app = refOf("appliance");
const appliance = (records: object = {}): CallRow["pool"] => ({
  records: {
    VM_appliance: { [app]: { name_label: "shop" } },
    VM: { [vm]: { appliance: app, order: 1 }, [other]: { appliance: app, order: 2 } },
    ...records,
  },
});

const appliances: readonly CallRow[] = [
  {
    name: "an appliance that runs cannot start",
    pool: appliance(),
    call: ["VM_appliance.start", app, false],
    fails: ["OPERATION_NOT_ALLOWED", "There are no halted VMs in this appliance."],
  },
  {
    name: "an appliance without VMs does nothing",
    pool: { records: { VM_appliance: { [app]: { name_label: "empty" } } } },
    call: ["VM_appliance.start", app, false],
    fails: ["OPERATION_NOT_ALLOWED", "Appliance has no VMs."],
  },
  {
    name: "a clean shutdown stops all of it",
    pool: appliance(),
    call: ["VM_appliance.clean_shutdown", app],
    after: async ({ ask }) => [
      await ask("VM.get_power_state", vm),
      await ask("VM.get_power_state", other),
      await ask("VM_appliance.get_allowed_operations", app),
    ],
    leaves: ["Halted", "Halted", ["start"]],
  },
  {
    name: "hard_shutdown of a halted appliance",
    pool: appliance(),
    before: async ({ ask }) => void (await ask("VM_appliance.hard_shutdown", app)),
    call: ["VM_appliance.hard_shutdown", app],
    fails: ["OPERATION_NOT_ALLOWED", "All VMs in this appliance are halted."],
  },
  {
    name: "shutdown stops even what does not listen",
    pool: appliance({
      VM_guest_metrics: { [refOf("vm-guest-a1")]: { PV_drivers_detected: false, other: {} } },
    }),
    call: ["VM_appliance.shutdown", app],
    after: ({ ask }) => ask("VM.get_power_state", vm),
    leaves: "Halted",
  },
  {
    name: "a busy appliance takes no second order",
    pool: appliance({ VM: { [vm]: { appliance: app, shutdown_delay: 60 } } }),
    before: async ({ client, session, pool, notes }) => {
      const call = client.call("Async.VM_appliance.hard_shutdown", session, app);
      notes["task"] = await pool.time.until(call);
      await pool.time.advance(1_000);
    },
    call: ["VM_appliance.shutdown", app],
    fails: ({ notes }) => [
      "OTHER_OPERATION_IN_PROGRESS",
      "VM_appliance",
      app,
      "hard_shutdown",
      String(notes["task"]),
    ],
  },
  {
    name: "a new appliance is empty",
    before: async ({ ask, notes }) => {
      notes["ref"] = await ask("VM_appliance.create", { name_label: "new", name_description: "" });
    },
    call: ({ notes }) => ["VM_appliance.start", String(notes["ref"]), false],
    fails: ["OPERATION_NOT_ALLOWED", "Appliance has no VMs."],
  },
  {
    name: "destroy lets the VMs go",
    pool: appliance(),
    call: ["VM_appliance.destroy", app],
    after: ({ ask }) => ask("VM.get_appliance", vm),
    leaves: "OpaqueRef:NULL",
  },
  {
    name: "what did not stop is named",
    pool: appliance({ VM_guest_metrics: {} }),
    before: async ({ ask }) =>
      void (await ask("VM.add_to_blocked_operations", other, "clean_shutdown", "no")),
    call: ["VM_appliance.clean_shutdown", app],
    fails: ["OPERATION_PARTIALLY_FAILED", "VM_appliance.clean_shutdown", other],
  },
];

const tables = { fields, odds, resets, appliances };

describe.each(Object.entries(tables))("VM rows: %s", (_, rows) => {
  describe.each(FORMATS)("over %s", (format) => {
    test.each(rows.map((row) => [row.name, row] as const))("%s", async (_name, row) => {
      const { actual, expected } = await runRow(row, format, turn);
      expect(actual).toEqual(expected);
    });
  });
});
