import type { Connection } from "../../contract/pool.ts";
import type { PoolRecords, XapiClass, XapiRecord } from "../pool-session.ts";

/** A pool in a few lines, for tests: every record complete, every relation on both sides. */
export type Tables = Record<string, Record<string, Record<string, unknown>>>;

export const gibibyte = 1024 ** 3;

export interface SmallVm {
  readonly name: string;
  readonly host: string | null;
  readonly disk?: "shared" | "local";
  readonly memoryGib?: number;
  readonly treatment?: string;
  readonly order?: number;
  readonly pci?: boolean;
}

export interface SmallPool {
  readonly hosts?: readonly string[];
  readonly hostMemoryGib?: number;
  readonly vms?: readonly SmallVm[];
  readonly poolConfig?: Readonly<Record<string, string>>;
}

export const refOf = (kind: string, name: string): string => `OpaqueRef:${kind}-${name}`;
export const hostRefOf = (name: string): string => refOf("host", name);
export const vmRefOf = (name: string): string => refOf("vm", name);

const software = { product_version: "8.3.0", xapi_build: "26.1.4" };

/** Tables by class and reference; the first host coordinates. */
export function smallPool(plan: SmallPool = {}): Tables {
  const hosts = plan.hosts ?? ["node1", "node2", "node3"];
  const tables: Tables = emptyTables();
  tables["pool"]![refOf("pool", "p")] = {
    uuid: "pool-uuid",
    name_label: "Test pool",
    master: hostRefOf(hosts[0]!),
    ha_enabled: false,
    ha_configuration: {},
    ha_statefiles: [],
    ha_host_failures_to_tolerate: 0,
    ha_plan_exists_for: 0,
    ha_overcommitted: false,
    ha_allow_overcommit: false,
    other_config: { ...plan.poolConfig },
  };
  addSr(tables, "shared", { shared: true, on: hosts });
  tables["network"]![refOf("network", "lan")] = { uuid: "net-lan", name_label: "LAN" };
  for (const name of hosts) addHost(tables, name, plan.hostMemoryGib ?? 64);
  for (const vm of plan.vms ?? []) addVm(tables, vm);
  return tables;
}

const classes = [
  "pool",
  "host",
  "host_metrics",
  "VM",
  "VM_metrics",
  "VBD",
  "VDI",
  "SR",
  "PBD",
  "VIF",
  "PIF",
  "network",
  "PCI",
  "task",
];

function emptyTables(): Tables {
  return Object.fromEntries(classes.map((name) => [name, {}]));
}

export function addSr(
  tables: Tables,
  name: string,
  what: { readonly shared: boolean; readonly on: readonly string[]; readonly type?: string },
): string {
  const ref = refOf("sr", name);
  const pbds = what.on.map((host) => {
    const pbd = refOf("pbd", `${name}-${host}`);
    tables["PBD"]![pbd] = {
      uuid: `pbd-${name}-${host}`,
      host: hostRefOf(host),
      SR: ref,
      currently_attached: true,
      device_config: {},
    };
    return pbd;
  });
  tables["SR"]![ref] = {
    uuid: `sr-${name}`,
    name_label: name,
    name_description: "",
    type: what.type ?? (what.shared ? "nfs" : "ext"),
    content_type: "user",
    shared: what.shared,
    is_tools_sr: false,
    PBDs: pbds,
  };
  return ref;
}

function addHost(tables: Tables, name: string, memoryGib: number): void {
  addSr(tables, `local-${name}`, { shared: false, on: [name] });
  tables["PIF"]![refOf("pif", name)] = {
    uuid: `pif-${name}`,
    host: hostRefOf(name),
    network: refOf("network", "lan"),
    currently_attached: true,
  };
  tables["host_metrics"]![refOf("metrics", name)] = {
    uuid: `metrics-${name}`,
    live: true,
    memory_total: memoryGib * gibibyte,
    memory_free: memoryGib * gibibyte,
  };
  tables["host"]![hostRefOf(name)] = {
    uuid: `host-${name}`,
    name_label: name,
    address: "10.0.0.1",
    enabled: true,
    metrics: refOf("metrics", name),
    resident_VMs: [],
    PBDs: [refOf("pbd", `shared-${name}`), refOf("pbd", `local-${name}-${name}`)],
    PIFs: [refOf("pif", name)],
    control_domain: "OpaqueRef:NULL",
    memory_overhead: 0,
    ha_statefiles: [],
    ha_network_peers: [],
    current_operations: {},
    software_version: { ...software },
    other_config: { boot_time: "1000.", agent_start_time: "1010." },
    tags: [],
  };
}

