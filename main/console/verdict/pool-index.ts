import type { PoolRecords, XapiClass, XapiRecord } from "../pool-session.ts";
import {
  flagOf,
  isGuest,
  isNullRef,
  listOf,
  mapOf,
  nameOf,
  numberOf,
  poolOf,
  quoted,
  textOf,
  versionOf,
} from "./read.ts";
import { haLizardTrace, replicationTraces, type HaLizardTrace } from "./traces.ts";

export interface HostFacts {
  readonly ref: string;
  readonly uuid: string;
  readonly name: string;
  readonly record: XapiRecord;
  /** XAPI's own opinion; null when there is no metrics record */
  readonly live: boolean | null;
  readonly enabled: boolean;
  readonly inMaintenance: boolean;
  readonly version: string;
  /**
   * conservative: the smaller of what the host reports and what its guests may claim; null unknown
   */
  readonly freeBytes: number | null;
  /** references of guests that run (or are paused) there */
  readonly residents: string[];
}

export interface SrFacts {
  readonly ref: string;
  readonly uuid: string;
  readonly name: string;
  readonly type: string;
  readonly shared: boolean;
  readonly isTools: boolean;
  /** hosts with a plugged PBD */
  readonly pluggedOn: ReadonlySet<string>;
  /** hosts with a PBD that is not plugged */
  readonly unpluggedOn: ReadonlySet<string>;
}

export interface NetworkFacts {
  readonly ref: string;
  readonly uuid: string;
  readonly name: string;
  /** false: a network inside one host, without any wire */
  readonly hasPifs: boolean;
  readonly attachedOn: ReadonlySet<string>;
}

/** What a guest needs from the host it runs on. */
export interface GuestFacts {
  readonly ref: string;
  readonly uuid: string;
  readonly name: string;
  readonly record: XapiRecord;
  readonly needBytes: number;
  /** storage of its disks, and of a disc in its drive */
  readonly srs: readonly SrFacts[];
  /** discs in its drive that lie on storage of one host */
  readonly localIsos: readonly { readonly name: string; readonly sr: SrFacts }[];
  readonly networks: readonly NetworkFacts[];
  /** hardware given to it, as noun phrases */
  readonly devices: readonly string[];
  /** facts that are missing; a guest with gaps is never judged movable */
  readonly gaps: readonly string[];
}

/** Per-pool work shared by all verdicts; valid for the records it was made from, at that moment. */
export interface PoolIndex {
  readonly records: PoolRecords;
  readonly poolRef: string;
  readonly pool: XapiRecord | undefined;
  readonly hosts: ReadonlyMap<string, HostFacts>;
  readonly coordinatorRef: string;
  /** facts about the pool, its hosts and storage that are missing */
  readonly gaps: readonly string[];
  /** signs of replicated storage, as sentences */
  readonly replicationTraces: readonly string[];
  readonly haLizard: HaLizardTrace;
  /** tasks that are under way and take long */
  readonly longTasks: readonly XapiRecord[];
  readonly srs: ReadonlyMap<string, SrFacts>;
  sr(ref: string): SrFacts | undefined;
  network(ref: string): NetworkFacts | undefined;
  guest(ref: string): GuestFacts;
}

/**
 * What needs a walk over all VMs (who runs where, free memory, the gaps) is done when it is first
 * asked for: a renamed VM of 5,000 must not wait for it.
 */
export function createPoolIndex(records: PoolRecords): PoolIndex {
  const gaps: string[] = [];
  const residents = once(() => residentsByHost(records));
  const allGaps = once(() => [...gaps, ...hostGaps(found, residents())]);
  const pool = poolOf(records);
  if (pool === undefined) gaps.push("the pool's record");
  needFields(gaps, "the pool", pool?.record, poolFields);
  const coordinatorRef = textOf(pool?.record, "master");
  const hosts = indexHosts(records, residents, gaps);
  if (!hosts.has(coordinatorRef)) gaps.push("the coordinator's record");
  const srs = indexSrs(records, hosts, gaps);
  const networks = indexNetworks(records, hosts, gaps);
  const guests = new Map<string, GuestFacts>();
  const found: PoolIndex = {
    records,
    poolRef: pool?.ref ?? "",
    pool: pool?.record,
    hosts,
    coordinatorRef,
    get gaps() {
      return allGaps();
    },
    replicationTraces: replicationTraces(records),
    haLizard: haLizardTrace(records),
    longTasks: longTasks(records),
    srs,
    sr: (ref) => srs.get(ref),
    network: (ref) => networks.get(ref),
    guest(ref) {
      const known = guests.get(ref);
      if (known !== undefined) return known;
      const made = guestFacts(found, ref);
      guests.set(ref, made);
      return made;
    },
  };
  return found;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}

