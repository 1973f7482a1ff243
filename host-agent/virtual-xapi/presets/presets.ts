/** The demo pools: what their databases and machines look like on a quiet day. */
import { GENERATIONS } from "../generation.ts";
import { NULL_REF } from "../value.ts";
import { clinicGuests, clinicHosts } from "./estate-large.ts";
import { oberlandHosts, snapshotPlan, templateNames, twoGuests, twoHosts } from "./estate-two.ts";
import {
  addGuest,
  addSnapshot,
  addTemplates,
  type Estate,
  type GuestPlan,
} from "./guest-records.ts";
import { addHost, addNetworks, type BuiltHost, type HostPlan } from "./host-records.ts";
import type { PoolPreset, PresetHost, PresetName, PresetOptions } from "./preset.ts";
import { addStorage, addStorageManagers, sumUpStorage } from "./storage-records.ts";
import { createTableBuilder, type TableBuilder } from "./table-builder.ts";

interface PresetPlan {
  readonly poolName: string;
  readonly poolDescription: string;
  readonly generation: keyof typeof GENERATIONS;
  readonly hosts: readonly HostPlan[];
  readonly guestCount: number;
  readonly guests: ((options: PresetOptions) => readonly GuestPlan[]) | readonly GuestPlan[];
  readonly shared: { readonly nfs: number; readonly iscsi: number; readonly sizeGib: number };
}

const twoPlan: PresetPlan = {
  poolName: "Werk Oberland",
  poolDescription: "Produktion und Verwaltung",
  generation: "26.1",
  hosts: twoHosts,
  guestCount: twoGuests.length,
  guests: twoGuests,
  shared: { nfs: 1, iscsi: 1, sizeGib: 4_096 },
};

const plans: Readonly<Record<PresetName, PresetPlan>> = {
  two: twoPlan,
  "two-8.2": { ...twoPlan, generation: "1.249" },
  three: { ...twoPlan, hosts: oberlandHosts(3) },
  four: { ...twoPlan, hosts: oberlandHosts(4) },
  sixteen: {
    poolName: "Klinikverbund",
    poolDescription: "Zwei Rechenzentren, zwanzig Häuser",
    generation: "26.1",
    hosts: clinicHosts(16, 512),
    guestCount: 400,
    guests: ({ dice }) => clinicGuests(dice, { guests: 400, hosts: 16 }),
    shared: { nfs: 3, iscsi: 2, sizeGib: 65_536 },
  },
  large: {
    poolName: "Klinikverbund Gesamt",
    poolDescription: "Alle Häuser in einem Pool",
    generation: "26.1",
    hosts: clinicHosts(64, 1_024),
    guestCount: 5_000,
    guests: ({ dice }) => clinicGuests(dice, { guests: 5_000, hosts: 64 }),
    shared: { nfs: 8, iscsi: 6, sizeGib: 262_144 },
  },
};

export function presetSize(name: PresetName): { readonly hosts: number; readonly guests: number } {
  return { hosts: plans[name].hosts.length, guests: plans[name].guestCount };
}

/** Names of the preset's hosts, the coordinator first; their certificates are made for them. */
export function presetHostNames(name: PresetName): readonly string[] {
  return plans[name].hosts.map((host) => host.name);
}

/**
 * Builds a pool at rest. The same dice, time and places give the same pool. Throws when there are
 * not as many places as the preset has hosts.
 */
export function buildPreset(name: PresetName, options: PresetOptions): PoolPreset {
  const plan = plans[name];
  const generation = GENERATIONS[plan.generation];
  const build = createTableBuilder(generation, options.dice);
  const networks = addNetworks(build);
  const hosts = plan.hosts.map((host, index) => {
    const place = options.places[index];
    if (place === undefined) throw new Error(`preset ${name} needs ${plan.hosts.length} places`);
    return addHost(build, host, place, { networks, nowMs: options.nowMs, index });
  });
  addStorageManagers(build);
  const estate: Estate = {
    build,
    nowMs: options.nowMs,
    hosts,
    networks,
    storage: addStorage(build, hosts, plan.shared),
    appliances: new Map(),
    srUse: new Map(),
    systemDisks: new Map(),
    destroyedHost: `OpaqueRef:${options.dice.uuid()}`,
    domains: hosts.map(() => []),
    attached: hosts.map(() => []),
  };
  const guests = typeof plan.guests === "function" ? plan.guests(options) : plan.guests;
  addGuests(estate, guests);
  addTemplates(estate, templateNames);
  sumUpStorage(build, estate.srUse);
  addPool(build, plan, estate);
  writeFreeMemory(estate);
  return {
    name,
    generation,
    tables: build.tables(),
    hosts: hosts.map((host, index) => presetHost(estate, host, index)),
    danglingRefs: [estate.destroyedHost],
  };
}

function addGuests(estate: Estate, guests: readonly GuestPlan[]): void {
  for (const [number, guest] of guests.entries()) {
    const vm = addGuest(estate, guest, number);
    if (guest.name === snapshotPlan.of) addSnapshot(estate, vm, snapshotPlan.name, guest);
  }
}

function addPool(build: TableBuilder, plan: PresetPlan, estate: Estate): void {
  const storage = estate.storage.nfs[0]?.ref ?? NULL_REF;
  const cpus = plan.hosts.reduce((sum, host) => sum + host.cpuCount, 0);
  build.add("pool", {
    name_label: plan.poolName,
    name_description: plan.poolDescription,
    master: estate.hosts[0]?.ref ?? NULL_REF,
    default_SR: storage,
    suspend_image_SR: storage,
    crash_dump_SR: storage,
    ha_cluster_stack: "xhad",
    allowed_operations: ["cluster_create", "designate_new_master", "ha_enable"],
    other_config: {
      auto_poweron: "true",
      "memory-ratio-hvm": "0.25",
      "memory-ratio-pv": "0.25",
    },
    cpu_info: { cpu_count: String(cpus), socket_count: String(plan.hosts.length * 2) },
    restrictions: { restrict_pool_size: "false", enable_xha: "true" },
    tls_verification_enabled: build.generation.xapiBuildKey,
    coordinator_bias: true,
    migration_compression: false,
  });
}

function domainBytes(estate: Estate, index: number): number {
  return (estate.domains[index] ?? []).reduce((sum, domain) => sum + domain.memoryBytes, 0);
}

function writeFreeMemory(estate: Estate): void {
  for (const [index, host] of estate.hosts.entries()) {
    const metrics = estate.build.fieldOf("host", host.ref, "metrics");
    const free = host.memoryBytes - host.dom0MemoryBytes - domainBytes(estate, index);
    if (free < 0) throw new Error(`the guests of ${host.plan.name} do not fit into its memory`);
    estate.build.change("host_metrics", metrics, { memory_free: free });
  }
}

function presetHost(estate: Estate, host: BuiltHost, index: number): PresetHost {
  const { storage } = estate;
  const shared = [...storage.nfs, ...storage.iscsi, storage.isoLibrary, storage.tools];
  const own = [storage.local[index], storage.drives[index]].filter((sr) => sr !== undefined);
  return {
    ref: host.ref,
    uuid: host.uuid,
    name: host.plan.name,
    address: host.place.address,
    memoryBytes: host.memoryBytes,
    dom0MemoryBytes: host.dom0MemoryBytes,
    bootedAtMs: host.bootedAtMs,
    domains: estate.domains[index] ?? [],
    attachedDisks: estate.attached[index] ?? [],
    srUuids: [...shared, ...own].map((sr) => sr.uuid),
  };
}
