/** What the coordinator does with the live set: liveness, fenced hosts, restarts, and the plan. */
import type { CallContext, HostContext, NodeService } from "../call.ts";
import { XapiFailure } from "../call.ts";
import { dumpDatabase } from "../database/dump.ts";
import { Database } from "../database/database.ts";
import { StorageUnreachable } from "../ports.ts";
import { orderGroups } from "./appliances.ts";
import { daemonOf, type HaDaemon } from "./ha-daemon.ts";
import { protectedVms, refreshHaPlan } from "./ha-planner.ts";
import { runPostHook, runPreHook } from "./host-lifecycle.ts";
import { refreshHost } from "./host-rules.ts";
import { isHaOn, isLivePowerState, nameOf, residentGuests, uuidOf } from "./scene.ts";
import { markHalted } from "./vm-state.ts";

const BEST_EFFORT_TRIES = 2;
const REPLAN_MS = 1_800_000;
const MS_PER_S = 1_000;

interface MonitorState {
  /** VMs of fenced hosts that deserve a try, with the tries left. */
  readonly bestEffort: Map<string, number>;
  readonly lastAttemptMs: Map<string, number>;
  readonly told: Set<string>;
  readonly handled: Set<string>;
  plannedAtMs: number;
  plannedGeneration: number;
}

/** Until when restarts are held back, by daemon. */
const heldUntilMs = new WeakMap<HaDaemon, number>();

export function holdRestarts(daemon: HaDaemon, untilMs: number): void {
  heldUntilMs.set(daemon, untilMs);
}

function alertAbout(
  ctx: CallContext,
  about: { readonly cls: "Host" | "VM"; readonly ref: string },
  name: string,
  body: string,
): void {
  const table = about.cls === "Host" ? "host" : "VM";
  const objUuid = uuidOf(ctx.db, table, about.ref);
  ctx.alert({ name, priority: about.cls === "Host" ? 1 : 2, cls: about.cls, objUuid, body });
}

/** Hooks, records, locks: after this the guests of the host may start elsewhere. */
async function buryHost(ctx: CallContext, state: MonitorState, host: string): Promise<void> {
  await runPreHook(ctx, host, "fenced");
  ctx.liveness.set(host, false);
  ctx.db.update("host", host, { enabled: false });
  refreshHost(ctx, host);
  for (const vm of residentGuests(ctx.db, host)) {
    const wasLive = isLivePowerState(ctx.db.str("VM", vm, "power_state"));
    if (wasLive && ctx.db.str("VM", vm, "ha_restart_priority") === "best-effort") {
      state.bestEffort.set(vm, BEST_EFFORT_TRIES);
    }
    markHalted(ctx, vm);
  }
  await runPostHook(ctx, host, "fenced");
  const name = nameOf(ctx.db, "host", host);
  alertAbout(ctx, { cls: "Host", ref: host }, "HA_HOST_FAILED", `Server '${name}' has failed`);
  state.plannedGeneration = -1;
}

async function followLiveset(
  ctx: CallContext,
  daemon: HaDaemon,
  state: MonitorState,
): Promise<void> {
  const { db } = ctx;
  for (const host of db.refs("host")) {
    const uuid = db.str("host", host, "uuid");
    const standing = daemon.stateOf(uuid);
    if (standing === "live") {
      state.handled.delete(host);
      ctx.liveness.set(host, true);
    } else if (standing === "excluded") {
      ctx.liveness.set(host, false);
    } else if (standing === "failed" && !state.handled.has(host)) {
      await buryHost(ctx, state, host);
      state.handled.add(host);
    }
    recordSight(ctx, daemon, host);
  }
}

function recordSight(ctx: CallContext, daemon: HaDaemon, host: string): void {
  const { db } = ctx;
  const uuid = db.str("host", host, "uuid");
  const statefiles = daemon.peerSeesStatefile(uuid)
    ? db.set("pool", ctx.poolRef, "ha_statefiles")
    : [];
  db.update("host", host, {
    ha_statefiles: [...statefiles],
    ha_network_peers: [...daemon.seenBy(uuid)],
  });
}

function mayTry(ctx: CallContext, state: MonitorState, vm: string): boolean {
  const last = state.lastAttemptMs.get(vm);
  const nowMs = ctx.ports.clock.nowMs();
  return last === undefined || nowMs - last >= ctx.timing.haRestartRetryMs;
}

async function tryStart(ctx: CallContext, state: MonitorState, vm: string): Promise<boolean> {
  state.lastAttemptMs.set(vm, ctx.ports.clock.nowMs());
  try {
    await ctx.call("VM.start", [vm, false, true]);
    state.lastAttemptMs.delete(vm);
    state.told.delete(vm);
    return true;
  } catch (cause) {
    if (!(cause instanceof XapiFailure)) {
      throw cause;
    }
    if (!state.told.has(vm)) {
      state.told.add(vm);
      const body = `VM '${nameOf(ctx.db, "VM", vm)}' could not be restarted: ${cause.code}`;
      alertAbout(ctx, { cls: "VM", ref: vm }, "HA_PROTECTED_VM_RESTART_FAILED", body);
    }
    return false;
  }
}

