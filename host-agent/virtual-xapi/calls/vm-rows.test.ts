import { describe, expect, test } from "vitest";
import { GENERATIONS } from "../generation.ts";
import { FORMATS, runRow, type CallRow, type RowScene } from "../testing/call-rows.ts";
import { refOf, uuidOf } from "../testing/small-pool.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const GIB = 2 ** 30;
const [vm, other, hostA, hostB] = ["vm-a1", "vm-b1", "host-a", "host-b"].map(refOf) as [
  string,
  string,
  string,
  string,
];
const stale = "OpaqueRef:gone";
const older = { generation: GENERATIONS["1.249"] };
const with1 = (fields: Readonly<Record<string, never>> | object, cls = "VM", ref = vm) => ({
  records: { [cls]: { [ref]: fields as Record<string, string> } },
});
const stop = async ({ ask }: RowScene): Promise<void> => void (await ask("VM.hard_shutdown", vm));

const start: readonly CallRow[] = [
  {
    name: "a stale reference is named with its class",
    call: ["VM.start", stale, false, false],
    fails: ["HANDLE_INVALID", "VM", stale],
  },
  {
    name: "start of a running VM names the wanted and the actual state",
    call: ["VM.start", vm, false, false],
    fails: ["VM_BAD_POWER_STATE", vm, "halted", "running"],
  },
  {
    name: "a blocked operation is refused before its state is looked at",
    pool: with1({ blocked_operations: { start: "keep off" } }),
    call: ["VM.start", vm, false, false],
    fails: ["OPERATION_BLOCKED", vm, "keep off"],
  },
  {
    name: "a template is refused with the operation",
    before: async (scene) => {
      await stop(scene);
      await scene.ask("VM.set_is_a_template", vm, true);
    },
    call: ["VM.start", vm, false, false],
    fails: ["VM_IS_TEMPLATE", vm, "start"],
  },
  {
    name: "a template is told before a bad power state",
    pool: with1({ is_a_template: true }),
    call: ["VM.suspend", vm],
    fails: ["VM_IS_TEMPLATE", vm, "suspend"],
  },
  {
    name: "a snapshot cannot start",
    pool: with1({ is_a_template: true, is_a_snapshot: true }),
    call: ["VM.start", vm, false, false],
    fails: ["VM_IS_SNAPSHOT", vm, "start"],
  },
  {
    name: "a control domain takes no part",
    call: ["VM.clean_shutdown", refOf("dom0-a")],
    fails: ["OPERATION_NOT_ALLOWED", "This operation is not allowed on a control domain"],
  },
  {
    name: "a halted VM starts on its affinity host",
    before: stop,
    call: ["VM.start", vm, false, false],
    after: ({ ask }) => ask("VM.get_resident_on", vm),
    leaves: hostA,
  },
  {
    name: "started paused it stays paused",
    before: stop,
    call: ["VM.start", vm, true, false],
    after: ({ ask }) => ask("VM.get_power_state", vm),
    leaves: "Paused",
  },
  {
    name: "no host can run it",
    before: async ({ ask }) => {
      for (const guest of [vm, other]) await ask("VM.hard_shutdown", guest);
      for (const pbd of ["pbd-a-sr-shared", "pbd-b-sr-shared"]) {
        await ask("PBD.unplug", refOf(pbd));
      }
    },
    call: ["VM.start", vm, false, false],
    fails: ["NO_HOSTS_AVAILABLE"],
  },
  {
    name: "too large for any host: the best one says what is missing",
    before: async (scene) => {
      await stop(scene);
      await scene.ask("VM.set_memory", vm, 64 * GIB);
    },
    call: ["VM.start", vm, false, false],
    fails: ["HOST_NOT_ENOUGH_FREE_MEMORY", String(64 * GIB + 520 * 2 ** 20), String(14 * GIB)],
  },
];

