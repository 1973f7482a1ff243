/** A VM's records: devices, disks, and what turns them back to rest. */
import type { DbAccess } from "../call.ts";
import { NULL_REF } from "../call.ts";
import { existing, isNull, setOrEmpty, type Scene } from "./scene.ts";
import { refreshVm } from "./vm-rules.ts";

/** One disk a running VM holds open. */
export interface VmDisk {
  readonly vbd: string;
  readonly vdi: string;
  readonly vdiUuid: string;
  readonly sr: string;
  readonly srUuid: string;
  readonly mode: "RW" | "RO";
}

/** Disks of all non-empty drives. */
export function disksOf(db: DbAccess, vm: string): readonly VmDisk[] {
  return existing(db, "VBD", db.set("VM", vm, "VBDs"))
    .filter((vbd) => !db.bool("VBD", vbd, "empty") && db.has("VDI", db.str("VBD", vbd, "VDI")))
    .map((vbd) => {
      const vdi = db.str("VBD", vbd, "VDI");
      const sr = db.str("VDI", vdi, "SR");
      return {
        vbd,
        vdi,
        vdiUuid: db.str("VDI", vdi, "uuid"),
        sr,
        srUuid: String(db.find("SR", sr)?.["uuid"] ?? ""),
        mode: db.str("VBD", vbd, "mode") === "RO" ? "RO" : "RW",
      };
    });
}

/** SRs a VM needs on its host, without repeats. */
export function requiredSrs(db: DbAccess, vm: string): readonly string[] {
  const srs = disksOf(db, vm).map((disk) => disk.sr);
  const suspendVdi = db.str("VM", vm, "suspend_VDI");
  if (db.str("VM", vm, "power_state") === "Suspended" && db.has("VDI", suspendVdi)) {
    srs.push(db.str("VDI", suspendVdi, "SR"));
  }
  return [...new Set(srs)];
}

export function requiredNetworks(db: DbAccess, vm: string): readonly string[] {
  const vifs = existing(db, "VIF", db.set("VM", vm, "VIFs"));
  return [...new Set(vifs.map((vif) => db.str("VIF", vif, "network")))];
}

/** Marks disks and network interfaces as attached or not. */
function setDevicesAttached(db: DbAccess, vm: string, attached: boolean): void {
  for (const vbd of existing(db, "VBD", db.set("VM", vm, "VBDs"))) {
    const isEmpty = db.bool("VBD", vbd, "empty");
    db.update("VBD", vbd, {
      currently_attached: attached && !isEmpty,
      reserved: false,
      current_operations: {},
    });
  }
  for (const vif of existing(db, "VIF", db.set("VM", vm, "VIFs"))) {
    db.update("VIF", vif, {
      currently_attached: attached,
      reserved: false,
      current_operations: {},
    });
  }
  for (const vusb of setOrEmpty(db, "VM", vm, "VUSBs")) {
    if (db.has("VUSB", vusb)) {
      db.update("VUSB", vusb, { currently_attached: attached });
    }
  }
}

function releaseDevices(db: DbAccess, vm: string): void {
  for (const card of setOrEmpty(db, "VM", vm, "VGPUs")) {
    if (db.has("VGPU", card)) {
      db.update("VGPU", card, {
        resident_on: NULL_REF,
        scheduled_to_be_resident_on: NULL_REF,
        currently_attached: false,
      });
    }
  }
  if (setOrEmpty(db, "VM", vm, "attached_PCIs").length > 0) {
    db.update("VM", vm, { attached_PCIs: [] });
  }
}

/** PCI devices the VM wants at start, as `other_config:pci` names them (`0/0000:04:00.0,1/…`). */
export function wantedPcis(db: DbAccess, vm: string): readonly string[] {
  const text = db.map("VM", vm, "other_config")["pci"] ?? "";
  return text
    .split(",")
    .map((part) => part.slice(part.indexOf("/") + 1).trim())
    .filter((part) => part !== "");
}

/** Addresses of wanted devices that the host does not have. */
export function missingPcis(db: DbAccess, vm: string, host: string): readonly string[] {
  const there = new Set(
    existing(db, "PCI", setOrEmpty(db, "host", host, "PCIs")).map((pci) =>
      db.str("PCI", pci, "pci_id"),
    ),
  );
  return wantedPcis(db, vm).filter((address) => !there.has(address));
}

/** Attaches the wanted devices of the host to the VM. */
function attachPcis(db: DbAccess, vm: string, host: string): void {
  const wanted = new Set(wantedPcis(db, vm));
  const devices = existing(db, "PCI", setOrEmpty(db, "host", host, "PCIs")).filter((pci) =>
    wanted.has(db.str("PCI", pci, "pci_id")),
  );
  if (devices.length > 0) {
    db.update("VM", vm, { attached_PCIs: devices });
  }
}

/**
 * The database's idea of a VM that does not run any more: Halted, nothing attached, no operation.
 * Touches neither a domain nor a storage lock.
 */
export function markHalted(scene: Scene, vm: string, keepOperations = false): void {
  const { db } = scene;
  db.transaction(() => {
    db.update("VM", vm, {
      power_state: "Halted",
      resident_on: NULL_REF,
      scheduled_to_be_resident_on: NULL_REF,
      domid: -1,
      requires_reboot: false,
      ...(keepOperations ? {} : { current_operations: {} }),
    });
    setDevicesAttached(db, vm, false);
    releaseDevices(db, vm);
    const metrics = db.str("VM", vm, "metrics");
    if (db.has("VM_metrics", metrics)) {
      db.update("VM_metrics", metrics, { current_domain_type: "unspecified" });
    }
  });
  refreshVm(scene, vm);
}

/** The VM runs (or is paused) on a host. */
export function markRunning(
  scene: Scene,
  vm: string,
  where: { readonly host: string; readonly domid: number; readonly paused: boolean },
): void {
  const { db } = scene;
  db.transaction(() => {
    db.update("VM", vm, {
      power_state: where.paused ? "Paused" : "Running",
      resident_on: where.host,
      scheduled_to_be_resident_on: NULL_REF,
      domid: where.domid,
    });
    setDevicesAttached(db, vm, true);
    attachPcis(db, vm, where.host);
  });
  refreshVm(scene, vm);
}

/** Saved to disk; the disks are closed, the suspend image holds the rest. */
export function markSuspended(scene: Scene, vm: string, suspendVdi: string): void {
  const { db } = scene;
  db.transaction(() => {
    db.update("VM", vm, {
      power_state: "Suspended",
      resident_on: NULL_REF,
      scheduled_to_be_resident_on: NULL_REF,
      domid: -1,
      suspend_VDI: suspendVdi,
    });
    setDevicesAttached(db, vm, false);
  });
  refreshVm(scene, vm);
}

/** Removes the suspend image, if there is one. */
export function dropSuspendImage(db: DbAccess, vm: string): void {
  const vdi = db.str("VM", vm, "suspend_VDI");
  if (!isNull(vdi)) {
    db.destroy("VDI", vdi);
    db.update("VM", vm, { suspend_VDI: NULL_REF });
  }
}
