/** Whether a VM could run on any enabled host: what native HA demands of a protected VM. */
import type { DbAccess } from "../call.ts";
import { existing, failureOf, setOrEmpty, type ErrorList } from "./scene.ts";
import { disksOf, requiredNetworks } from "./vm-state.ts";

function enabledHosts(db: DbAccess): readonly string[] {
  return db.refs("host").filter((host) => db.bool("host", host, "enabled"));
}

/** Shared, with a plugged PBD on every enabled host. */
function isSrProperlyShared(db: DbAccess, sr: string): boolean {
  if (!db.has("SR", sr) || !db.bool("SR", sr, "shared")) {
    return false;
  }
  const plugged = existing(db, "PBD", db.set("SR", sr, "PBDs"))
    .filter((pbd) => db.bool("PBD", pbd, "currently_attached"))
    .map((pbd) => db.str("PBD", pbd, "host"));
  return enabledHosts(db).every((host) => plugged.includes(host));
}

/** Every enabled host has a PIF on the network that is not part of a bond. */
function isNetworkProperlyShared(db: DbAccess, network: string): boolean {
  if (!db.has("network", network)) {
    return false;
  }
  const hosts = existing(db, "PIF", db.set("network", network, "PIFs"))
    .filter((pif) => !db.has("Bond", db.str("PIF", pif, "bond_slave_of")))
    .map((pif) => db.str("PIF", pif, "host"));
  return enabledHosts(db).every((host) => hosts.includes(host));
}

export function agilityError(db: DbAccess, vm: string): ErrorList | null {
  if (setOrEmpty(db, "VM", vm, "VGPUs").length > 0) {
    return ["VM_HAS_VGPU", vm];
  }
  if (setOrEmpty(db, "VM", vm, "VUSBs").length > 0) {
    return ["VM_HAS_VUSBS", vm];
  }
  const sr = disksOf(db, vm).find((disk) => !isSrProperlyShared(db, disk.sr))?.sr;
  if (sr !== undefined) {
    return ["HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", sr];
  }
  const network = requiredNetworks(db, vm).find((ref) => !isNetworkProperlyShared(db, ref));
  return network === undefined ? null : ["HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED", network];
}

export function assertAgile(db: DbAccess, vm: string): void {
  const error = agilityError(db, vm);
  if (error !== null) {
    throw failureOf(error);
  }
}