function isWaiting(ctx: CallContext, vm: string): boolean {
  return (
    ctx.db.has("VM", vm) &&
    ctx.db.str("VM", vm, "power_state") === "Halted" &&
    Object.keys(ctx.db.map("VM", vm, "current_operations")).length === 0
  );
}

/** Protected VMs in groups by order, negative orders last; then each best-effort VM by itself. */
async function restartVms(ctx: CallContext, state: MonitorState): Promise<void> {
  const waiting = protectedVms(ctx).filter((vm) => isWaiting(ctx, vm) && mayTry(ctx, state, vm));
  const groups = orderGroups(ctx, waiting);
  const order = (group: readonly string[]): number => ctx.db.num("VM", group[0] ?? "", "order");
  const early = groups.filter((group) => order(group) >= 0);
  const late = groups.filter((group) => order(group) < 0);
  for (const group of early.concat(late)) {
    await Promise.all(group.map((vm) => tryStart(ctx, state, vm)));
  }
  if (protectedVms(ctx).some((vm) => isWaiting(ctx, vm) && mayTry(ctx, state, vm))) {
    return;
  }
  for (const [vm, tries] of state.bestEffort) {
    if (!isWaiting(ctx, vm)) {
      state.bestEffort.delete(vm);
    } else if (mayTry(ctx, state, vm)) {
      const started = await tryStart(ctx, state, vm);
      if (started || tries <= 1) {
        state.bestEffort.delete(vm);
      } else {
        state.bestEffort.set(vm, tries - 1);
      }
    }
  }
}

function replan(ctx: CallContext, state: MonitorState): void {
  const nowMs = ctx.ports.clock.nowMs();
  const isStale = nowMs - state.plannedAtMs >= REPLAN_MS;
  if (ctx.db.generation !== state.plannedGeneration || isStale) {
    refreshHaPlan(ctx);
    state.plannedAtMs = nowMs;
    state.plannedGeneration = ctx.db.generation;
  }
}

async function pass(ctx: CallContext, daemon: HaDaemon, state: MonitorState): Promise<void> {
  const isOn = isHaOn(ctx);
  ctx.liveness.setNativeHa(isOn && daemon.isActive);
  if (!isOn || !daemon.isActive || !daemon.hasJoined) {
    return;
  }
  await followLiveset(ctx, daemon, state);
  const heldUntil = heldUntilMs.get(daemon) ?? 0;
  if (ctx.ports.clock.nowMs() >= heldUntil) {
    await restartVms(ctx, state);
  }
  replan(ctx, state);
}

async function guarded(host: HostContext, what: string, work: () => Promise<void> | void) {
  try {
    await work();
  } catch (cause) {
    if (host.stopping.cancelled) {
      return;
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    host.ports.log.write({ level: "error", message: `${what}: ${reason}` });
  }
}

const monitor: NodeService = {
  name: "HA monitor",
  runsOn: "coordinator",
  async run(host, coordinator) {
    const daemon = daemonOf(host);
    const state: MonitorState = {
      bestEffort: new Map(),
      lastAttemptMs: new Map(),
      told: new Set(),
      handled: new Set(),
      plannedAtMs: 0,
      plannedGeneration: -1,
    };
    while (!host.stopping.cancelled && coordinator !== null) {
      await host.ports.clock.sleep(host.timing.haMonitorMs, host.stopping);
      await guarded(host, "HA monitor", () => pass(coordinator(), daemon, state));
    }
  },
};

/** Beats while HA is armed on this host. */
const beating: NodeService = {
  name: "HA daemon",
  runsOn: "every-host",
  async run(host) {
    const daemon = daemonOf(host);
    while (!host.stopping.cancelled) {
      await guarded(host, "HA daemon", () => daemon.beat());
      await host.ports.clock.sleep(host.timing.haHeartbeatMs, host.stopping);
    }
  },
};

function writeRedoLog(ctx: CallContext, daemon: HaDaemon): void {
  const { statefile } = daemon;
  if (!isHaOn(ctx) || statefile === null || !(ctx.db instanceof Database)) {
    return;
  }
  try {
    const text = dumpDatabase(ctx.db);
    ctx.ports.storage.writeStatefile(statefile.srUuid, statefile.redoLogUuid, "database", text);
  } catch (cause) {
    if (!(cause instanceof StorageUnreachable)) {
      throw cause;
    }
  }
}

/** Keeps the database on shared storage current, for whoever must take over. */
const redoLog: NodeService = {
  name: "redo log",
  runsOn: "coordinator",
  async run(host, coordinator) {
    const daemon = daemonOf(host);
    while (!host.stopping.cancelled && coordinator !== null) {
      await guarded(host, "redo log", () => writeRedoLog(coordinator(), daemon));
      await coordinator().db.changed(host.stopping);
      await host.ports.clock.sleep(MS_PER_S, host.stopping);
    }
  },
};

export const haServices: readonly NodeService[] = [beating, monitor, redoLog];
