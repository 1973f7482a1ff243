import type { AttachedDisk, DomainSpec } from "../ports.ts";
import { NULL_REF, type XapiRecord } from "../value.ts";
import { formatDatetime } from "../wire/coerce.ts";
import type { BuiltHost, PoolNetworks } from "./host-records.ts";
import { diskOperations, type BuiltSr, type PoolStorage, type SrUse } from "./storage-records.ts";
import { gibibyte, mebibyte, randomMac, type TableBuilder } from "./table-builder.ts";

export type GuestSystem = "debian" | "ubuntu" | "rocky" | "windows";

export interface DiskPlan {
  readonly gib: number;
  readonly on: "nfs" | "iscsi" | "local";
}

export interface GuestPlan {
  readonly name: string;
  readonly description?: string;
  readonly system: GuestSystem;
  readonly memoryGib: number;
  readonly vcpus: number;
  readonly treatment: "restart" | "best-effort" | "";
  readonly order: number;
  readonly startDelayS?: number;
  readonly shutdownDelayS?: number;
  readonly disks: readonly DiskPlan[];
  /** position of the host it runs on, or where its local disks are */
  readonly host: number;
  readonly isHalted?: boolean;
  /** name of the appliance it belongs to */
  readonly appliance?: string;
  /** a card of the host given to the guest */
  readonly hasPassthrough?: boolean;
  readonly affinity?: "home" | "destroyed-host";
  readonly tags?: readonly string[];
  readonly isAutostart?: boolean;
}

/** What guests are put into. */
export interface Estate {
  readonly build: TableBuilder;
  readonly nowMs: number;
  readonly hosts: readonly BuiltHost[];
  readonly networks: PoolNetworks;
  readonly storage: PoolStorage;
  /** appliances by name */
  readonly appliances: Map<string, string>;
  readonly srUse: Map<string, SrUse>;
  /** the system disk of each guest */
  readonly systemDisks: Map<string, string>;
  readonly destroyedHost: string;
  /** per host, in the hosts' order */
  readonly domains: DomainSpec[][];
  readonly attached: AttachedDisk[][];
}

const minuteMs = 60_000;
const dayMs = 86_400_000;

const runningOperations = [
  "changing_dynamic_range",
  "migrate_send",
  "pool_migrate",
  "changing_VCPUs_live",
  "suspend",
  "hard_reboot",
  "hard_shutdown",
  "clean_reboot",
  "clean_shutdown",
  "pause",
  "checkpoint",
  "snapshot",
];

const haltedOperations = [
  "changing_dynamic_range",
  "changing_shadow_memory",
  "changing_static_range",
  "make_into_template",
  "migrate_send",
  "destroy",
  "export",
  "start_on",
  "start",
  "clone",
  "copy",
  "snapshot",
];

const templateOperations = ["changing_NVRAM", "export", "clone", "copy", "provision", "destroy"];

/** What the guest's agent reports about the system, by kind. */
const systems: Readonly<Record<GuestSystem, { os: XapiRecord; drivers: XapiRecord }>> = {
  debian: {
    os: {
      name: "Debian GNU/Linux 12 (bookworm)",
      distro: "debian",
      uname: "6.1.0-31-amd64",
      major: "12",
      minor: "9",
    },
    drivers: { major: "8", minor: "4", micro: "0", build: "1" },
  },
  ubuntu: {
    os: {
      name: "Ubuntu 24.04.2 LTS",
      distro: "ubuntu",
      uname: "6.8.0-55-generic",
      major: "24",
      minor: "04",
    },
    drivers: { major: "8", minor: "4", micro: "0", build: "1" },
  },
  rocky: {
    os: {
      name: "Rocky Linux release 9.5 (Blue Onyx)",
      distro: "rocky",
      uname: "5.14.0-503.26.1.el9_5.x86_64",
      major: "9",
      minor: "5",
    },
    drivers: { major: "8", minor: "4", micro: "0", build: "1" },
  },
  windows: {
    os: {
      name: "Microsoft Windows Server 2022 Standard|C:\\Windows|\\Device\\Harddisk0\\Partition3",
      distro: "windows",
      major: "10",
      minor: "0",
      spmajor: "0",
      spminor: "0",
    },
    drivers: { major: "9", minor: "4", micro: "1", build: "142" },
  },
};

/**
 * Memory beside the guest's own that Xen and the device model take; grows with size and processors.
 */
function overheadBytes(memoryBytes: number, vcpus: number): number {
  return Math.ceil(memoryBytes / mebibyte / 128 + 10 + vcpus) * mebibyte;
}