const longTask = new RegExp(
  ["export", "import", "migrat", "copy", "clone", "snapshot", "checkpoint", "backup", "update"]
    .concat(["patch", "evacuat", "upgrade", "coalesce"])
    .join("|"),
  "iu",
);

function longTasks(records: PoolRecords): XapiRecord[] {
  const found: XapiRecord[] = [];
  for (const [, task] of records.all("task")) {
    const status = textOf(task, "status");
    if (status !== "pending" && status !== "cancelling") continue;
    const label = `${textOf(task, "name_label")} ${textOf(task, "name_description")}`;
    if (longTask.test(label)) found.push(task);
  }
  return found;
}

type FieldKind = "flag" | "text" | "number" | "list" | "map";
type Fields = Readonly<Record<string, FieldKind>>;

const poolFields: Fields = {
  master: "text",
  ha_enabled: "flag",
  ha_statefiles: "list",
  other_config: "map",
};
const hostFields: Fields = {
  uuid: "text",
  enabled: "flag",
  metrics: "text",
  resident_VMs: "list",
  PBDs: "list",
  PIFs: "list",
  other_config: "map",
  current_operations: "map",
  software_version: "map",
};
const srFields: Fields = { shared: "flag", type: "text" };
const pbdFields: Fields = { host: "text", SR: "text", currently_attached: "flag" };
const pifFields: Fields = { host: "text", network: "text", currently_attached: "flag" };

