import { describe, expect, test } from "vitest";
import { generationOf, GENERATIONS } from "../generation.ts";
import { FORMATS, runRow, type CallRow, type RowScene } from "../testing/call-rows.ts";
import { refOf, uuidOf } from "../testing/small-pool.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const [vmB, hostA, hostB] = ["vm-b1", "host-a", "host-b"].map(refOf) as [string, string, string];
const stale = "OpaqueRef:gone";
const older = { generation: GENERATIONS["1.249"] };
const shared = refOf("sr-shared");

const cutB = ({ pool }: RowScene): void => pool.host("b").cutPower();
const loseB = async (scene: RowScene): Promise<void> => {
  cutB(scene);
  await scene.pool.time.advance(700_000);
};
const disableB = async ({ ask }: RowScene): Promise<void> => {
  await ask("host.disable", hostB);
};

const evacuation: readonly CallRow[] = [
  {
    name: "evacuate moves every guest and disables nothing",
    call: ["host.evacuate", hostB],
    after: async ({ ask }) => [
      await ask("VM.get_resident_on", vmB),
      await ask("host.get_enabled", hostB),
    ],
    leaves: [hostA, true],
  },
  {
    name: "evacuate knows no network on 8.2",
    pool: older,
    call: ["host.evacuate", hostB, "OpaqueRef:NULL"],
    fails: ["MESSAGE_PARAMETER_COUNT_MISMATCH", "host.evacuate", "2", "3"],
  },
  {
    name: "evacuate takes network and batch size on 8.3",
    call: ["host.evacuate", hostB, "OpaqueRef:NULL", 1],
    after: ({ ask }) => ask("VM.get_resident_on", vmB),
    leaves: hostA,
  },
  {
    name: "without another enabled host nobody can go anywhere",
    before: async ({ ask }) => void (await ask("host.disable", hostA)),
    call: ["host.evacuate", hostB],
    fails: ["NO_HOSTS_AVAILABLE", vmB],
  },
  {
    name: "a target that does not run any more blocks everybody",
    pool: { hosts: 3, vmsPerHost: 1 },
    before: async ({ pool }) => {
      pool.host("c").cutPower();
      await pool.time.advance(700_000);
    },
    call: ["host.evacuate", hostB],
    fails: ["HOST_NOT_LIVE"],
  },
  {
    name: "a VM on a local disk stays",
    pool: { records: { VDI: { [refOf("vdi-b1")]: { SR: refOf("sr-local-b") } } } },
    call: ["host.get_vms_which_prevent_evacuation", hostB],
    gives: { [vmB]: ["VM_REQUIRES_SR", vmB, refOf("sr-local-b")] },
  },
  {
    name: "the old form flattens the reasons",
    pool: { records: { VDI: { [refOf("vdi-b1")]: { SR: refOf("sr-local-b") } } } },
    call: ["host.assert_can_evacuate", hostB],
    fails: ["CANNOT_EVACUATE_HOST", `VM_REQUIRES_SR,${vmB},${refOf("sr-local-b")}`],
  },
  {
    name: "a passthrough device stays",
    pool: { records: { VM: { [vmB]: { attached_PCIs: [refOf("pci")] } } } },
    call: ["host.evacuate", hostB],
    fails: ["VM_HAS_PCI_ATTACHED", vmB],
  },
  {
    name: "no room elsewhere",
    pool: { records: { host_metrics: { [refOf("metrics-a")]: { memory_total: 3 * 2 ** 30 } } } },
    call: ["host.get_vms_which_prevent_evacuation", hostB],
    gives: { [vmB]: ["HOST_NOT_ENOUGH_FREE_MEMORY", vmB] },
  },
  {
    name: "an empty answer when all can move",
    call: ["host.get_vms_which_prevent_evacuation", hostB],
    gives: {},
  },
  {
    name: "nobody is uncooperative any more",
    call: ["host.get_uncooperative_resident_VMs", hostB],
    gives: [],
  },
  {
    name: "free memory counts residents with their overhead",
    call: ["host.compute_free_memory", hostB],
    gives: 16 * 2 ** 30 - 2 * 2 ** 30 - 2 ** 30,
  },
  {
    name: "the host's own overhead",
    pool: { records: { host: { [hostB]: { memory_overhead: 4096 } } } },
    call: ["host.compute_memory_overhead", hostB],
    gives: 4096,
  },
];