/** A guest with its disks, drive, network card, metrics and console; gives its reference. */
export function addGuest(estate: Estate, plan: GuestPlan, number: number): string {
  const { build, nowMs } = estate;
  const home = hostAt(estate, plan.host);
  const isRunning = plan.isHalted !== true;
  const startedAtMs = nowMs - (2 + (number % 9)) * dayMs - number * 7 * minuteMs;
  const vm = build.add("VM", {
    ...guestShape(plan),
    ...guestMarks(estate, plan, home),
    power_state: isRunning ? "Running" : "Halted",
    resident_on: isRunning ? home.ref : NULL_REF,
    domid: isRunning ? estate.domains[plan.host]!.length + 1 : -1,
    allowed_operations: isRunning ? runningOperations : haltedOperations,
    ha_always_run: isRunning && plan.treatment === "restart",
    metrics: addMetrics(build, plan, { isRunning, startedAtMs, nowMs }),
    guest_metrics: isRunning ? addGuestMetrics(build, plan, { nowMs, number }) : NULL_REF,
    HVM_boot_params: { firmware: plan.system === "windows" ? "uefi" : "bios", order: "cd" },
    generation_id: plan.system === "windows" ? `${number + 4_711}:${number + 815}` : "0:0",
  });
  if (plan.hasPassthrough === true) {
    build.change("VM", vm, { attached_PCIs: [addPassthroughCard(build, home)] });
  }
  addDisks(estate, plan, vm, { isRunning, home });
  addDriveAndCard(estate, vm, { isRunning, number });
  if (isRunning) addRunningState(estate, plan, vm, home);
  return vm;
}

function guestShape(plan: GuestPlan): XapiRecord {
  const memory = plan.memoryGib * gibibyte;
  const isWindows = plan.system === "windows";
  return {
    name_label: plan.name,
    name_description: plan.description ?? "",
    memory_static_max: memory,
    memory_static_min: gibibyte,
    memory_dynamic_max: memory,
    memory_dynamic_min: memory,
    memory_target: plan.isHalted === true ? 0 : memory,
    memory_overhead: overheadBytes(memory, plan.vcpus),
    VCPUs_max: plan.vcpus,
    VCPUs_at_startup: plan.vcpus,
    VCPUs_params: { weight: "256", cap: "0" },
    domain_type: "hvm",
    HVM_boot_policy: "BIOS order",
    HVM_shadow_multiplier: 1,
    has_vendor_device: isWindows,
    hardware_platform_version: 2,
    platform: {
      acpi: "1",
      apic: "true",
      pae: "true",
      nx: "true",
      viridian: String(isWindows),
      "device-model": "qemu-upstream-compat",
      vga: "std",
      videoram: "8",
      "cores-per-socket": String(Math.min(plan.vcpus, 4)),
    },
    actions_after_shutdown: "destroy",
    actions_after_reboot: "restart",
    actions_after_crash: "restart",
    bios_strings: { "bios-vendor": "Xen", "system-manufacturer": "Xen", "hp-rombios": "" },
  };
}

/** Where the passthrough card sits; the VM asks for it by this address at every start. */
const passthroughAddress = "0000:86:00.0";

function guestMarks(estate: Estate, plan: GuestPlan, home: BuiltHost): XapiRecord {
  const affinity = { home: home.ref, "destroyed-host": estate.destroyedHost };
  return {
    ha_restart_priority: plan.treatment,
    order: plan.order,
    start_delay: plan.startDelayS ?? 0,
    shutdown_delay: plan.shutdownDelayS ?? 0,
    appliance: plan.appliance === undefined ? NULL_REF : applianceOf(estate, plan.appliance),
    affinity: plan.affinity === undefined ? NULL_REF : affinity[plan.affinity],
    tags: plan.tags ?? [],
    other_config: {
      base_template_name: plan.system === "windows" ? "Windows Server 2022" : "Debian Bookworm 12",
      import_task: "",
      ...(plan.isAutostart === true ? { auto_poweron: "true" } : {}),
      ...(plan.hasPassthrough === true ? { pci: `0/${passthroughAddress}` } : {}),
    },
  };
}

function applianceOf(estate: Estate, name: string): string {
  const known = estate.appliances.get(name);
  if (known !== undefined) return known;
  const made = estate.build.add("VM_appliance", {
    name_label: name,
    name_description: "",
    allowed_operations: ["start", "clean_shutdown", "hard_shutdown", "shutdown"],
  });
  estate.appliances.set(name, made);
  return made;
}

interface Life {
  readonly isRunning: boolean;
  readonly startedAtMs: number;
  readonly nowMs: number;
}

