import { NULL_REF } from "../value.ts";
import type { BuiltHost } from "./host-records.ts";
import { gibibyte, type TableBuilder } from "./table-builder.ts";

export interface BuiltSr {
  readonly ref: string;
  readonly uuid: string;
  readonly type: string;
  readonly isShared: boolean;
}

/** Storage of a pool by what guests use it for. */
export interface PoolStorage {
  readonly nfs: readonly BuiltSr[];
  readonly iscsi: readonly BuiltSr[];
  /** one per host, in the hosts' order */
  readonly local: readonly BuiltSr[];
  readonly isoLibrary: BuiltSr;
  readonly tools: BuiltSr;
  /** removable media, one per host */
  readonly drives: readonly BuiltSr[];
}

const srOperations = [
  "vdi_enable_cbt",
  "vdi_list_changed_blocks",
  "unplug",
  "plug",
  "pbd_create",
  "vdi_disable_cbt",
  "update",
  "pbd_destroy",
  "vdi_resize",
  "vdi_clone",
  "vdi_data_destroy",
  "scan",
  "vdi_snapshot",
  "vdi_mirror",
  "vdi_create",
  "vdi_destroy",
  "vdi_set_on_boot",
];

export const diskOperations = [
  "snapshot",
  "clone",
  "copy",
  "resize",
  "destroy",
  "forget",
  "update",
  "force_unlock",
  "generate_config",
  "enable_cbt",
  "set_on_boot",
];

/** Storage managers by SR type: label and what they can do. */
const managers: readonly (readonly [string, string, readonly string[]])[] = [
  ["nfs", "NFS VHD", ["SR_PROBE", "SR_UPDATE", "VDI_CREATE", "VDI_DELETE", "VDI_SNAPSHOT"]],
  ["lvmoiscsi", "LVHD over iSCSI", ["SR_PROBE", "SR_UPDATE", "VDI_CREATE", "VDI_SNAPSHOT"]],
  ["ext", "Local EXT3 VHD", ["SR_PROBE", "SR_UPDATE", "VDI_CREATE", "VDI_SNAPSHOT"]],
  ["iso", "ISO", ["VDI_ATTACH", "VDI_DETACH"]],
  ["udev", "udev", ["VDI_ATTACH", "VDI_DETACH"]],
];

export function addStorageManagers(build: TableBuilder): void {
  for (const [type, label, capabilities] of managers) {
    build.add("SM", {
      type,
      name_label: label,
      vendor: "XCP-ng",
      version: "1.0",
      required_api_version: "1.0",
      capabilities,
      features: Object.fromEntries(capabilities.map((name) => [name, 1])),
      driver_filename: `/opt/xensource/sm/${type}SR`,
    });
  }
}

/** Shared SRs with a PBD on every host, a local one per host, tools, ISO library and drives. */
export function addStorage(
  build: TableBuilder,
  hosts: readonly BuiltHost[],
  sharedCount: { readonly nfs: number; readonly iscsi: number; readonly sizeGib: number },
): PoolStorage {
  const numbered = (name: string, index: number, count: number): string =>
    count === 1 ? name : `${name} ${index + 1}`;
  const nfs = Array.from({ length: sharedCount.nfs }, (_, index) =>
    addSr(build, hosts, {
      name: numbered("NFS Speicher", index, sharedCount.nfs),
      type: "nfs",
      sizeGib: sharedCount.sizeGib,
      deviceConfig: {
        server: `10.88.0.${index + 1}`,
        serverpath: "/export/xcp",
        nfsversion: "4.1",
      },
    }),
  );
  const iscsi = Array.from({ length: sharedCount.iscsi }, (_, index) =>
    addSr(build, hosts, {
      name: numbered("iSCSI Produktion", index, sharedCount.iscsi),
      type: "lvmoiscsi",
      sizeGib: sharedCount.sizeGib,
      deviceConfig: {
        target: `10.88.0.${index + 101}`,
        targetIQN: `iqn.2019-11.example.oberland:produktion-${index + 1}`,
        port: "3260",
        SCSIid: `36005076${build.dice.uuid().replaceAll("-", "").slice(0, 24)}`,
      },
    }),
  );
  const local = hosts.map((host) =>
    addSr(build, [host], {
      name: "Lokaler Speicher",
      type: "ext",
      sizeGib: 1_788,
      isShared: false,
      deviceConfig: { device: "/dev/disk/by-id/nvme-MZQL21T9HCJR-00A07-part3" },
    }),
  );
  const drives = hosts.map((host) =>
    addSr(build, [host], {
      name: "DVD-Laufwerke",
      type: "udev",
      contentType: "iso",
      sizeGib: 0,
      isShared: false,
      deviceConfig: { location: "/dev/xapi/cd" },
    }),
  );
  return { nfs, iscsi, local, drives, ...addIsoStorage(build, hosts) };
}

