/** Whether protected VMs find a place after host failures: what native HA promises and defends. */
import type { CallContext } from "../call.ts";
import { agilityError } from "./agility.ts";
import { freeMemoryByHost, planMemoryBytes } from "./memory.ts";
import { combinations, countCombinations, fits, packGreedily, type Item } from "./packing.ts";
import { isLive } from "./placement.ts";
import { failureOf, isHaOn, isNull, isProtected, type Scene } from "./scene.ts";

/** Above this many failure patterns the planner assumes the worst instead of trying them all. */
const PATTERN_LIMIT = 3_500;

export interface PlanChange {
  readonly disabledHosts?: readonly string[];
  readonly newlyProtected?: readonly string[];
  readonly arriving?: { readonly vm: string; readonly host: string };
  /** Failures to plan for instead of the current number. */
  readonly failures?: number;
}

interface Layout {
  readonly room: Map<string, number>;
  /** Agile protected VMs by the host they run on. */
  readonly load: Map<string, Item[]>;
  /** Protected VMs that found no place even now. */
  readonly homeless: number;
  readonly pinned: number;
}

export function protectedVms(scene: Scene): readonly string[] {
  return scene.db.refs("VM").filter((vm) => isProtected(scene.db, vm));
}

function usableHosts(scene: Scene, change: PlanChange): readonly string[] {
  const { db } = scene;
  return db
    .refs("host")
    .filter((host) => isLive(db, host) && db.bool("host", host, "enabled"))
    .filter((host) => change.disabledHosts?.includes(host) !== true);
}

function layOut(scene: Scene, vms: readonly string[], change: PlanChange): Layout {
  const { db } = scene;
  const hosts = usableHosts(scene, change);
  const room = freeMemoryByHost(db, hosts, { policy: "most" });
  const load = new Map<string, Item[]>(hosts.map((host) => [host, []]));
  const waiting: Item[] = [];
  let pinned = 0;
  for (const vm of vms) {
    const item = { id: vm, bytes: planMemoryBytes(db, vm) };
    const home = db.str("VM", vm, "resident_on");
    if (agilityError(db, vm) !== null) {
      pinned += 1;
    } else if (load.has(home)) {
      load.get(home)?.push(item);
    } else {
      waiting.push(item);
    }
  }
  const arriving = change.arriving;
  if (arriving !== undefined && isNull(db.str("VM", arriving.vm, "resident_on"))) {
    const left = room.get(arriving.host) ?? 0;
    room.set(arriving.host, left - planMemoryBytes(db, arriving.vm));
  }
  const placed = packGreedily(waiting, room);
  for (const item of waiting) {
    const host = placed.get(item.id);
    if (host !== undefined) {
      load.get(host)?.push(item);
      room.set(host, (room.get(host) ?? 0) - item.bytes);
    }
  }
  return { room, load, homeless: waiting.length - placed.size, pinned };
}

function survives(layout: Layout, failed: readonly string[]): boolean {
  const homeless = failed.flatMap((host) => layout.load.get(host) ?? []);
  const room = new Map([...layout.room].filter(([host]) => !failed.includes(host)));
  return fits(homeless, room);
}

/** The most loaded hosts fail, and the roomiest ones do not help. */
function survivesWorst(layout: Layout, failures: number): boolean {
  const bytes = (items: readonly Item[]): number =>
    items.reduce((sum, item) => sum + item.bytes, 0);
  const byLoad = [...layout.load].toSorted((one, other) => bytes(other[1]) - bytes(one[1]));
  const homeless = byLoad.slice(0, failures).flatMap(([, items]) => items);
  const room = [...layout.room].toSorted((one, other) => other[1] - one[1]).slice(failures);
  return fits(homeless, new Map(room));
}

/** Whether all of `vms` keep running through any `failures` host failures. */
export function planExists(
  scene: Scene,
  failures: number,
  vms: readonly string[],
  change: PlanChange = {},
): boolean {
  const all = [...new Set([...vms, ...(change.newlyProtected ?? [])])];
  return holds(layOut(scene, all, change), failures);
}