const power: readonly CallRow[] = [
  ...(["reboot", "shutdown"] as const).map((op): CallRow => ({
    name: `${op} of an enabled host`,
    call: [`host.${op}`, hostB],
    fails: ["HOST_NOT_DISABLED"],
  })),
  {
    name: "reboot answers at once and stays marked",
    before: disableB,
    call: ["host.reboot", hostB],
    after: async ({ ask, pool }) => [
      Object.values((await ask("host.get_current_operations", hostB)) as object),
      pool.host("b").powered,
    ],
    leaves: [["shutdown"], true],
  },
  {
    name: "a host on its way down takes no second order",
    before: async (scene) => {
      await disableB(scene);
      await scene.ask("host.reboot", hostB);
      const running = (await scene.ask("host.get_current_operations", hostB)) as object;
      scene.notes["task"] = Object.keys(running)[0] ?? "";
    },
    call: ["host.shutdown", hostB],
    fails: ({ notes }) => [
      "OTHER_OPERATION_IN_PROGRESS",
      "host",
      hostB,
      "shutdown",
      String(notes["task"]),
    ],
  },
  {
    name: "the preparation moves guests, unplugs storage and notes an orderly stop",
    call: ["host.prepare_for_poweroff", hostB],
    after: async ({ ask, pool }) => [
      await ask("VM.get_resident_on", vmB),
      await ask("PBD.get_currently_attached", refOf("pbd-b-sr-shared")),
      pool.host("b").files.get("local.db")?.includes("host_restarted_cleanly") ?? false,
    ],
    leaves: [hostA, false, true],
  },
  {
    name: "after it the host stays disabled until it has rebooted",
    before: async (scene) => {
      await disableB(scene);
      await scene.ask("host.prepare_for_poweroff", hostB);
    },
    call: ["host.enable", hostB],
    fails: ["HOST_DISABLED_UNTIL_REBOOT", hostB],
  },
  {
    name: "power_on of a live host",
    call: ["host.power_on", hostB],
    fails: ["HOST_IS_LIVE", hostB],
  },
  {
    name: "power_on without a way to do it",
    before: loseB,
    call: ["host.power_on", hostB],
    fails: ["HOST_POWER_ON_MODE_DISABLED"],
  },
  {
    name: "power_on waits until the host is live",
    pool: { records: { host: { [hostB]: { power_on_mode: "IPMI" } } } },
    before: loseB,
    call: ["host.power_on", hostB],
    after: ({ ask }) => ask("host_metrics.get_live", refOf("metrics-b")),
    leaves: true,
  },
];

const death: readonly CallRow[] = [
  {
    name: "the coordinator is never declared dead",
    call: ["host.declare_dead", hostA],
    fails: ["HOST_IS_LIVE", hostA],
  },
  {
    name: "nor is a host that answers",
    call: ["host.declare_dead", hostB],
    fails: ["HOST_IS_LIVE", hostB],
  },
  {
    name: "a host that does not answer: guests halted, disabled, locks gone, live as before",
    before: cutB,
    call: ["host.declare_dead", hostB],
    after: async ({ ask }) => [
      await ask("VM.get_power_state", vmB),
      await ask("host.get_enabled", hostB),
      await ask("VDI.get_sm_config", refOf("vdi-b1")),
      await ask("host_metrics.get_live", refOf("metrics-b")),
    ],
    leaves: ["Halted", false, {}, true],
  },
  {
    name: "a hook may veto before anything is reset",
    before: (scene) => {
      cutB(scene);
      scene.machine.hooks.set("host-pre-declare-dead", () => 2);
    },
    call: ["host.declare_dead", hostB],
    fails: ["XAPI_HOOK_FAILED", "host-pre-declare-dead/10-test", "user", "", "2"],
    after: ({ ask }) => ask("VM.get_power_state", vmB),
    leaves: "Running",
  },
  {
    name: "destroy of a live host",
    call: ["host.destroy", hostB],
    fails: ["HOST_IS_LIVE", hostB],
  },
  {
    name: "destroy of a host with residents",
    before: cutB,
    call: ["host.destroy", hostB],
    fails: ["HOST_HAS_RESIDENT_VMS", hostB],
  },
  {
    name: "destroy forgets the host and its local storage",
    before: async (scene) => {
      cutB(scene);
      await scene.ask("host.declare_dead", hostB);
    },
    call: ["host.destroy", hostB],
    after: async ({ ask }) => [
      await ask("host.get_all"),
      ((await ask("SR.get_all")) as string[]).includes(refOf("sr-local-b")),
    ],
    leaves: [[hostA], false],
  },
];