function addIsoStorage(
  build: TableBuilder,
  hosts: readonly BuiltHost[],
): Pick<PoolStorage, "isoLibrary" | "tools"> {
  const isoLibrary = addSr(build, hosts, {
    name: "ISO-Bibliothek",
    type: "iso",
    contentType: "iso",
    sizeGib: 500,
    deviceConfig: { location: "10.88.0.1:/export/iso", type: "nfs_iso", nfsversion: "3" },
  });
  const tools = addSr(build, hosts, {
    name: "XCP-ng Tools",
    type: "iso",
    contentType: "iso",
    sizeGib: 0,
    isTools: true,
    deviceConfig: { location: "/opt/xensource/packages/iso", legacy_mode: "true" },
  });
  const images = ["debian-12.9.0-amd64-netinst.iso", "SERVER_EVAL_x64FRE_de-de.iso"];
  for (const image of images) addImage(build, isoLibrary, image);
  addImage(build, tools, "guest-tools.iso");
  return { isoLibrary, tools };
}

function addImage(build: TableBuilder, sr: BuiltSr, name: string): void {
  build.add("VDI", {
    SR: sr.ref,
    name_label: name,
    location: name,
    virtual_size: gibibyte,
    physical_utilisation: gibibyte,
    type: "user",
    sharable: true,
    read_only: true,
    managed: true,
    is_tools_iso: name === "guest-tools.iso",
    allowed_operations: ["clone", "copy"],
    parent: NULL_REF,
  });
}

function addSr(
  build: TableBuilder,
  hosts: readonly BuiltHost[],
  sr: {
    readonly name: string;
    readonly type: string;
    readonly sizeGib: number;
    readonly contentType?: string;
    readonly isShared?: boolean;
    readonly isTools?: boolean;
    readonly deviceConfig: Readonly<Record<string, string>>;
  },
): BuiltSr {
  const isShared = sr.isShared ?? true;
  const ref = build.add("SR", {
    name_label: sr.name,
    type: sr.type,
    content_type: sr.contentType ?? "user",
    shared: isShared,
    physical_size: sr.sizeGib * gibibyte,
    allowed_operations: sr.contentType === "iso" ? ["unplug", "plug", "scan"] : srOperations,
    is_tools_sr: sr.isTools ?? false,
    other_config: { "auto-scan": sr.contentType === "iso" ? "true" : "false" },
    sm_config: sr.type === "lvmoiscsi" ? { allocation: "thick", use_vhd: "true" } : {},
  });
  for (const host of hosts) {
    build.add("PBD", {
      host: host.ref,
      SR: ref,
      device_config: sr.deviceConfig,
      currently_attached: true,
    });
  }
  return { ref, uuid: build.uuidOf("SR", ref), type: sr.type, isShared };
}

/** Writes into each SR how much its disks promise and use. */
export function sumUpStorage(build: TableBuilder, used: ReadonlyMap<string, SrUse>): void {
  for (const [ref, use] of used) {
    build.change("SR", ref, {
      virtual_allocation: use.virtualBytes,
      physical_utilisation: use.physicalBytes,
    });
  }
}

export interface SrUse {
  virtualBytes: number;
  physicalBytes: number;
}
