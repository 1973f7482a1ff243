import type { Run } from "../../contract/run.ts";
import type { PoolRecords } from "../pool-session.ts";
import { haSetting, type HaSetting } from "../ha/ha.ts";
import { subjectOf } from "../verdict/judge-host.ts";
import { createPoolIndex } from "../verdict/pool-index.ts";
import {
  flagOf,
  listed,
  mapOf,
  nameOf,
  numberOf,
  poolOf,
  textOf,
  versionOf,
} from "../verdict/read.ts";
import { hostTime, type Acts, type Before, type VmBefore } from "./acts.ts";

export const maintenanceMark = "MAINTENANCE_MODE";
const evacuatedKey = "MAINTENANCE_MODE_EVACUATED_VMS_";

/** XenCenter's keys: comma-joined uuids of VMs to bring back, by what was done to them. */
export const evacuatedKeys = {
  migrated: `${evacuatedKey}MIGRATED`,
  halted: `${evacuatedKey}HALTED`,
  suspended: `${evacuatedKey}SUSPENDED`,
} as const;

/** What is now, in the words of what must be put back. Undefined when the host is not known. */
export function captureBefore(records: PoolRecords, hostRef: string): Before | undefined {
  const index = createPoolIndex(records);
  const host = index.hosts.get(hostRef);
  if (host === undefined) return undefined;
  const subject = subjectOf(index, host);
  const pluggedPbds: string[] = [];
  for (const [ref, pbd] of records.all("PBD")) {
    const isHere = textOf(pbd, "host") === hostRef;
    if (isHere && flagOf(pbd, "currently_attached")) pluggedPbds.push(ref);
  }
  const config = mapOf(host.record, "other_config");
  const ours = Object.entries(config).filter(([key]) => key.startsWith(maintenanceMark));
  return {
    coordinatorRef: index.coordinatorRef,
    enabled: host.enabled,
    autoPoweron: mapOf(index.pool, "other_config")["auto_poweron"],
    ha: haSetting(records),
    bootTime: hostTime(host.record, "boot_time"),
    agentStartTime: hostTime(host.record, "agent_start_time"),
    version: host.version,
    pluggedPbds,
    enabledHosts: [...index.hosts.values()].filter((one) => one.enabled).map((one) => one.ref),
    maintenanceKeys: Object.fromEntries(ours),
    vms: subject.guests.map((guest): VmBefore => ({
      ref: guest.ref,
      uuid: guest.uuid,
      name: guest.name,
      isPinned: subject.pinned.includes(guest),
      order: numberOf(guest.record, "order") ?? 0,
      record: guest.record,
    })),
  };
}

type Row = Run["comparison"][number];

/** What was and what is, row by row; the coordinator's role may differ on purpose. */
export function compare(acts: Acts, records: PoolRecords): Row[] {
  const { before } = acts.run;
  const row = (what: string, was: string, is: string): Row => ({
    what,
    before: was,
    after: is,
    same: was === is,
  });
  const ha = haSetting(records);
  const host = records.get("host", acts.hostRef);
  const now = captureBefore(records, acts.hostRef);
  const rows = [
    row("Native HA", onOff(before.ha), onOff(ha)),
    ...(before.ha === null ? [] : haRows(records, before.ha, ha, row)),
    coordinatorRow(acts, records),
    row(`“${acts.hostName}” takes VMs`, yesNo(before.enabled), yesNo(flagOf(host, "enabled"))),
    row("Version", before.version, versionOf(host)),
    row(
      "VMs start by themselves on boot",
      before.autoPoweron ?? "not set",
      mapOf(poolOf(records)?.record, "other_config")["auto_poweron"] ?? "not set",
    ),
    row("Storage plugged", pbdNames(records, before), pbdNames(records, now ?? before)),
  ];
  for (const vm of before.vms) {
    rows.push(row(`VM “${vm.name}”`, placeOf(records, vm.record), currentPlace(records, vm.ref)));
  }
  return rows;
}

/**
 * Rows that differ although they should not: everything but a planned change of the coordinator.
 */
export function unplanned(acts: Acts, rows: readonly Row[]): Row[] {
  return rows.filter(
    (row) => !row.same && !(row.what === "Coordinator" && acts.handOverTo?.name === row.after),
  );
}

function coordinatorRow(acts: Acts, records: PoolRecords): Row {
  const was = nameOf(records.get("host", acts.run.before.coordinatorRef));
  const is = nameOf(records.get("host", textOf(poolOf(records)?.record, "master")));
  return { what: "Coordinator", before: was, after: is, same: was === is };
}

function haRows(
  records: PoolRecords,
  was: HaSetting,
  is: HaSetting | null,
  row: (what: string, before: string, after: string) => Row,
): Row[] {
  const srs = (setting: HaSetting | null): string =>
    listed(
      (setting?.srUuids ?? []).map((uuid) => nameOf(records.byUuid("SR", uuid)?.record)).sort(),
      20,
    );
  const timeout = (setting: HaSetting | null): string =>
    setting?.configuration["timeout"] ?? "default";
  const failures = (setting: HaSetting | null): string =>
    String(setting?.failuresToTolerate ?? "none");
  return [
    row("Heartbeat storage", srs(was), srs(is)),
    row("HA timeout in seconds", timeout(was), timeout(is)),
    row("Host failures to tolerate", failures(was), failures(is)),
  ];
}

const onOff = (setting: HaSetting | null): string => (setting === null ? "off" : "on");
const yesNo = (value: boolean): string => (value ? "yes" : "no");

function pbdNames(records: PoolRecords, what: Before): string {
  const names = what.pluggedPbds.map((ref) =>
    nameOf(records.get("SR", textOf(records.get("PBD", ref), "SR"))),
  );
  return listed(names.sort(), 50) || "none";
}

function currentPlace(records: PoolRecords, vmRef: string): string {
  const vm = records.get("VM", vmRef);
  return vm === undefined ? "gone" : placeOf(records, vm);
}

function placeOf(records: PoolRecords, vm: Readonly<Record<string, unknown>>): string {
  const state = textOf(vm, "power_state");
  const host = records.get("host", textOf(vm, "resident_on"));
  return host === undefined ? state : `${state} on ${nameOf(host)}`;
}
