import { describe, expect, test } from "vitest";
import { generationOf, GENERATIONS, type XapiGeneration } from "../generation.ts";
import { FORMATS, runRow, type CallRow, type RowScene } from "../testing/call-rows.ts";
import { refOf, uuidOf } from "../testing/small-pool.ts";
import type { XapiRecord } from "../value.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const [vmA, vmB, hostA, hostB] = ["vm-a1", "vm-b1", "host-a", "host-b"].map(refOf) as [
  string,
  string,
  string,
  string,
];
const shared = refOf("sr-shared");
const poolRef = refOf("pool");
const GIB = 2 ** 30;

type Records = Readonly<Record<string, Readonly<Record<string, XapiRecord>>>>;

const roomy = (records: Records = {}, generation?: XapiGeneration): CallRow["pool"] => ({
  ...(generation === undefined ? {} : { generation }),
  records: { SR: { [shared]: { physical_size: 100 * GIB } }, ...records },
});

const enable = async ({ ask }: RowScene): Promise<void> => {
  await ask("pool.enable_ha", [shared], {});
};
const protectAll = async (scene: RowScene): Promise<void> => {
  for (const vm of [vmA, vmB]) await scene.ask("VM.set_ha_restart_priority", vm, "restart");
};
const protectAndEnable = async (scene: RowScene): Promise<void> => {
  await protectAll(scene);
  await enable(scene);
  await scene.ask("pool.set_ha_host_failures_to_tolerate", poolRef, 1);
};

const switching: readonly CallRow[] = [
  {
    name: "enable writes statefile, flags and every host's mark",
    pool: roomy(),
    call: ["pool.enable_ha", [shared], { timeout: "30" }],
    after: async ({ ask, pool }) => [
      await ask("pool.get_ha_enabled", poolRef),
      await ask("pool.get_ha_configuration", poolRef),
      ((await ask("pool.get_ha_statefiles", poolRef)) as string[]).length,
      pool.machines.map((machine) => machine.files.get("local.db")?.includes("ha.armed") ?? false),
    ],
    leaves: [true, { timeout: "30" }, 1, [true, true]],
  },
  {
    name: "an empty list means any SR that fits",
    pool: roomy(),
    call: ["pool.enable_ha", [], {}],
    after: ({ ask }) => ask("pool.get_ha_enabled", poolRef),
    leaves: true,
  },
  {
    name: "no SR fits",
    call: ["pool.enable_ha", [], {}],
    fails: ["CANNOT_CREATE_STATE_FILE"],
  },
  {
    name: "the chosen SR is too full",
    call: ["pool.enable_ha", [shared], {}],
    fails: ["SR_SOURCE_SPACE_INSUFFICIENT", shared],
    after: ({ ask }) => ask("pool.get_ha_enabled", poolRef),
    leaves: false,
  },
  {
    name: "the chosen SR is not on every host",
    pool: roomy(),
    call: ["pool.enable_ha", [refOf("sr-local-a")], {}],
    fails: ["SR_HAS_NO_PBDS", refOf("sr-local-a")],
  },
  {
    name: "twice",
    pool: roomy(),
    before: enable,
    call: ["pool.enable_ha", [shared], {}],
    fails: ["HA_IS_ENABLED"],
  },
  {
    name: "a host that is not live",
    pool: roomy(),
    before: async ({ pool }) => {
      pool.host("b").cutPower();
      await pool.time.advance(700_000);
    },
    call: ["pool.enable_ha", [shared], {}],
    fails: ["HOST_OFFLINE", hostB],
  },
  {
    name: "a host whose network must stay plugged and is not",
    pool: roomy({
      PIF: { [refOf("pif-b")]: { disallow_unplug: true, currently_attached: false } },
    }),
    call: ["pool.enable_ha", [shared], {}],
    fails: ["REQUIRED_PIF_IS_UNPLUGGED", refOf("pif-b")],
  },
  {
    name: "during a rolling upgrade",
    pool: roomy({ pool: { [poolRef]: { other_config: { rolling_upgrade_in_progress: "true" } } } }),
    call: ["pool.enable_ha", [shared], {}],
    fails: ["NOT_SUPPORTED_DURING_UPGRADE"],
  },
  {
    name: "a licence without it",
    pool: roomy({ host: { [hostB]: { license_params: { enable_xha: "false" } } } }),
    call: ["pool.enable_ha", [shared], {}],
    fails: ["LICENCE_RESTRICTION", "HA"],
  },
  {
    name: "a host that dies while the live set forms leaves HA off everywhere",
    pool: roomy(),
    before: ({ pool }) => pool.host("b").cutPower(),
    call: ["pool.enable_ha", [shared], {}],
    fails: ["HA_FAILED_TO_FORM_LIVESET"],
    after: async ({ ask, pool }) => [
      await ask("pool.get_ha_enabled", poolRef),
      await ask("pool.get_ha_statefiles", poolRef),
      pool.host("a").files.get("local.db")?.includes("ha.armed") ?? false,
    ],
    leaves: [false, [], false],
  },
  {
    name: "disable without HA",
    call: ["pool.disable_ha"],
    fails: ["HA_NOT_ENABLED"],
  },
  {
    name: "disable clears what enable wrote",
    pool: roomy(),
    before: enable,
    call: ["pool.disable_ha"],
    after: async ({ ask, pool }) => [
      await ask("pool.get_ha_enabled", poolRef),
      await ask("pool.get_ha_configuration", poolRef),
      await ask("pool.get_ha_statefiles", poolRef),
      pool.machines.map((machine) => machine.files.get("local.db")?.includes("ha.armed") ?? false),
    ],
    leaves: [false, {}, [], [false, false]],
  },
  {
    name: "a host that did not hear of the end is still armed",
    pool: roomy(),
    before: async (scene) => {
      await enable(scene);
      scene.pool.host("b").cutPower();
      await scene.ask("pool.disable_ha");
      scene.pool.host("b").powerOn();
      await scene.pool.time.advance(120_000);
    },
    call: ["pool.enable_ha", [shared], {}],
    fails: ["HA_HOST_IS_ARMED", hostB],
  },
  {
    name: "emergency disable of a host that is not armed",
    as: "local",
    call: ["host.emergency_ha_disable"],
    fails: ["HA_NOT_ENABLED"],
  },
];

