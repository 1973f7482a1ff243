/** Where a VM may run: the boot check with its long list of errors, and the choice of a host. */
import type { DbAccess } from "../call.ts";
import { compareVersions } from "../generation.ts";
import {
  existing,
  failureOf,
  isNull,
  isTrue,
  setOrEmpty,
  type ErrorList,
  type Scene,
} from "./scene.ts";
import { freeMemoryByHost, freeMemoryBytes, startMemoryBytes } from "./memory.ts";
import { requiredNetworks, requiredSrs, wantedPcis } from "./vm-state.ts";

export interface BootCheck {
  readonly vm: string;
  readonly host: string;
  /** Default true. */
  readonly memory?: boolean;
  /** Compare with the processors of its last start; default true. */
  readonly cpu?: boolean;
}

type Rule = (scene: Scene, check: BootCheck) => ErrorList | null;

const rules: readonly Rule[] = [
  live,
  controlDomainHome,
  enabled,
  hardwarePlatform,
  processors,
  storage,
  networks,
  iommu,
  graphics,
  usb,
  hardwareVirtualisation,
  memory,
  processorCount,
];

export function isLive(db: DbAccess, host: string): boolean {
  const metrics = db.find("host", host)?.["metrics"];
  return db.find("host_metrics", String(metrics ?? ""))?.["live"] === true;
}

function live({ db }: Scene, { host }: BootCheck): ErrorList | null {
  return isLive(db, host) ? null : ["HOST_NOT_LIVE"];
}

function controlDomainHome({ db }: Scene, { vm, host }: BootCheck): ErrorList | null {
  const affinity = db.str("VM", vm, "affinity");
  const elsewhere = !isNull(affinity) && affinity !== host;
  return db.bool("VM", vm, "is_control_domain") && elsewhere
    ? [
        "OPERATION_NOT_ALLOWED",
        "Cannot boot a control domain on a host different from its affinity",
      ]
    : null;
}

function enabled({ db }: Scene, { vm, host }: BootCheck): ErrorList | null {
  const isHome =
    db.str("VM", vm, "power_state") === "Running" && db.str("VM", vm, "resident_on") === host;
  return db.bool("VM", vm, "is_control_domain") || isHome || db.bool("host", host, "enabled")
    ? null
    : ["HOST_DISABLED", host];
}

function hardwarePlatform({ db }: Scene, { vm, host }: BootCheck): ErrorList | null {
  const versions = db.find("host", host)?.["virtual_hardware_platform_versions"];
  const wanted = Number(db.find("VM", vm)?.["hardware_platform_version"] ?? 0);
  const offered = Array.isArray(versions) ? versions.map(Number) : [0];
  return offered.includes(wanted)
    ? null
    : [
        "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION",
        host,
        `[${offered.join("; ")}]`,
        vm,
        String(wanted),
      ];
}

/** Every bit the VM saw at its last start must be there. */
function offersFeatures(offered: string, needed: string): boolean {
  const words = (text: string): readonly number[] =>
    text.split("-").map((word) => Number.parseInt(word, 16));
  const have = words(offered);
  return words(needed).every((word, at) => (word & ~(have[at] ?? 0)) >>> 0 === 0);
}

function processors({ db }: Scene, { vm, host, cpu = true }: BootCheck): ErrorList | null {
  const state = db.str("VM", vm, "power_state");
  const flags = db.map("VM", vm, "last_boot_CPU_flags");
  if (!cpu || state === "Halted" || flags["features"] === undefined) {
    return null;
  }
  const info = db.map("host", host, "cpu_info");
  if (flags["vendor"] !== undefined && flags["vendor"] !== info["vendor"]) {
    return [
      "VM_INCOMPATIBLE_WITH_THIS_HOST",
      vm,
      host,
      "VM was last booted on a host which had a CPU from a different vendor.",
    ];
  }
  const offered = info["features_hvm"] ?? info["features"] ?? "";
  return offersFeatures(offered, flags["features"])
    ? null
    : [
        "VM_INCOMPATIBLE_WITH_THIS_HOST",
        vm,
        host,
        "VM last booted on a CPU with features this host's CPU does not have.",
      ];
}

function pluggedSrs(db: DbAccess, host: string): ReadonlySet<string> {
  const pbds = existing(db, "PBD", db.set("host", host, "PBDs"));
  return new Set(
    pbds
      .filter((pbd) => db.bool("PBD", pbd, "currently_attached"))
      .map((pbd) => db.str("PBD", pbd, "SR")),
  );
}

function storage({ db }: Scene, { vm, host }: BootCheck): ErrorList | null {
  const plugged = pluggedSrs(db, host);
  const missing = requiredSrs(db, vm).find((sr) => !plugged.has(sr));
  return missing === undefined ? null : ["VM_REQUIRES_SR", vm, missing];
}

/** A network without any PIF lives on the one host where VMs already use it. */
function isNetworkOn(db: DbAccess, network: string, host: string): boolean {
  const pifs = existing(db, "PIF", db.set("network", network, "PIFs"));
  if (pifs.length > 0) {
    return pifs.some((pif) => db.str("PIF", pif, "host") === host);
  }
  const users = existing(db, "VIF", db.set("network", network, "VIFs"))
    .filter((vif) => db.bool("VIF", vif, "currently_attached"))
    .map((vif) => db.find("VM", db.str("VIF", vif, "VM"))?.["resident_on"]);
  const homes = users.filter((home) => typeof home === "string" && !isNull(home));
  return homes.every((home) => home === host);
}

