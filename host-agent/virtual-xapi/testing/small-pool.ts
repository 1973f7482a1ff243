/**
 * The smallest pool with everything in it: hosts a, b, c..., one shared SR, one local SR and VMs
 * each.
 */
import { emptyRecord } from "../datamodel/records.ts";
import { GENERATIONS, type XapiGeneration } from "../generation.ts";
import type { DomainSpec } from "../ports.ts";
import type { XapiRecord } from "../value.ts";
import type { PoolBlueprint } from "./virtual-pool.ts";

const GIB = 1_073_741_824;

export interface SmallPoolOptions {
  readonly hosts?: number;
  /** Running VMs per host, named `a1`, `a2`, `b1`...; their disks are on the shared SR. */
  readonly vmsPerHost?: number;
  readonly generation?: XapiGeneration;
  readonly memoryGib?: number;
  /** Class to reference to fields that differ; an unknown reference becomes a new object. */
  readonly records?: Readonly<Record<string, Readonly<Record<string, XapiRecord>>>>;
}

/** A readable reference: `OpaqueRef:host-a`. */
export function refOf(what: string): string {
  return `OpaqueRef:${what}`;
}

/** A readable uuid: digits come from the name. */
export function uuidOf(what: string): string {
  const hex = Array.from(what)
    .map((char) => (char.codePointAt(0) ?? 0).toString(16).padStart(2, "0"))
    .join("")
    .padEnd(32, "0")
    .slice(0, 32);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}

type Tables = Record<string, Record<string, XapiRecord>>;

type Add = (cls: string, name: string, fields: XapiRecord) => void;

function adderTo(tables: Tables, version: string): Add {
  return (cls, name, fields) => {
    const table = (tables[cls] ??= {});
    table[refOf(name)] = { ...emptyRecord(cls, version), uuid: uuidOf(name), ...fields };
  };
}

function addHost(add: Add, letter: string, number: number, memoryBytes: number): void {
  const host = `host-${letter}`;
  add("host", host, {
    name_label: `host ${letter}`,
    hostname: `host-${letter}`,
    address: `10.0.0.${number}`,
    enabled: true,
    metrics: refOf(`metrics-${letter}`),
    control_domain: refOf(`dom0-${letter}`),
    software_version: { product_brand: "XCP-ng", product_version: "8.3.0", xapi: "26.1" },
    local_cache_sr: refOf(`sr-local-${letter}`),
    suspend_image_sr: refOf("sr-shared"),
    crash_dump_sr: refOf("sr-shared"),
  });
  add("host_metrics", `metrics-${letter}`, { live: true, memory_total: memoryBytes });
  add("VM", `dom0-${letter}`, {
    name_label: `Control domain on host: host ${letter}`,
    is_control_domain: true,
    power_state: "Running",
    resident_on: refOf(host),
    affinity: refOf(host),
    memory_static_max: 2 * GIB,
    memory_target: 2 * GIB,
    domid: 0,
  });
  add("SR", `sr-local-${letter}`, {
    name_label: `local ${letter}`,
    type: "ext",
    content_type: "user",
  });
  for (const sr of ["sr-shared", `sr-local-${letter}`]) {
    add("PBD", `pbd-${letter}-${sr}`, {
      host: refOf(host),
      SR: refOf(sr),
      currently_attached: true,
    });
  }
  add("PIF", `pif-${letter}`, {
    host: refOf(host),
    network: refOf("network-0"),
    device: "eth0",
    management: true,
    currently_attached: true,
    physical: true,
    IP: `10.0.0.${number}`,
    ip_configuration_mode: "Static",
    netmask: "255.255.255.0",
  });
}