function addMetrics(build: TableBuilder, plan: GuestPlan, life: Life): string {
  return build.add("VM_metrics", {
    memory_actual: life.isRunning ? plan.memoryGib * gibibyte : 0,
    VCPUs_number: life.isRunning ? plan.vcpus : 0,
    start_time: formatDatetime(life.startedAtMs),
    install_time: formatDatetime(life.nowMs - 400 * dayMs),
    last_updated: formatDatetime(life.nowMs - minuteMs),
    hvm: life.isRunning,
    current_domain_type: life.isRunning ? "hvm" : "unspecified",
  });
}

function addGuestMetrics(
  build: TableBuilder,
  plan: GuestPlan,
  at: { readonly nowMs: number; readonly number: number },
): string {
  const system = systems[plan.system];
  const ip = `10.20.${Math.floor(at.number / 200) + 1}.${(at.number % 200) + 20}`;
  return build.add("VM_guest_metrics", {
    os_version: system.os,
    PV_drivers_version: system.drivers,
    PV_drivers_up_to_date: true,
    PV_drivers_detected: true,
    networks: { "0/ip": ip, "0/ipv4/0": ip },
    other: {
      "platform-feature-multiprocessor-suspend": "1",
      "has-vendor-device": plan.system === "windows" ? "1" : "0",
      "feature-suspend": "1",
      "feature-poweroff": "1",
      "feature-reboot": "1",
      "feature-balloon": "1",
    },
    last_updated: formatDatetime(at.nowMs - minuteMs),
    live: true,
    can_use_hotplug_vbd: "yes",
    can_use_hotplug_vif: "yes",
  });
}

function addPassthroughCard(build: TableBuilder, host: BuiltHost): string {
  return build.add("PCI", {
    host: host.ref,
    class_id: "02",
    class_name: "Network controller",
    vendor_id: "1172",
    vendor_name: "Altera Corporation",
    device_id: "0004",
    device_name: "Messkarte PXA-4",
    pci_id: passthroughAddress,
    driver_name: "pciback",
  });
}

function srOf(estate: Estate, plan: GuestPlan, disk: DiskPlan): BuiltSr {
  const { storage } = estate;
  const pick = { nfs: storage.nfs, iscsi: storage.iscsi, local: storage.local }[disk.on];
  const sr = disk.on === "local" ? pick[plan.host] : pick[plan.host % pick.length];
  if (sr === undefined) throw new Error(`no ${disk.on} storage for ${plan.name}`);
  return sr;
}

function addDisks(
  estate: Estate,
  plan: GuestPlan,
  vm: string,
  at: { readonly isRunning: boolean; readonly home: BuiltHost },
): void {
  const { build } = estate;
  const vmUuid = build.uuidOf("VM", vm);
  for (const [position, disk] of plan.disks.entries()) {
    const sr = srOf(estate, plan, disk);
    const vdi = addDisk(estate, sr, {
      name: position === 0 ? `${plan.name} System` : `${plan.name} Daten ${position}`,
      bytes: disk.gib * gibibyte,
      lockedBy: at.isRunning ? at.home.ref : null,
    });
    if (position === 0) estate.systemDisks.set(vm, vdi);
    const device = `xvd${String.fromCodePoint(97 + position)}`;
    build.add("VBD", {
      VM: vm,
      VDI: vdi,
      userdevice: String(position),
      device: at.isRunning ? device : "",
      bootable: position === 0,
      mode: "RW",
      type: "Disk",
      unpluggable: position !== 0,
      currently_attached: at.isRunning,
      allowed_operations: at.isRunning ? ["attach", "unpause", "pause"] : ["attach"],
    });
    if (!at.isRunning) continue;
    estate.attached[plan.host]!.push({
      vdiUuid: build.uuidOf("VDI", vdi),
      srUuid: sr.uuid,
      vmUuid,
      mode: "RW",
    });
  }
}

/** A disk image. `lockedBy` is the host whose tapdisk has it open for writing. */
function addDisk(
  estate: Estate,
  sr: BuiltSr,
  disk: { readonly name: string; readonly bytes: number; readonly lockedBy: string | null },
): string {
  const { build, srUse } = estate;
  // Thick on LVM; elsewhere a disk is a bit more than half written.
  const physicalBytes = sr.type === "lvmoiscsi" ? disk.bytes : Math.round(disk.bytes * 0.55);
  const use = srUse.get(sr.ref) ?? { virtualBytes: 0, physicalBytes: 0 };
  use.virtualBytes += disk.bytes;
  use.physicalBytes += physicalBytes;
  srUse.set(sr.ref, use);
  return build.add("VDI", {
    SR: sr.ref,
    name_label: disk.name,
    location: build.dice.uuid(),
    virtual_size: disk.bytes,
    physical_utilisation: physicalBytes,
    type: "user",
    managed: true,
    allowed_operations: diskOperations,
    sm_config: {
      vdi_type: "vhd",
      ...(disk.lockedBy === null ? {} : { [`host_${disk.lockedBy}`]: "RW" }),
    },
    parent: NULL_REF,
  });
}