function networks({ db }: Scene, { vm, host }: BootCheck): ErrorList | null {
  const missing = requiredNetworks(db, vm).find(
    (network) => !db.has("network", network) || !isNetworkOn(db, network, host),
  );
  return missing === undefined ? null : ["VM_REQUIRES_NETWORK", vm, missing];
}

function iommu({ db }: Scene, { vm, host }: BootCheck): ErrorList | null {
  const needed = setOrEmpty(db, "VM", vm, "VGPUs").length > 0 || wantedPcis(db, vm).length > 0;
  return needed && db.map("host", host, "chipset_info")["iommu"] === "false"
    ? ["VM_REQUIRES_IOMMU", host]
    : null;
}

function graphics({ db }: Scene, { vm, host }: BootCheck): ErrorList | null {
  const cards = existing(db, "VGPU", setOrEmpty(db, "VM", vm, "VGPUs"));
  for (const card of cards) {
    const group = db.str("VGPU", card, "GPU_group");
    const offered = existing(db, "PGPU", setOrEmpty(db, "GPU_group", group, "PGPUs"));
    if (!offered.some((pgpu) => db.str("PGPU", pgpu, "host") === host)) {
      return ["VM_REQUIRES_GPU", vm, group];
    }
  }
  return null;
}

function usb({ db }: Scene, { vm, host }: BootCheck): ErrorList | null {
  for (const vusb of existing(db, "VUSB", setOrEmpty(db, "VM", vm, "VUSBs"))) {
    const group = db.str("VUSB", vusb, "USB_group");
    const devices = existing(db, "PUSB", setOrEmpty(db, "USB_group", group, "PUSBs"));
    if (!devices.some((device) => db.str("PUSB", device, "host") === host)) {
      return ["OPERATION_NOT_ALLOWED", `VUSB ${vusb} is not available on Host ${host}`];
    }
  }
  return null;
}

function hardwareVirtualisation({ db }: Scene, { vm, host }: BootCheck): ErrorList | null {
  const capabilities = setOrEmpty(db, "host", host, "capabilities");
  const capable = capabilities.length === 0 || capabilities.some((item) => item.startsWith("hvm"));
  return db.str("VM", vm, "domain_type") === "pv" || capable ? null : ["VM_HVM_REQUIRED", vm];
}

function memory({ db }: Scene, check: BootCheck): ErrorList | null {
  if (check.memory === false) {
    return null;
  }
  const needed = startMemoryBytes(db, check.vm);
  const available = freeMemoryBytes(db, check.host, { ignoredVm: check.vm });
  return available < needed
    ? ["HOST_NOT_ENOUGH_FREE_MEMORY", String(needed), String(available)]
    : null;
}

function processorCount({ db }: Scene, { vm, host }: BootCheck): ErrorList | null {
  const vcpus = db.num("VM", vm, "VCPUs_max");
  const pcpus = Number(db.map("host", host, "cpu_info")["cpu_count"] ?? Number.NaN);
  const unrestricted = isTrue(db.map("VM", vm, "platform")["vcpu-unrestricted"]);
  return vcpus > pcpus && !unrestricted
    ? ["HOST_NOT_ENOUGH_PCPUS", String(vcpus), String(pcpus)]
    : null;
}

/** The first reason why a VM cannot run on a host now, or null. */
export function bootError(scene: Scene, check: BootCheck): ErrorList | null {
  for (const rule of rules) {
    const error = rule(scene, check);
    if (error !== null) {
      return error;
    }
  }
  return null;
}

export function assertCanBootHere(scene: Scene, check: BootCheck): void {
  const error = bootError(scene, check);
  if (error !== null) {
    throw failureOf(error);
  }
}

/** Hosts that pass the whole boot check. */
export function possibleHosts(scene: Scene, vm: string): readonly string[] {
  const needed = startMemoryBytes(scene.db, vm);
  const free = freeMemoryByHost(scene.db, scene.db.refs("host"), { ignoredVm: vm });
  return bootableHosts(scene, vm).filter((host) => (free.get(host) ?? 0) >= needed);
}

/** Hosts that pass all of it but memory. */
function bootableHosts(scene: Scene, vm: string): readonly string[] {
  return scene.db
    .refs("host")
    .filter((host) => bootError(scene, { vm, host, memory: false }) === null);
}

/**
 * The placement ladder: the affinity host when it passes, then hosts with memory (the freest
 * first), then hosts that lack only memory. Throws `NO_HOSTS_AVAILABLE []`.
 */
export function chooseHost(scene: Scene, vm: string): string {
  const { db } = scene;
  const withMemory = possibleHosts(scene, vm);
  const affinity = db.str("VM", vm, "affinity");
  if (withMemory.includes(affinity)) {
    return affinity;
  }
  const candidates = withMemory.length > 0 ? withMemory : bootableHosts(scene, vm);
  const free = freeMemoryByHost(db, candidates);
  const best = candidates.toSorted(
    (left, right) => (free.get(right) ?? 0) - (free.get(left) ?? 0),
  )[0];
  if (best === undefined) {
    throw failureOf(["NO_HOSTS_AVAILABLE"]);
  }
  return best;
}

function versionOf(db: DbAccess, host: string): string {
  const software = db.map("host", host, "software_version");
  return software["xapi_build"] ?? software["platform_version"] ?? "";
}

/** VMs never move to an older host. */
export function isVersionNotOlder(db: DbAccess, from: string, to: string): boolean {
  return compareVersions(versionOf(db, to) || "0", versionOf(db, from) || "0") >= 0;
}