function hasField(record: XapiRecord, field: string, kind: FieldKind): boolean {
  const value = record[field];
  if (kind === "flag") return typeof value === "boolean";
  if (kind === "text") return typeof value === "string";
  if (kind === "list") return Array.isArray(value);
  if (kind === "number") return numberOf(record, field) !== null;
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function needFields(
  gaps: string[],
  what: string,
  record: XapiRecord | undefined,
  fields: Fields,
): void {
  if (record === undefined) return;
  for (const field in fields) {
    if (!hasField(record, field, fields[field]!)) gaps.push(`${field} of ${what}`);
  }
}

const isText = (value: unknown): boolean => typeof value === "string";
const isMap = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Written out field by field: this runs for every VM at every batch of events. */
function needVmFields(gaps: string[], vm: XapiRecord): void {
  const need = (isThere: boolean, field: string): void => {
    if (!isThere) gaps.push(`${field} of VM ${quoted(vm)}`);
  };
  need(isText(vm["power_state"]), "power_state");
  need(isText(vm["ha_restart_priority"]), "ha_restart_priority");
  need(Array.isArray(vm["VBDs"]), "VBDs");
  need(Array.isArray(vm["VIFs"]), "VIFs");
  need(Array.isArray(vm["VGPUs"]), "VGPUs");
  need(Array.isArray(vm["attached_PCIs"]), "attached_PCIs");
  need(Array.isArray(vm["allowed_operations"]), "allowed_operations");
  need(isMap(vm["current_operations"]), "current_operations");
  need(isMap(vm["blocked_operations"]), "blocked_operations");
  need(isMap(vm["other_config"]), "other_config");
  need(numberOf(vm, "memory_static_max") !== null, "memory_static_max");
}

type Residents = () => ReadonlyMap<string, string[]>;

function indexHosts(
  records: PoolRecords,
  residents: Residents,
  gaps: string[],
): Map<string, HostFacts> {
  const hosts = new Map<string, HostFacts>();
  for (const [ref, record] of records.all("host")) {
    needFields(gaps, `host ${quoted(record)}`, record, hostFields);
    const metrics = records.get("host_metrics", textOf(record, "metrics"));
    if (typeof metrics?.["live"] !== "boolean") gaps.push(`whether ${quoted(record)} is live`);
    const there = (): string[] => residents().get(ref) ?? [];
    const freeBytes = once(() =>
      freeMemory(records, { host: record, metrics, residents: there() }),
    );
    hosts.set(ref, {
      ref,
      uuid: textOf(record, "uuid"),
      name: nameOf(record),
      record,
      live: typeof metrics?.["live"] === "boolean" ? metrics["live"] : null,
      enabled: flagOf(record, "enabled"),
      inMaintenance: mapOf(record, "other_config")["MAINTENANCE_MODE"] === "true",
      version: versionOf(record),
      get freeBytes() {
        return freeBytes();
      },
      get residents() {
        return there();
      },
    });
  }
  return hosts;
}

/** Facts of hosts that are missing, as far as only a walk over the VMs shows them. */
function hostGaps(
  { records, hosts }: PoolIndex,
  residents: ReadonlyMap<string, readonly string[]>,
): string[] {
  const gaps: string[] = [];
  for (const host of hosts.values()) {
    needRelations(records, host.record, gaps);
    if (host.freeBytes === null) gaps.push(`free memory of ${quoted(host.record)}`);
  }
  for (const host of residents.keys()) {
    if (!hosts.has(host)) gaps.push("the record of a host that VMs run on");
  }
  return gaps;
}

function residentsByHost(records: PoolRecords): Map<string, string[]> {
  const residents = new Map<string, string[]>();
  for (const [ref, vm] of records.all("VM")) {
    const host = textOf(vm, "resident_on");
    if (isNullRef(host) || !isGuest(vm)) continue;
    const there = residents.get(host);
    if (there === undefined) residents.set(host, [ref]);
    else there.push(ref);
  }
  return residents;
}

/** What a host says it has must have a record, or it is not known to be without trouble. */
function needRelations(records: PoolRecords, host: XapiRecord, gaps: string[]): void {
  const isMissing = (className: XapiClass, field: string): boolean =>
    listOf(host, field).some((ref) => records.get(className, ref) === undefined);
  if (isMissing("VM", "resident_VMs")) gaps.push(`a VM that runs on ${quoted(host)}`);
  if (isMissing("PBD", "PBDs")) gaps.push(`a storage connection of ${quoted(host)}`);
  if (isMissing("PIF", "PIFs")) gaps.push(`a network interface of ${quoted(host)}`);
}

interface MemoryFacts {
  readonly host: XapiRecord;
  readonly metrics: XapiRecord | undefined;
  readonly residents: readonly string[];
}

function freeMemory(records: PoolRecords, facts: MemoryFacts): number | null {
  const reported = numberOf(facts.metrics, "memory_free");
  const total = numberOf(facts.metrics, "memory_total");
  if (total === null || total <= 0) return reported;
  let claimed = numberOf(facts.host, "memory_overhead") ?? 0;
  const control = records.get("VM", textOf(facts.host, "control_domain"));
  claimed += numberOf(control, "memory_target") ?? 0;
  for (const ref of facts.residents) claimed += memoryInUse(records, ref);
  const computed = Math.max(0, total - claimed);
  return reported === null ? computed : Math.min(reported, computed);
}

/** What a running guest holds now; its static maximum where nothing was measured. */
function memoryInUse(records: PoolRecords, vmRef: string): number {
  const vm = records.get("VM", vmRef);
  const measured = numberOf(records.get("VM_metrics", textOf(vm, "metrics")), "memory_actual");
  if (measured !== null && measured > 0) return measured + (numberOf(vm, "memory_overhead") ?? 0);
  return memoryNeed(vm);
}

function memoryNeed(vm: XapiRecord | undefined): number {
  return (numberOf(vm, "memory_static_max") ?? 0) + (numberOf(vm, "memory_overhead") ?? 0);
}

type Hosts = ReadonlyMap<string, HostFacts>;

function indexSrs(records: PoolRecords, hosts: Hosts, gaps: string[]): Map<string, SrFacts> {
  const plugged = new Map<string, Set<string>>();
  const unplugged = new Map<string, Set<string>>();
  for (const [, pbd] of records.all("PBD")) {
    needFields(gaps, "a storage connection (PBD)", pbd, pbdFields);
    const host = textOf(pbd, "host");
    if (!hosts.has(host)) gaps.push("the record of a host with storage connections");
    if (records.get("SR", textOf(pbd, "SR")) === undefined) gaps.push("the record of a storage");
    const side = flagOf(pbd, "currently_attached") ? plugged : unplugged;
    addTo(side, textOf(pbd, "SR"), host);
  }
  const srs = new Map<string, SrFacts>();
  for (const [ref, record] of records.all("SR")) {
    needFields(gaps, `storage ${quoted(record)}`, record, srFields);
    srs.set(ref, {
      ref,
      uuid: textOf(record, "uuid"),
      name: nameOf(record),
      type: textOf(record, "type"),
      shared: flagOf(record, "shared"),
      isTools: flagOf(record, "is_tools_sr"),
      pluggedOn: plugged.get(ref) ?? new Set(),
      unpluggedOn: unplugged.get(ref) ?? new Set(),
    });
  }
  return srs;
}

function indexNetworks(
  records: PoolRecords,
  hosts: Hosts,
  gaps: string[],
): Map<string, NetworkFacts> {
  const attached = new Map<string, Set<string>>();
  const wired = new Set<string>();
  for (const [, pif] of records.all("PIF")) {
    needFields(gaps, "a network interface (PIF)", pif, pifFields);
    const network = textOf(pif, "network");
    wired.add(network);
    if (!hosts.has(textOf(pif, "host"))) gaps.push("the record of a host with network interfaces");
    if (flagOf(pif, "currently_attached")) addTo(attached, network, textOf(pif, "host"));
  }
  const networks = new Map<string, NetworkFacts>();
  for (const [ref, record] of records.all("network")) {
    networks.set(ref, {
      ref,
      uuid: textOf(record, "uuid"),
      name: nameOf(record),
      hasPifs: wired.has(ref),
      attachedOn: attached.get(ref) ?? new Set(),
    });
  }
  return networks;
}

function addTo(map: Map<string, Set<string>>, key: string, value: string): void {
  const there = map.get(key);
  if (there === undefined) map.set(key, new Set([value]));
  else there.add(value);
}

function guestFacts(index: PoolIndex, ref: string): GuestFacts {
  const { records } = index;
  const record = records.get("VM", ref) ?? {};
  const gaps: string[] = [];
  needVmFields(gaps, record);
  const disks = diskFacts(index, record, gaps);
  const networks: NetworkFacts[] = [];
  for (const vif of listOf(record, "VIFs")) {
    const network = index.network(textOf(records.get("VIF", vif), "network"));
    if (network === undefined) gaps.push(`a network card of VM ${quoted(record)}`);
    else if (!networks.includes(network)) networks.push(network);
  }
  return {
    ref,
    uuid: textOf(record, "uuid"),
    name: nameOf(record),
    record,
    needBytes: memoryNeed(record),
    srs: disks.srs,
    localIsos: disks.localIsos,
    networks,
    devices: deviceNames(records, record),
    gaps,
  };
}

function diskFacts(
  index: PoolIndex,
  vm: XapiRecord,
  gaps: string[],
): Pick<GuestFacts, "srs" | "localIsos"> {
  const srs: SrFacts[] = [];
  const localIsos: { name: string; sr: SrFacts }[] = [];
  for (const ref of listOf(vm, "VBDs")) {
    const vbd = index.records.get("VBD", ref);
    if (vbd === undefined) {
      gaps.push(`a disk of VM ${quoted(vm)}`);
      continue;
    }
    if (flagOf(vbd, "empty")) continue;
    const vdi = index.records.get("VDI", textOf(vbd, "VDI"));
    const sr = index.srs.get(textOf(vdi, "SR"));
    if (vdi === undefined || sr === undefined) {
      gaps.push(`a disk of VM ${quoted(vm)}`);
      continue;
    }
    const isDisc = textOf(vbd, "type") === "CD";
    if (isDisc && (sr.isTools || flagOf(vdi, "is_tools_iso"))) continue;
    if (isDisc && !sr.shared) localIsos.push({ name: nameOf(vdi), sr });
    else if (!srs.includes(sr)) srs.push(sr);
  }
  return { srs, localIsos };
}

function deviceNames(records: PoolRecords, vm: XapiRecord): string[] {
  const names: string[] = [];
  for (const ref of listOf(vm, "attached_PCIs")) {
    const pci = records.get("PCI", ref);
    const name = textOf(pci, "device_name") || textOf(pci, "pci_id") || "unknown";
    names.push(`passthrough device “${name}”`);
  }
  const configured = mapOf(vm, "other_config")["pci"];
  if (names.length === 0 && configured !== undefined && configured !== "") {
    names.push(`passthrough device at ${configured}`);
  }
  if (listOf(vm, "VGPUs").length > 0) names.push("a virtual GPU");
  if (listOf(vm, "VUSBs").length > 0) names.push("a passed-through USB device");
  return names;
}