function addDriveAndCard(
  estate: Estate,
  vm: string,
  at: { readonly isRunning: boolean; readonly number: number },
): void {
  const { build, networks } = estate;
  build.add("VBD", {
    VM: vm,
    userdevice: "15",
    device: at.isRunning ? "xvdp" : "",
    mode: "RO",
    type: "CD",
    empty: true,
    unpluggable: true,
    currently_attached: at.isRunning,
    allowed_operations: ["attach", "insert"],
  });
  build.add("VIF", {
    VM: vm,
    network: at.number % 3 === 2 ? networks.office : networks.production,
    device: "0",
    MAC: randomMac(build.dice),
    MAC_autogenerated: true,
    MTU: 1500,
    currently_attached: at.isRunning,
    allowed_operations: at.isRunning ? ["attach", "unplug"] : ["attach"],
    locking_mode: "network_default",
  });
}

function addRunningState(estate: Estate, plan: GuestPlan, vm: string, home: BuiltHost): void {
  const { build } = estate;
  const memory = plan.memoryGib * gibibyte;
  const console = build.add("console", { VM: vm, protocol: "rfb" });
  const consoleUuid = build.uuidOf("console", console);
  build.change("console", console, {
    location: `https://${home.place.address}/console?uuid=${consoleUuid}`,
  });
  estate.domains[plan.host]!.push({
    vmUuid: build.uuidOf("VM", vm),
    memoryBytes: memory + overheadBytes(memory, plan.vcpus),
    vcpus: plan.vcpus,
    paused: false,
  });
}

/** What an installation has beside its guests: templates of the product and one of its own. */
export function addTemplates(estate: Estate, names: readonly string[]): void {
  for (const [position, name] of names.entries()) {
    const isOwn = position === names.length - 1;
    const plan: GuestPlan = {
      name,
      system: name.startsWith("Windows") ? "windows" : "debian",
      memoryGib: 4,
      vcpus: 2,
      treatment: "",
      order: 0,
      disks: isOwn ? [{ gib: 20, on: "nfs" }] : [],
      host: 0,
      isHalted: true,
    };
    const { build } = estate;
    const vm = build.add("VM", {
      ...guestShape(plan),
      is_a_template: true,
      is_default_template: !isOwn,
      domid: -1,
      allowed_operations: templateOperations,
      HVM_boot_params: { order: "cdn" },
      other_config: isOwn
        ? { base_template_name: "Debian Bookworm 12" }
        : { default_template: "true", "install-methods": "cdrom,http,ftp" },
    });
    if (isOwn) addDisks(estate, plan, vm, { isRunning: false, home: hostAt(estate, 0) });
  }
}

/** A snapshot of a guest: a template-shaped copy that points back at it. */
export function addSnapshot(estate: Estate, vm: string, name: string, plan: GuestPlan): void {
  const { build, nowMs } = estate;
  const takenAt = formatDatetime(nowMs - 3 * dayMs);
  const snapshot = build.add("VM", {
    ...guestShape({ ...plan, isHalted: true }),
    name_label: name,
    is_a_template: true,
    is_a_snapshot: true,
    snapshot_of: vm,
    snapshot_time: takenAt,
    snapshot_info: {
      "power-state-at-snapshot": "Running",
      "disk-snapshot-type": "crash_consistent",
    },
    domid: -1,
    ha_restart_priority: plan.treatment,
    order: plan.order,
    start_delay: plan.startDelayS ?? 0,
    allowed_operations: ["revert", "clone", "copy", "export", "destroy", "provision"],
  });
  const disk = plan.disks[0];
  if (disk === undefined) return;
  const vdi = addDisk(estate, srOf(estate, plan, disk), {
    name: `${plan.name} System`,
    bytes: disk.gib * gibibyte,
    lockedBy: null,
  });
  build.change("VDI", vdi, {
    is_a_snapshot: true,
    snapshot_of: estate.systemDisks.get(vm) ?? NULL_REF,
    snapshot_time: takenAt,
  });
  build.add("VBD", {
    VM: snapshot,
    VDI: vdi,
    userdevice: "0",
    bootable: true,
    mode: "RW",
    type: "Disk",
    allowed_operations: ["attach"],
  });
  build.change("VM", vm, { parent: snapshot });
}

function hostAt(estate: Estate, index: number): BuiltHost {
  const host = estate.hosts[index];
  if (host === undefined) throw new Error(`the estate has no host ${index}`);
  return host;
}