const plugins: readonly CallRow[] = [
  {
    name: "a plugin that is not there",
    call: ["host.call_plugin", hostB, "teleport", "main", {}],
    fails: ["XENAPI_MISSING_PLUGIN", "teleport"],
  },
  {
    name: "a plugin that fails gives its output",
    before: ({ pool }) =>
      void pool
        .host("b")
        .plugins.set("bad", () => ({ status: "failed", stdout: "o", stderr: "e" })),
    call: ["host.call_plugin", hostB, "bad", "main", {}],
    fails: ["XENAPI_PLUGIN_FAILURE", "non-zero exit", "o", "e"],
  },
  {
    name: "a plugin answers with text, with hostile arguments too",
    call: ["host.call_plugin", hostB, "echo", "main", { name: `<é & "ü">` }],
    gives: `name=<é & "ü">`,
  },
  {
    name: "a plugin of a host without power",
    before: cutB,
    call: ["host.call_plugin", hostB, "echo", "main", {}],
    fails: ["CANNOT_CONTACT_HOST", hostB],
  },
  {
    name: "resetvdis removes the locks of a host from an SR",
    before: async (scene) => {
      cutB(scene);
      await scene.ask("VM.power_state_reset", vmB);
    },
    call: [
      "host.call_plugin",
      hostA,
      "resetvdis",
      "all",
      { host_uuid: uuidOf("host-b"), sr_uuid: uuidOf("sr-shared") },
    ],
    gives: "True",
    after: ({ ask }) => ask("VDI.get_sm_config", refOf("vdi-b1")),
    leaves: {},
  },
  {
    name: "resetvdis single leaves a disk alone that is open",
    call: ["host.call_plugin", hostA, "resetvdis", "single", { vdi_uuid: uuidOf("vdi-b1") }],
    gives: "False",
    after: ({ ask }) => ask("VDI.get_sm_config", refOf("vdi-b1")),
    leaves: { [`host_${hostB}`]: "RW" },
  },
  {
    name: "call_plugin needs a pool administrator",
    options: { users: [{ name: "operator", password: "operator", role: "pool-operator" }] },
    as: { user: "operator" },
    call: ["host.call_plugin", hostB, "echo", "main", {}],
    fails: [
      "RBAC_PERMISSION_DENIED",
      "host.call_plugin",
      "No permission in user session. (Roles with this permission: pool-admin)",
    ],
  },
];

