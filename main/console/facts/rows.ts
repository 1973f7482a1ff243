import type { HostSummary, PoolSummary, SrSummary, VmSummary } from "../../contract/pool.ts";
import type { HostVerdict } from "../../contract/verdict.ts";
import type { PoolRecords, XapiRecord } from "../pool-session.ts";
import { agilityOfGuest } from "../verdict/agility.ts";
import { busyWith } from "../verdict/checks-vms.ts";
import type { HostFacts, PoolIndex, SrFacts } from "../verdict/pool-index.ts";
import { flagOf, isNullRef, listOf, mapOf, nameOf, numberOf, textOf } from "../verdict/read.ts";

/** One row per object, as the contract wants them; from records, with the pool's index. */
export function vmRow(index: PoolIndex, vmRef: string, vm: XapiRecord): VmSummary {
  const { records } = index;
  const agility = agilityOfGuest(index, index.guest(vmRef));
  const appliance = records.get("VM_appliance", textOf(vm, "appliance"));
  return {
    uuid: textOf(vm, "uuid"),
    name: nameOf(vm),
    powerState: powerStateOf(vm),
    hostUuid: hostUuidOf(records, vm),
    treatment: treatmentOf(vm),
    order: numberOf(vm, "order") ?? 0,
    startDelayS: numberOf(vm, "start_delay") ?? 0,
    memoryBytes: numberOf(vm, "memory_static_max") ?? 0,
    agility: { agile: agility.agile, reasons: [...agility.reasons] },
    disks: disksOf(records, vm),
    busyWith: busyWith(vm),
    applianceName: appliance === undefined ? null : nameOf(appliance),
  };
}

function powerStateOf(vm: XapiRecord): VmSummary["powerState"] {
  const state = textOf(vm, "power_state");
  if (state === "Running" || state === "Suspended" || state === "Paused") return state;
  return "Halted";
}

/** The setting, not the outcome: XAPI calls protected what also has to run now. */
function treatmentOf(vm: XapiRecord): VmSummary["treatment"] {
  const priority = textOf(vm, "ha_restart_priority");
  return priority === "restart" || priority === "best-effort" ? priority : "unprotected";
}

function hostUuidOf(records: PoolRecords, vm: XapiRecord): string | null {
  const ref = textOf(vm, "resident_on");
  if (isNullRef(ref)) return null;
  return textOf(records.get("host", ref), "uuid") || null;
}

function disksOf(records: PoolRecords, vm: XapiRecord): VmSummary["disks"] {
  const disks: VmSummary["disks"] = [];
  for (const ref of listOf(vm, "VBDs")) {
    const vbd = records.get("VBD", ref);
    if (textOf(vbd, "type") !== "Disk") continue;
    const sr = records.get("SR", textOf(records.get("VDI", textOf(vbd, "VDI")), "SR"));
    disks.push({
      srName: sr === undefined ? "unknown storage" : nameOf(sr),
      shared: flagOf(sr, "shared"),
    });
  }
  return disks;
}

export function hostRow(index: PoolIndex, host: HostFacts, verdict: HostVerdict): HostSummary {
  const { record } = host;
  const metrics = index.records.get("host_metrics", textOf(record, "metrics"));
  const version = mapOf(record, "software_version");
  const config = mapOf(record, "other_config");
  return {
    uuid: host.uuid,
    name: host.name,
    address: textOf(record, "address"),
    role: index.coordinatorRef === host.ref ? "coordinator" : "supporter",
    live: host.live === true,
    enabled: host.enabled,
    maintenance: maintenanceOf(host),
    productVersion: version["product_version"] ?? "",
    xapiVersion: version["xapi_build"] ?? version["xapi"] ?? "",
    memoryTotalBytes: numberOf(metrics, "memory_total") ?? 0,
    memoryFreeBytes: host.freeBytes ?? 0,
    vmCountRunning: host.residents.length,
    bootedAtMs: epochMs(config["boot_time"]),
    agentStartedAtMs: epochMs(config["agent_start_time"]),
    haPeersSeen: listOf(record, "ha_network_peers").length,
    haStatefilesSeen: listOf(record, "ha_statefiles").length,
    verdict,
  };
}

function maintenanceOf(host: HostFacts): HostSummary["maintenance"] {
  if (host.inMaintenance) return "in-maintenance";
  return host.enabled ? "no" : "disabled";
}

/** XAPI prints seconds since the epoch as a float with a trailing dot: `1690000000.` */
function epochMs(seconds: string | undefined): number | null {
  const value = Number.parseFloat(seconds ?? "");
  return Number.isFinite(value) ? Math.round(value * 1000) : null;
}

export function srRow(index: PoolIndex, sr: SrFacts, record: XapiRecord): SrSummary {
  const unplugged = [...sr.unpluggedOn].map((ref) => index.hosts.get(ref)?.name ?? "");
  return {
    uuid: sr.uuid,
    name: sr.name,
    type: sr.type,
    shared: sr.shared,
    sizeBytes: numberOf(record, "physical_size") ?? 0,
    usedBytes: numberOf(record, "physical_utilisation") ?? 0,
    attachedHostCount: sr.pluggedOn.size,
    unpluggedHostNames: unplugged.filter((name) => name !== "").toSorted(),
  };
}

/** Brand and versions of the coordinator: "XCP-ng 8.3.0, XAPI 26.1.4". */
export function generationOf(index: PoolIndex): PoolSummary["generation"] {
  const version = mapOf(index.hosts.get(index.coordinatorRef)?.record, "software_version");
  const product = [version["product_brand"], version["product_version"]].filter(Boolean).join(" ");
  const xapi = version["xapi_build"] ?? version["xapi"];
  return [product, xapi === undefined ? "" : `XAPI ${xapi}`]
    .filter((part) => part !== "")
    .join(", ");
}

/** A pool on its own often has no name; its coordinator's is what people call it then. */
export function poolName(index: PoolIndex): string {
  return (
    textOf(index.pool, "name_label") || (index.hosts.get(index.coordinatorRef)?.name ?? "Pool")
  );
}