const startOn: readonly CallRow[] = [
  {
    name: "start_on a disabled host",
    before: async (scene) => {
      await stop(scene);
      await scene.ask("host.disable", hostB);
    },
    call: ["VM.start_on", vm, hostB, false, false],
    fails: ["HOST_DISABLED", hostB],
  },
  {
    name: "start_on a host without its storage",
    before: async ({ ask }) => {
      await ask("VM.hard_shutdown", vm);
      await ask("VM.hard_shutdown", other);
      await ask("PBD.unplug", refOf("pbd-b-sr-shared"));
    },
    call: ["VM.start_on", vm, hostB, false, false],
    fails: ["VM_REQUIRES_SR", vm, refOf("sr-shared")],
  },
  {
    name: "start_on a host without its network",
    pool: {
      records: {
        network: { [refOf("network-x")]: { name_label: "x" } },
        PIF: { [refOf("pif-x")]: { host: hostA, network: refOf("network-x") } },
        VIF: { [refOf("vif-a1")]: { network: refOf("network-x") } },
      },
    },
    before: stop,
    call: ["VM.start_on", vm, hostB, false, false],
    fails: ["VM_REQUIRES_NETWORK", vm, refOf("network-x")],
  },
  {
    name: "start_on a host that is not live",
    before: async ({ pool, ask }) => {
      await ask("VM.hard_shutdown", vm);
      pool.host("b").cutPower();
      await pool.time.advance(700_000);
    },
    call: ["VM.start_on", vm, hostB, false, false],
    fails: ["HOST_NOT_LIVE"],
  },
  {
    name: "start_on a host with too few processors",
    pool: {
      records: {
        VM: { [vm]: { VCPUs_max: 8 } },
        host: { [hostB]: { cpu_info: { cpu_count: "4" } } },
      },
    },
    before: stop,
    call: ["VM.start_on", vm, hostB, false, false],
    fails: ["HOST_NOT_ENOUGH_PCPUS", "8", "4"],
  },
  {
    name: "start_on a host that has not the card it wants",
    pool: {
      records: {
        VM: { [vm]: { other_config: { pci: "0/0000:86:00.0" } } },
        PCI: { [refOf("card")]: { host: hostA, pci_id: "0000:86:00.0" } },
      },
    },
    before: stop,
    call: ["VM.start_on", vm, hostB, false, false],
    fails: ["INTERNAL_ERROR", "PCI device 0000:86:00.0 is not in this host"],
  },
  {
    name: "started where the card is, it has the card again and is tied to it",
    pool: {
      records: {
        VM: { [vm]: { other_config: { pci: "0/0000:86:00.0" } } },
        PCI: { [refOf("card")]: { host: hostA, pci_id: "0000:86:00.0" } },
      },
    },
    before: stop,
    call: ["VM.start_on", vm, hostA, false, false],
    after: async ({ ask }) => [
      await ask("VM.get_attached_PCIs", vm),
      ((await ask("VM.get_allowed_operations", vm)) as string[]).includes("pool_migrate"),
    ],
    leaves: [[refOf("card")], false],
  },
  {
    name: "start_on an unknown host",
    call: ["VM.start_on", vm, stale, false, false],
    fails: ["HANDLE_INVALID", "host", stale],
  },
  {
    name: "start_on a host that is being evacuated",
    before: async ({ client, session, pool }) => {
      void client.call("Async.host.evacuate", session, hostB);
      await pool.time.advance(100);
    },
    call: ["VM.start_on", vm, hostB, false, false],
    fails: ["HOST_EVACUATE_IN_PROGRESS", hostB],
  },
  {
    name: "assert_can_boot_here tells the same without starting",
    before: async ({ ask }) => void (await ask("host.disable", hostB)),
    call: ["VM.assert_can_boot_here", vm, hostB],
    fails: ["HOST_DISABLED", hostB],
  },
  {
    name: "get_possible_hosts lists what passes",
    before: async ({ ask }) => void (await ask("host.disable", hostB)),
    call: ["VM.get_possible_hosts", vm],
    gives: [hostA],
  },
];

