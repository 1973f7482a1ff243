import type { PoolRecords, XapiRecord } from "../pool-session.ts";
import { isGuest, listOf, textOf } from "../verdict/read.ts";
import type { RecordChange } from "../xapi/record-store.ts";
import { sameData } from "./same.ts";

/** What has to be rebuilt after a batch; everything else still shows what is true. */
export interface Dependants {
  /** references of VMs, or all of them */
  readonly vms: ReadonlySet<string> | "all";
  readonly hosts: boolean;
  readonly srs: boolean;
  /** verdicts, engine and pool; they look at nearly everything but finished tasks */
  readonly judgement: boolean;
}

/** Walks from each changed object to the VMs whose rows show something of it. */
export function dependantsOf(changes: readonly RecordChange[], records: PoolRecords): Dependants {
  const vms = new Set<string>();
  let all = false;
  let hosts = false;
  let srs = false;
  let judgement = false;
  for (const change of changes) {
    if (change.className === "task") continue;
    const touched = touchedBy(change, records);
    if (touched.vms === "all") all = true;
    else for (const ref of touched.vms) vms.add(ref);
    hosts ||= touched.hosts;
    srs ||= touched.srs;
    judgement = true;
  }
  return { vms: all ? "all" : vms, hosts, srs, judgement };
}

interface Touched {
  readonly vms: readonly string[] | "all";
  readonly hosts: boolean;
  readonly srs: boolean;
}

const rowsOfHosts: Touched = { vms: [], hosts: true, srs: false };
const nothing: Touched = { vms: [], hosts: false, srs: false };

function touchedBy(change: RecordChange, records: PoolRecords): Touched {
  const { className, ref, before, after } = change;
  switch (className) {
    case "VM":
      return { vms: isShown(before, after) ? [ref] : [], hosts: true, srs: false };
    case "VBD":
    case "VIF":
    case "VGPU":
    case "VUSB":
      return { ...nothing, vms: [textOf(before, "VM"), textOf(after, "VM")] };
    case "VDI":
      return { ...nothing, vms: vmsOfVdi(after ?? before, records) };
    case "SR":
      return {
        vms: differs(change, ["name_label", "shared"]) ? vmsOfSr(ref, records) : [],
        hosts: false,
        srs: true,
      };
    case "PBD": {
      const isPlugChange = differs(change, ["currently_attached", "host", "SR"]);
      return {
        vms: isPlugChange ? vmsOfSr(textOf(after ?? before, "SR"), records) : [],
        hosts: false,
        srs: true,
      };
    }
    case "PIF":
      return differs(change, ["currently_attached", "host", "network"])
        ? { ...nothing, vms: vmsOfNetwork(textOf(after ?? before, "network"), records) }
        : nothing;
    case "network":
      return differs(change, ["name_label", "PIFs"])
        ? { ...nothing, vms: vmsOfNetwork(ref, records) }
        : nothing;
    case "VM_appliance":
      return { ...nothing, vms: [...listOf(before, "VMs"), ...listOf(after, "VMs")] };
    case "host":
      return differs(change, ["name_label", "uuid"])
        ? { vms: "all", hosts: true, srs: true }
        : rowsOfHosts;
    case "PCI":
      return { ...nothing, vms: "all" };
    case "pool":
    case "host_metrics":
    case "VM_metrics":
      return rowsOfHosts;
    case "task":
      return nothing;
  }
}

function isShown(before: XapiRecord | undefined, after: XapiRecord | undefined): boolean {
  return [before, after].some((vm) => vm !== undefined && isGuest(vm));
}

/** Also true when the object came or went. */
function differs(change: RecordChange, fields: readonly string[]): boolean {
  const { before, after } = change;
  if (before === undefined || after === undefined) return true;
  return fields.some((field) => !sameData(before[field], after[field]));
}

function vmsOfVdi(vdi: XapiRecord | undefined, records: PoolRecords): string[] {
  return listOf(vdi, "VBDs").map((ref) => textOf(records.get("VBD", ref), "VM"));
}

function vmsOfSr(srRef: string, records: PoolRecords): string[] {
  const vdis = listOf(records.get("SR", srRef), "VDIs");
  return vdis.flatMap((ref) => vmsOfVdi(records.get("VDI", ref), records));
}

function vmsOfNetwork(networkRef: string, records: PoolRecords): string[] {
  const vifs = listOf(records.get("network", networkRef), "VIFs");
  return vifs.map((ref) => textOf(records.get("VIF", ref), "VM"));
}