const guards: readonly CallRow[] = [
  {
    name: "no reboot of a host that has lost the statefile",
    pool: roomy(),
    before: async (scene) => {
      await enable(scene);
      await scene.ask("host.disable", hostB);
      scene.pool.host("b").unreachableSrs.add(uuidOf("sr-shared"));
    },
    call: ["host.reboot", hostB],
    fails: ["HA_LOST_STATEFILE"],
  },
  {
    name: "restarts can be held back, HA on or off",
    call: ["pool.ha_prevent_restarts_for", 60],
    gives: "",
  },
  {
    name: "a working XAPI says that it is well",
    as: "local",
    call: ["host.ha_xapi_healthcheck"],
    gives: true,
  },
  {
    name: "no hand-over while HA is on",
    pool: roomy(),
    before: enable,
    call: ["pool.designate_new_master", hostB],
    fails: ["HA_IS_ENABLED"],
  },
  {
    name: "no emergency promotion while armed",
    pool: roomy(),
    before: enable,
    on: "b",
    as: "local",
    call: ["pool.emergency_transition_to_master"],
    fails: ["HA_IS_ENABLED"],
  },
  {
    name: "a statefile's SR stays plugged",
    pool: roomy(),
    before: async (scene) => {
      await scene.ask("VM.hard_shutdown", vmB);
      await enable(scene);
    },
    call: ["PBD.unplug", refOf("pbd-b-sr-shared")],
    fails: ["HA_IS_ENABLED"],
  },
  {
    name: "a host cannot be forgotten while HA is on",
    pool: roomy(),
    before: async (scene) => {
      await scene.ask("VM.hard_shutdown", vmB);
      await enable(scene);
      scene.pool.host("b").cutPower();
    },
    call: ["host.destroy", hostB],
    fails: ["HA_IS_ENABLED"],
  },
  {
    name: "disable of a host that the plan needs",
    pool: roomy(),
    before: protectAndEnable,
    call: ["host.disable", hostB],
    fails: ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"],
  },
  {
    name: "with overcommitment allowed nothing is refused",
    pool: roomy({ pool: { [poolRef]: { ha_allow_overcommit: true } } }),
    before: protectAndEnable,
    call: ["host.disable", hostB],
    after: ({ ask }) => ask("host.get_enabled", hostB),
    leaves: false,
  },
  ...(
    [
      ["26.1", GENERATIONS["26.1"], "HOST_NOT_ENOUGH_FREE_MEMORY"],
      ["26.17", generationOf("26.17.0"), "HOST_EVACUATE_VM_NOT_HA_PROTECTED"],
    ] as const
  ).map(([version, generation, code]): CallRow => ({
    name: `an unprotected VM blocks the evacuation, as ${version} says it`,
    pool: roomy({}, generation),
    before: enable,
    call: ["host.get_vms_which_prevent_evacuation", hostB],
    gives: { [vmB]: [code, vmB] },
  })),
  {
    name: "a VM on a local disk cannot be protected while HA is on",
    pool: roomy({ VDI: { [refOf("vdi-b1")]: { SR: refOf("sr-local-b") } } }),
    before: enable,
    call: ["VM.set_ha_restart_priority", vmB, "restart"],
    fails: ["HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", refOf("sr-local-b")],
  },
];