const stopping: readonly CallRow[] = [
  {
    name: "clean_shutdown of a halted VM",
    before: stop,
    call: ["VM.clean_shutdown", vm],
    fails: ["VM_BAD_POWER_STATE", vm, "running", "halted"],
  },
  {
    name: "clean_shutdown without guest support",
    pool: with1({ guest_metrics: "OpaqueRef:NULL" }),
    call: ["VM.clean_shutdown", vm],
    fails: ["VM_LACKS_FEATURE", vm],
  },
  {
    name: "clean_shutdown of a guest that never answers gives up after 1200 s",
    before: ({ pool }) => {
      const { domains } = pool.host("a");
      const domain = domains.get(uuidOf("vm-a1"));
      if (domain !== undefined) domains.set(domain.vmUuid, { ...domain, cooperative: false });
    },
    call: ["VM.clean_shutdown", vm],
    fails: ["VM_SHUTDOWN_TIMEOUT", vm, "1200."],
    after: ({ ask }) => ask("VM.get_power_state", vm),
    leaves: "Running",
  },
  {
    name: "shutdown ends with force when the guest does not answer",
    pool: with1({ guest_metrics: "OpaqueRef:NULL" }),
    call: ["VM.shutdown", vm],
    after: ({ ask }) => ask("VM.get_power_state", vm),
    leaves: "Halted",
  },
  {
    name: "hard_shutdown of a halted VM lists all states it would accept",
    before: stop,
    call: ["VM.hard_shutdown", vm],
    fails: ["VM_BAD_POWER_STATE", vm, "paused, suspended, running", "halted"],
  },
  {
    name: "hard_shutdown of a VM on a host that lost power",
    before: ({ pool }) => pool.host("b").cutPower(),
    call: ["VM.hard_shutdown", other],
    fails: ["CANNOT_CONTACT_HOST", hostB],
  },
  {
    name: "the same once the host is known to be gone",
    before: async ({ pool }) => {
      pool.host("b").cutPower();
      await pool.time.advance(700_000);
    },
    call: ["VM.hard_shutdown", other],
    fails: ["HOST_OFFLINE", hostB],
  },
  {
    name: "a halted VM leaves no lock behind",
    call: ["VM.hard_shutdown", vm],
    after: ({ ask }) => ask("VDI.get_sm_config", refOf("vdi-a1")),
    leaves: {},
  },
  {
    name: "clean_reboot keeps the VM on its host",
    call: ["VM.clean_reboot", vm],
    after: ({ ask }) => ask("VM.get_resident_on", vm),
    leaves: hostA,
  },
  {
    name: "hard_reboot of a halted VM",
    before: stop,
    call: ["VM.hard_reboot", vm],
    fails: ["VM_BAD_POWER_STATE", vm, "paused, running", "halted"],
  },
  {
    name: "pause and unpause",
    before: async ({ ask }) => void (await ask("VM.pause", vm)),
    call: ["VM.unpause", vm],
    after: ({ ask }) => ask("VM.get_power_state", vm),
    leaves: "Running",
  },
  {
    name: "unpause of a running VM",
    call: ["VM.unpause", vm],
    fails: ["VM_BAD_POWER_STATE", vm, "paused", "running"],
  },
  {
    name: "suspend and resume on another host",
    before: async ({ ask }) => void (await ask("VM.suspend", vm)),
    call: ["VM.resume_on", vm, hostB, false, false],
    after: async ({ ask }) => [
      await ask("VM.get_power_state", vm),
      await ask("VM.get_resident_on", vm),
      await ask("VM.get_suspend_VDI", vm),
    ],
    leaves: ["Running", hostB, "OpaqueRef:NULL"],
  },
  {
    name: "resume of a running VM",
    call: ["VM.resume", vm, false, false],
    fails: ["VM_BAD_POWER_STATE", vm, "suspended", "running"],
  },
  {
    name: "suspend without any SR for the image",
    pool: {
      records: {
        pool: { [refOf("pool")]: { suspend_image_SR: stale } },
        host: { [hostA]: { suspend_image_sr: "OpaqueRef:NULL" } },
      },
    },
    call: ["VM.suspend", vm],
    fails: ["VM_NO_SUSPEND_SR", vm],
  },
];

const busy: CallRow["before"] = async ({ client, session, pool, notes, ask }) => {
  notes["task"] = await pool.time.until(
    client.call("Async.VM.pool_migrate", session, vm, hostB, {}),
  );
  await pool.time.advance(100);
  await ask("VM.get_current_operations", vm);
};