/** Whether a layout stands any failures of that number. */
function holds(layout: Layout, failures: number): boolean {
  const hosts = [...layout.room.keys()];
  if (layout.homeless > 0 || layout.pinned > 0) {
    return false;
  }
  if (failures >= hosts.length) {
    return [...layout.load.values()].every((items) => items.length === 0);
  }
  const patterns = countCombinations(hosts.length, failures, PATTERN_LIMIT);
  if (patterns >= PATTERN_LIMIT) {
    return survivesWorst(layout, failures);
  }
  for (const failed of combinations(hosts, failures)) {
    if (!survives(layout, failed)) {
      return false;
    }
  }
  return true;
}

/** The largest number of failures with a plan, 0 when there is none at all. */
export function maxFailures(scene: Scene, vms: readonly string[] = protectedVms(scene)): number {
  const layout = layOut(scene, vms, {});
  let low = 0;
  let high = scene.db.count("host");
  if (holds(layout, high)) {
    return high;
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (holds(layout, middle)) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

/**
 * Refuses a change that takes away a plan which exists now. Nothing is refused while HA is off,
 * while overcommitment is allowed, or when there is no plan anyway. Throws
 * `HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN []`.
 */
export function assertChangeKeepsPlan(scene: Scene, change: PlanChange): void {
  const { db, poolRef } = scene;
  if (!isHaOn(scene) || db.bool("pool", poolRef, "ha_allow_overcommit")) {
    return;
  }
  const vms = protectedVms(scene);
  const failures = db.num("pool", poolRef, "ha_plan_exists_for");
  if (!planExists(scene, failures, vms)) {
    return;
  }
  if (!planExists(scene, change.failures ?? failures, vms, change)) {
    throw failureOf(["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"]);
  }
}

export function assertHostDisableKeepsPlan(scene: Scene, host: string): void {
  assertChangeKeepsPlan(scene, { disabledHosts: [host] });
}

export function assertPlacementKeepsPlan(
  scene: Scene,
  arriving: { readonly vm: string; readonly host: string },
): void {
  assertChangeKeepsPlan(scene, { arriving });
}

/** Agility errors first: a VM tied to one host can never be promised a restart. */
export function assertNewVmKeepsPlan(scene: Scene, vm: string): void {
  if (!isHaOn(scene)) {
    return;
  }
  const error = agilityError(scene.db, vm);
  if (error !== null) {
    throw failureOf(error);
  }
  assertChangeKeepsPlan(scene, { newlyProtected: [vm] });
}

/**
 * Keeps `ha_plan_exists_for` and `ha_overcommitted` true to the pool, and alerts on the way down.
 */
export function refreshHaPlan(ctx: CallContext): void {
  const { db, poolRef } = ctx;
  const wanted = db.num("pool", poolRef, "ha_host_failures_to_tolerate");
  const plannedFor = db.num("pool", poolRef, "ha_plan_exists_for");
  const wasOvercommitted = db.bool("pool", poolRef, "ha_overcommitted");
  if (planExists(ctx, wanted, protectedVms(ctx))) {
    db.update("pool", poolRef, { ha_overcommitted: false, ha_plan_exists_for: wanted });
    return;
  }
  const possible = Math.min(wanted, maxFailures(ctx));
  db.update("pool", poolRef, { ha_overcommitted: true, ha_plan_exists_for: possible });
  const objUuid = db.str("pool", poolRef, "uuid");
  if (possible < plannedFor) {
    const body = String(possible);
    ctx.alert({ name: "HA_POOL_DROP_IN_PLAN_EXISTS_FOR", priority: 1, cls: "Pool", objUuid, body });
  }
  if (!wasOvercommitted) {
    const name = db.str("pool", poolRef, "name_label");
    const body = `Pool '${name}' no longer tolerates the ${wanted} host failures it was set to`;
    ctx.alert({ name: "HA_POOL_OVERCOMMITTED", priority: 2, cls: "Pool", objUuid, body });
  }
}