const plans: readonly CallRow[] = [
  {
    name: "two hosts stand one failure",
    before: protectAll,
    call: ["pool.ha_compute_max_host_failures_to_tolerate"],
    gives: 1,
  },
  {
    name: "what if: VMs too large for one host alone",
    pool: {
      records: Object.fromEntries([
        ["VM", { [vmA]: { memory_static_max: 13 * GIB }, [vmB]: { memory_static_max: 13 * GIB } }],
      ]),
    },
    call: [
      "pool.ha_compute_hypothetical_max_host_failures_to_tolerate",
      { [vmA]: "restart", [vmB]: "restart" },
    ],
    gives: 0,
  },
  {
    name: "what if with an unknown priority",
    call: ["pool.ha_compute_hypothetical_max_host_failures_to_tolerate", { [vmA]: "maybe" }],
    fails: ["INVALID_VALUE", "ha_restart_priority", "maybe"],
  },
  {
    name: "a plan for one failure",
    before: protectAll,
    call: ["pool.ha_failover_plan_exists", 1],
    gives: true,
  },
  {
    name: "none for two",
    before: protectAll,
    call: ["pool.ha_failover_plan_exists", 2],
    gives: false,
  },
  {
    name: "where VMs would go",
    call: ["pool.ha_compute_vm_failover_plan", [hostB], [vmB]],
    gives: { [vmB]: { host: hostA } },
  },
  {
    name: "a VM that can go nowhere says why",
    pool: { records: { VDI: { [refOf("vdi-b1")]: { SR: refOf("sr-local-b") } } } },
    call: ["pool.ha_compute_vm_failover_plan", [hostB], [vmB]],
    gives: { [vmB]: { error_code: "HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED" } },
  },
  {
    name: "no negative tolerance",
    call: ["pool.set_ha_host_failures_to_tolerate", poolRef, -1],
    fails: ["INVALID_VALUE", "ha_host_failures_to_tolerate", "-1"],
  },
  {
    name: "a tolerance beyond the plan",
    pool: roomy(),
    before: protectAndEnable,
    call: ["pool.set_ha_host_failures_to_tolerate", poolRef, 2],
    fails: ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"],
  },
  {
    name: "tolerance and plan show in the pool",
    pool: roomy(),
    before: protectAndEnable,
    call: ["pool.get_ha_plan_exists_for", poolRef],
    gives: 1,
    after: ({ ask }) => ask("pool.get_ha_overcommitted", poolRef),
    leaves: false,
  },
];

const tables = { switching, guards, plans };

describe.each(Object.entries(tables))("HA rows: %s", (_, rows) => {
  describe.each(FORMATS)("over %s", (format) => {
    test.each(rows.map((row) => [row.name, row] as const))("%s", async (_name, row) => {
      const { actual, expected } = await runRow(row, format, turn);
      expect(actual).toEqual(expected);
    });
  });
});