const migrate: readonly CallRow[] = [
  {
    name: "a migrating VM takes no second operation, and the task is named",
    before: busy,
    call: ["VM.suspend", vm],
    fails: ({ notes }) => [
      "OTHER_OPERATION_IN_PROGRESS",
      "VM",
      vm,
      "pool_migrate",
      String(notes["task"]),
    ],
  },
  {
    name: "on 8.2 the operation comes with the class",
    pool: older,
    before: busy,
    call: ["VM.suspend", vm],
    fails: ["OTHER_OPERATION_IN_PROGRESS", "VM.pool_migrate", vm],
  },
  {
    name: "an operation in progress is told before a bad power state",
    before: busy,
    call: ["VM.start", vm, false, false],
    fails: ({ notes }) => [
      "OTHER_OPERATION_IN_PROGRESS",
      "VM",
      vm,
      "pool_migrate",
      String(notes["task"]),
    ],
  },
  {
    name: "a blocked operation is told before one in progress",
    before: async (scene) => {
      await busy(scene);
      await scene.ask("VM.add_to_blocked_operations", vm, "suspend", "never");
    },
    call: ["VM.suspend", vm],
    fails: ["OPERATION_BLOCKED", vm, "never"],
  },
  {
    name: "a passthrough device ties the VM to its host",
    pool: with1({ attached_PCIs: [refOf("pci-1")] }),
    call: ["VM.pool_migrate", vm, hostB, {}],
    fails: ["VM_HAS_PCI_ATTACHED", vm],
  },
  {
    name: "platform:nomigrate makes it immobile",
    pool: with1({ platform: { nomigrate: "true" } }),
    call: ["VM.pool_migrate", vm, hostB, {}],
    fails: ["VM_IS_IMMOBILE", vm],
  },
  {
    name: "force moves even an immobile one",
    pool: with1({ platform: { nomigrate: "true" } }),
    call: ["VM.pool_migrate", vm, hostB, { force: "true" }],
    after: ({ ask }) => ask("VM.get_resident_on", vm),
    leaves: hostB,
  },
  {
    name: "without drivers a guest cannot move",
    pool: with1({ guest_metrics: "OpaqueRef:NULL" }),
    call: ["VM.pool_migrate", vm, hostB, {}],
    fails: ["VM_LACKS_FEATURE", vm],
  },
  {
    name: "a guest says itself why it cannot be suspended",
    pool: with1(
      { PV_drivers_detected: true, other: { "data-cant-suspend-reason": "held by a driver" } },
      "VM_guest_metrics",
      refOf("vm-guest-a1"),
    ),
    call: ["VM.pool_migrate", vm, hostB, {}],
    fails: ["VM_NON_SUSPENDABLE", vm, "held by a driver"],
  },
  {
    name: "a halted VM does not migrate",
    before: stop,
    call: ["VM.pool_migrate", vm, hostB, {}],
    fails: ["VM_BAD_POWER_STATE", vm, "running", "halted"],
  },
  {
    name: "the target lacks memory",
    pool: with1({ memory_total: 4 * GIB }, "host_metrics", refOf("metrics-b")),
    before: async ({ ask }) => {
      await ask("VM.hard_shutdown", vm);
      await ask("VM.set_memory", vm, 3 * GIB);
      await ask("VM.start", vm, false, false);
    },
    call: ["VM.pool_migrate", vm, hostB, {}],
    fails: ["HOST_NOT_ENOUGH_FREE_MEMORY", String(3 * GIB + 32 * 2 ** 20), String(GIB)],
  },
  {
    name: "a processor with fewer features is no target",
    pool: {
      records: {
        VM: { [vm]: { last_boot_CPU_flags: { features: "ffff", vendor: "x" } } },
        host: { [hostB]: { cpu_info: { cpu_count: "8", features_hvm: "0fff", vendor: "x" } } },
      },
    },
    call: ["VM.pool_migrate", vm, hostB, {}],
    fails: [
      "VM_INCOMPATIBLE_WITH_THIS_HOST",
      vm,
      hostB,
      "VM last booted on a CPU with features this host's CPU does not have.",
    ],
  },
  {
    name: "the disk is unlocked here and locked there",
    call: ["VM.pool_migrate", vm, hostB, {}],
    after: ({ ask }) => ask("VDI.get_sm_config", refOf("vdi-a1")),
    leaves: { [`host_${hostB}`]: "RW" },
  },
];

const tables = { start, startOn, stopping, migrate };

describe.each(Object.entries(tables))("VM rows: %s", (_, rows) => {
  describe.each(FORMATS)("over %s", (format) => {
    test.each(rows.map((row) => [row.name, row] as const))("%s", async (_name, row) => {
      const { actual, expected } = await runRow(row, format, turn);
      expect(actual).toEqual(expected);
    });
  });
});