function addGuest(add: Add, name: string, letter: string, domid: number): DomainSpec {
  const memoryBytes = GIB;
  add("VM", `vm-${name}`, {
    name_label: name,
    power_state: "Running",
    resident_on: refOf(`host-${letter}`),
    affinity: refOf(`host-${letter}`),
    domid,
    memory_static_max: memoryBytes,
    memory_dynamic_max: memoryBytes,
    memory_dynamic_min: memoryBytes,
    memory_static_min: memoryBytes,
    memory_target: memoryBytes,
    VCPUs_max: 1,
    VCPUs_at_startup: 1,
    HVM_boot_policy: "BIOS order",
    domain_type: "hvm",
    metrics: refOf(`vm-metrics-${name}`),
    guest_metrics: refOf(`vm-guest-${name}`),
  });
  add("VM_metrics", `vm-metrics-${name}`, { memory_actual: memoryBytes, VCPUs_number: 1 });
  add("VM_guest_metrics", `vm-guest-${name}`, {
    PV_drivers_detected: true,
    live: true,
    other: { "feature-shutdown": "1", "feature-suspend": "1" },
  });
  add("VDI", `vdi-${name}`, {
    name_label: `${name} disk`,
    SR: refOf("sr-shared"),
    virtual_size: 8 * GIB,
    type: "user",
    managed: true,
    sm_config: { [`host_${refOf(`host-${letter}`)}`]: "RW" },
  });
  add("VBD", `vbd-${name}`, {
    VM: refOf(`vm-${name}`),
    VDI: refOf(`vdi-${name}`),
    userdevice: "0",
    device: "xvda",
    bootable: true,
    mode: "RW",
    type: "Disk",
    currently_attached: true,
  });
  add("VIF", `vif-${name}`, {
    VM: refOf(`vm-${name}`),
    network: refOf("network-0"),
    device: "0",
    currently_attached: true,
  });
  return { vmUuid: uuidOf(`vm-${name}`), memoryBytes, vcpus: 1, paused: false, cooperative: true };
}

export function smallPool(options: SmallPoolOptions = {}): PoolBlueprint {
  const { hosts = 2, vmsPerHost = 1, generation = GENERATIONS["26.1"], memoryGib = 16 } = options;
  const tables: Tables = {};
  const add = adderTo(tables, generation.version);
  add("pool", "pool", {
    name_label: "small",
    master: refOf("host-a"),
    default_SR: refOf("sr-shared"),
    suspend_image_SR: refOf("sr-shared"),
    crash_dump_SR: refOf("sr-shared"),
  });
  add("network", "network-0", { name_label: "Pool-wide network", bridge: "xenbr0", MTU: 1500 });
  add("SR", "sr-shared", { name_label: "shared", type: "nfs", shared: true, content_type: "user" });
  const built = Array.from({ length: hosts }, (_, index) => {
    const letter = String.fromCodePoint(97 + index);
    addHost(add, letter, index + 1, memoryGib * GIB);
    const domains = Array.from({ length: vmsPerHost }, (__, at) =>
      addGuest(add, `${letter}${at + 1}`, letter, at + 1),
    );
    return {
      ref: refOf(`host-${letter}`),
      uuid: uuidOf(`host-${letter}`),
      name: letter,
      address: `10.0.0.${index + 1}`,
      memoryBytes: memoryGib * GIB,
      domains,
      attachedDisks: domains.map((_domain, at) => ({
        vdiUuid: uuidOf(`vdi-${letter}${at + 1}`),
        srUuid: uuidOf("sr-shared"),
        vmUuid: uuidOf(`vm-${letter}${at + 1}`),
        mode: "RW" as const,
      })),
      srUuids: [uuidOf("sr-shared"), uuidOf(`sr-local-${letter}`)],
    };
  });
  applyRecords(tables, options.records ?? {}, generation.version);
  return { generation, tables, hosts: built };
}

function applyRecords(
  tables: Tables,
  records: NonNullable<SmallPoolOptions["records"]>,
  version: string,
): void {
  for (const [cls, rows] of Object.entries(records)) {
    const table = (tables[cls] ??= {});
    for (const [ref, fields] of Object.entries(rows)) {
      const fresh = { ...emptyRecord(cls, version), uuid: uuidOf(ref.replace("OpaqueRef:", "")) };
      table[ref] = { ...(table[ref] ?? fresh), ...fields };
    }
  }
}