export function addVm(tables: Tables, vm: SmallVm): void {
  const ref = vmRefOf(vm.name);
  const home = vm.host ?? "node1";
  const sr = vm.disk === "local" ? refOf("sr", `local-${home}`) : refOf("sr", "shared");
  tables["VDI"]![refOf("vdi", vm.name)] = { uuid: `vdi-${vm.name}`, name_label: vm.name, SR: sr };
  tables["VBD"]![refOf("vbd", vm.name)] = {
    uuid: `vbd-${vm.name}`,
    VM: ref,
    VDI: refOf("vdi", vm.name),
    type: "Disk",
    empty: false,
  };
  tables["VIF"]![refOf("vif", vm.name)] = {
    uuid: `vif-${vm.name}`,
    VM: ref,
    network: refOf("network", "lan"),
  };
  tables["VM"]![ref] = {
    uuid: `vm-${vm.name}`,
    name_label: vm.name,
    power_state: vm.host === null ? "Halted" : "Running",
    resident_on: vm.host === null ? "OpaqueRef:NULL" : hostRefOf(vm.host),
    is_control_domain: false,
    is_a_template: false,
    is_a_snapshot: false,
    memory_static_max: (vm.memoryGib ?? 2) * gibibyte,
    memory_overhead: 0,
    ha_restart_priority: vm.treatment ?? "",
    order: vm.order ?? 0,
    start_delay: 0,
    VBDs: [refOf("vbd", vm.name)],
    VIFs: [refOf("vif", vm.name)],
    VGPUs: [],
    VUSBs: [],
    attached_PCIs: vm.pci === true ? [addCard(tables, home)] : [],
    current_operations: {},
    blocked_operations: {},
    allowed_operations: ["pool_migrate", "clean_shutdown"],
    other_config: {},
    metrics: "OpaqueRef:NULL",
  };
  if (vm.host !== null) {
    (tables["host"]![hostRefOf(vm.host)]!["resident_VMs"] as string[]).push(ref);
  }
}

function addCard(tables: Tables, host: string): string {
  const ref = refOf("pci", host);
  tables["PCI"]![ref] = { uuid: `pci-${host}`, host: hostRefOf(host), device_name: "Capture card" };
  return ref;
}

/** Native HA on, with its statefile on the shared SR, as XAPI shows it. */
export function switchHaOn(
  tables: Tables,
  with_: {
    readonly timeout?: string;
    readonly tolerance?: number;
    readonly srRefs?: readonly string[];
  } = {},
): void {
  const pool = Object.values(tables["pool"]!)[0]!;
  const files = (with_.srRefs ?? [refOf("sr", "shared")]).map((sr) => {
    const vdi = refOf("statefile", sr.slice("OpaqueRef:".length));
    tables["VDI"]![vdi] = { uuid: `statefile-${sr}`, name_label: "Statefile", SR: sr };
    return vdi;
  });
  pool["ha_enabled"] = true;
  pool["ha_configuration"] = { timeout: with_.timeout ?? "60" };
  pool["ha_statefiles"] = files;
  pool["ha_host_failures_to_tolerate"] = with_.tolerance ?? 1;
  pool["ha_plan_exists_for"] = with_.tolerance ?? 1;
  const uuids = Object.values(tables["host"]!).map((host) => host["uuid"]);
  for (const host of Object.values(tables["host"]!)) {
    host["ha_statefiles"] = [...files];
    host["ha_network_peers"] = [...uuids];
  }
}

/** The tables as the console sees them. */
export function recordsOf(tables: Tables): PoolRecords {
  return {
    all: (className: XapiClass) => new Map(Object.entries(tables[className] ?? {})),
    get: (className: XapiClass, ref: string): XapiRecord | undefined => tables[className]?.[ref],
    byUuid(className, uuid) {
      const found = Object.entries(tables[className] ?? {}).find(([, one]) => one["uuid"] === uuid);
      return found === undefined ? undefined : { ref: found[0], record: found[1] };
    },
  };
}

export const liveConnection: Connection = {
  status: "live",
  sinceMs: 0,
  viaName: "node1",
  viaAddress: "10.0.0.1",
};