const locks: readonly CallRow[] = [
  {
    name: "a disk that a lost host held cannot be opened elsewhere",
    before: async (scene) => {
      cutB(scene);
      await scene.ask("VM.power_state_reset", vmB);
    },
    call: ["VM.start_on", vmB, hostA, false, false],
    fails: [
      "SR_BACKEND_FAILURE_46",
      "",
      `The VDI is not available [opterr=VDI ${uuidOf("vdi-b1")} not detached cleanly]`,
      "",
    ],
    after: ({ ask }) => ask("VM.get_power_state", vmB),
    leaves: "Halted",
  },
  {
    name: "a lock of a live host that has closed the disk is no obstacle",
    before: async ({ ask, pool }) => {
      await ask("VM.hard_shutdown", vmB);
      await ask("VDI.add_to_sm_config", refOf("vdi-b1"), `host_${hostB}`, "RW").catch(() => {});
      await pool.time.advance(1);
    },
    call: ["VM.start_on", vmB, hostA, false, false],
    after: ({ ask }) => ask("VDI.get_sm_config", refOf("vdi-b1")),
    leaves: { [`host_${hostA}`]: "RW" },
  },
  {
    name: "a paused disk is waited for, two minutes long",
    before: async ({ ask, pool, notes }) => {
      await ask("VM.hard_shutdown", vmB);
      await ask("VDI.add_to_sm_config", refOf("vdi-b1"), "paused", "true");
      notes["since"] = pool.time.nowMs;
    },
    call: ["VM.start_on", vmB, hostA, false, false],
    fails: [
      "SR_BACKEND_FAILURE_46",
      "",
      `The VDI is not available [opterr=VDI ${uuidOf("vdi-b1")} not detached cleanly]`,
      "",
    ],
    after: ({ pool, notes }) => pool.time.nowMs - Number(notes["since"]) >= 120_000,
    leaves: true,
  },
];

const storage: readonly CallRow[] = [
  {
    name: "unplug of an SR in use names the disks",
    call: ["PBD.unplug", refOf("pbd-b-sr-shared")],
    fails: ["VDI_IN_USE", refOf("vdi-b1")],
  },
  {
    name: "plug without a cable",
    before: async ({ ask, pool }) => {
      await ask("VM.hard_shutdown", vmB);
      await ask("PBD.unplug", refOf("pbd-b-sr-shared"));
      pool.host("b").unreachableSrs.add(uuidOf("sr-shared"));
    },
    call: ["PBD.plug", refOf("pbd-b-sr-shared")],
    fails: [
      "SR_BACKEND_FAILURE_47",
      "",
      "The SR is not available [opterr=no such volume group or export]",
      "",
    ],
  },
  {
    name: "plug again",
    before: async ({ ask }) => {
      await ask("VM.hard_shutdown", vmB);
      await ask("PBD.unplug", refOf("pbd-b-sr-shared"));
    },
    call: ["PBD.plug", refOf("pbd-b-sr-shared")],
    after: ({ ask }) => ask("PBD.get_currently_attached", refOf("pbd-b-sr-shared")),
    leaves: true,
  },
  {
    name: "a full SR takes no statefile",
    call: ["SR.assert_can_host_ha_statefile", shared],
    fails: ["SR_SOURCE_SPACE_INSUFFICIENT", shared],
  },
  {
    name: "an SR that one host lacks takes no statefile",
    call: ["SR.assert_can_host_ha_statefile", refOf("sr-local-a")],
    fails: ["SR_HAS_NO_PBDS", refOf("sr-local-a")],
  },
  ...(
    [
      ["8.2 needs a quarter of a gigabyte", older.generation, 2 ** 29, null],
      ["23.29 still does", generationOf("23.29.0"), 2 ** 29, null],
      ["23.30 wants four", generationOf("23.30.0"), 2 ** 31, "SR_SOURCE_SPACE_INSUFFICIENT"],
      ["five are enough for 8.3", GENERATIONS["26.1"], 5 * 2 ** 30, null],
    ] as const
  ).map(([name, generation, size, code]): CallRow => {
    const call = ["SR.assert_can_host_ha_statefile", shared] as const;
    const pool = { generation, records: { SR: { [shared]: { physical_size: size } } } };
    return code === null
      ? { name, pool, call, gives: "" }
      : { name, pool, call, fails: [code, shared] };
  }),
  {
    name: "an unknown SR",
    call: ["SR.assert_can_host_ha_statefile", stale],
    fails: ["HANDLE_INVALID", "SR", stale],
  },
  { name: "scan", call: ["SR.scan", shared], gives: "" },
];

const tables = { evacuation, power, death, plugins, locks, storage };

describe.each(Object.entries(tables))("host rows: %s", (_, rows) => {
  describe.each(FORMATS)("over %s", (format) => {
    test.each(rows.map((row) => [row.name, row] as const))("%s", async (_name, row) => {
      const { actual, expected } = await runRow(row, format, turn);
      expect(actual).toEqual(expected);
    });
  });
});
