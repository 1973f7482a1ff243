/**
 * Memory accounting of hosts and VMs, in bytes; planning counts what VMs may claim, not what they
 * use.
 */
import type { DbAccess } from "../call.ts";

const MIB = 1024 * 1024;
const XEN_OVERHEAD_MIB = 1;
const HVM_EXTRA_MIB = 6;
const PVH_EXTRA_MIB = 4;

/**
 * Shadow memory of a guest with hardware virtualisation: a page table share per MiB and per vCPU.
 */
function shadowMib(staticMaxMib: number, vcpus: number, multiplier: number): number {
  const perVcpuMib = 1;
  return Math.ceil((perVcpuMib * vcpus + staticMaxMib / 128 + 1) * multiplier);
}

/** What the hypervisor needs for a VM beside its memory. */
export function overheadBytes(db: DbAccess, vm: string): number {
  const staticMaxMib = Math.ceil(db.num("VM", vm, "memory_static_max") / MIB);
  const vcpus = db.num("VM", vm, "VCPUs_max");
  const multiplier = db.num("VM", vm, "HVM_shadow_multiplier") || 1;
  switch (db.str("VM", vm, "domain_type")) {
    case "pv":
      return XEN_OVERHEAD_MIB * MIB;
    case "pv_in_pvh":
    case "pvh":
      return (PVH_EXTRA_MIB + shadowMib(staticMaxMib, vcpus, multiplier)) * MIB;
    default:
      return (HVM_EXTRA_MIB + shadowMib(staticMaxMib, vcpus, multiplier)) * MIB;
  }
}

/**
 * The memory a VM is counted with: its smallest dynamic size where it may shrink, else the largest.
 */
export function startMemoryBytes(db: DbAccess, vm: string): number {
  const least = db.num("VM", vm, "memory_dynamic_min");
  const most = db.num("VM", vm, "memory_static_max");
  const fixed = db.str("VM", vm, "domain_type") === "pv_in_pvh";
  return (fixed || least === 0 ? most : least) + overheadBytes(db, vm);
}

/** Conservative size for failover planning. */
export function planMemoryBytes(db: DbAccess, vm: string): number {
  return db.num("VM", vm, "memory_static_max") + overheadBytes(db, vm);
}

function usedBytes(db: DbAccess, vm: string, policy: "least" | "most"): number {
  const least = db.num("VM", vm, "memory_dynamic_min");
  const most = db.num("VM", vm, "memory_static_max");
  const memory = policy === "least" && least > 0 ? least : most;
  return memory + db.num("VM", vm, "memory_overhead");
}

/** Memory of a host that guests (the control domain among them) may hold at all. */
export function hostCapacityBytes(db: DbAccess, host: string): number {
  const metrics = db.find("host_metrics", db.str("host", host, "metrics"));
  const total = Number(metrics?.["memory_total"] ?? 0);
  return total - db.num("host", host, "memory_overhead");
}

/**
 * Memory left for one more VM, from the database: residents and VMs on their way count, `ignoredVm`
 * (the one about to come) does not.
 */
export function freeMemoryBytes(
  db: DbAccess,
  host: string,
  options: FreeMemoryOptions = {},
): number {
  return freeMemoryByHost(db, [host], options).get(host) ?? 0;
}

interface FreeMemoryOptions {
  readonly ignoredVm?: string;
  readonly policy?: "least" | "most";
}

/** The same for several hosts in one pass over the VMs. */
export function freeMemoryByHost(
  db: DbAccess,
  hosts: readonly string[],
  options: FreeMemoryOptions = {},
): Map<string, number> {
  const policy = options.policy ?? "least";
  const free = new Map(hosts.map((host) => [host, hostCapacityBytes(db, host)]));
  for (const vm of db.refs("VM")) {
    const homes = new Set([db.str("VM", vm, "resident_on")]);
    if (vm !== options.ignoredVm) {
      homes.add(db.str("VM", vm, "scheduled_to_be_resident_on"));
    }
    for (const home of homes) {
      const left = free.get(home);
      if (left !== undefined) {
        free.set(home, left - usedBytes(db, vm, policy));
      }
    }
  }
  for (const [host, left] of free) {
    free.set(host, Math.max(0, left));
  }
  return free;
}
