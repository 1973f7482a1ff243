/** Native HA: on, off, tolerance and plans. */
import type {
  CallContext,
  CallHandler,
  CallModule,
  CoordinatorOp,
  HostOp,
  LocalCall,
} from "../call.ts";
import { NULL_REF, VOID, XapiFailure, type XapiValue } from "../call.ts";
import { StorageUnreachable } from "../ports.ts";
import { agilityError } from "./agility.ts";
import { daemonOf, type HaPeer, type HaStatefile } from "./ha-daemon.ts";
import { haServices, holdRestarts } from "./ha-monitor.ts";
import {
  assertChangeKeepsPlan,
  assertHostDisableKeepsPlan,
  maxFailures,
  planExists,
  protectedVms,
  refreshHaPlan,
} from "./ha-planner.ts";
import { freeMemoryByHost, planMemoryBytes } from "./memory.ts";
import { withPoolOperation } from "./operations.ts";
import { packGreedily } from "./packing.ts";
import { isLive } from "./placement.ts";
import { existing, failureOf, isHaOn, uuidOf } from "./scene.ts";
import { redoLogBytes, reusableVdi, STATEFILE_BYTES, statefileError } from "./storage.ts";

const MS_PER_S = 1_000;
const LEAST_TIMEOUT_S = 10;
const JOIN_BEATS = 2;
const CALLS_PER_HOST = 3;

function assertLicensed(ctx: CallContext): void {
  const unlicensed = ctx.db
    .refs("host")
    .map((host) => ctx.db.map("host", host, "license_params")["enable_xha"])
    .some((value) => value !== undefined && value !== "true");
  if (unlicensed) {
    throw new XapiFailure("LICENCE_RESTRICTION", "HA");
  }
}

function assertNetworksPlugged(ctx: CallContext): void {
  const unplugged = ctx.db
    .refs("PIF")
    .filter((pif) => ctx.db.bool("PIF", pif, "disallow_unplug"))
    .filter((pif) => !ctx.db.bool("PIF", pif, "currently_attached"));
  if (unplugged.length > 0) {
    throw new XapiFailure("REQUIRED_PIF_IS_UNPLUGGED", ...unplugged);
  }
}

function assertAllLive(ctx: CallContext): void {
  const offline = ctx.db.refs("host").find((host) => !isLive(ctx.db, host));
  if (offline !== undefined) {
    throw new XapiFailure("HOST_OFFLINE", offline);
  }
}

function baseTimeoutS(ctx: CallContext, configuration: Readonly<Record<string, string>>): number {
  const text =
    configuration["timeout"] ??
    ctx.db.map("pool", ctx.poolRef, "other_config")["default_ha_timeout"];
  const seconds = text === undefined ? ctx.timing.haTimeoutMs / MS_PER_S : Number(text);
  // A demo with fast clocks may set a smaller default than a client may ask for.
  if (Number.isNaN(seconds) || (text !== undefined && seconds < LEAST_TIMEOUT_S)) {
    throw new XapiFailure("INVALID_VALUE", "timeout", String(text));
  }
  return seconds;
}

/** The first SR is used; an empty list means any that fits. */
function chooseSr(ctx: CallContext, wanted: readonly string[]): string {
  const first = wanted[0];
  if (first === undefined) {
    const fitting = ctx.db.refs("SR").find((sr) => statefileError(ctx, sr) === null);
    if (fitting === undefined) {
      throw new XapiFailure("CANNOT_CREATE_STATE_FILE");
    }
    return fitting;
  }
  ctx.db.get("SR", first);
  const error = statefileError(ctx, first);
  if (error !== null) {
    throw failureOf(error);
  }
  return first;
}

function findOrCreate(
  ctx: CallContext,
  sr: string,
  need: { readonly type: string; readonly bytes: number; readonly label: string },
): string {
  const found = reusableVdi(ctx, sr, need);
  if (found !== null) {
    return found;
  }
  const { db } = ctx;
  const used = db.num("SR", sr, "physical_utilisation");
  const vdi = db.create("VDI", {
    name_label: need.label,
    name_description: need.label,
    SR: sr,
    type: need.type,
    virtual_size: need.bytes,
    physical_utilisation: need.bytes,
    sharable: true,
    managed: true,
    sm_config: { type: "raw" },
  });
  db.update("SR", sr, { physical_utilisation: used + need.bytes });
  return vdi;
}

function peersOf(ctx: CallContext): readonly HaPeer[] {
  return ctx.db.refs("host").map((host) => ({
    uuid: ctx.db.str("host", host, "uuid"),
    address: ctx.db.str("host", host, "address"),
  }));
}

async function onEveryHost(
  ctx: CallContext,
  count: () => void,
  work: (host: string) => Promise<unknown>,
): Promise<void> {
  const outcomes = await Promise.allSettled(
    ctx.db.refs("host").map(async (host) => {
      await work(host);
      count();
    }),
  );
  const rejected = outcomes.find((outcome) => outcome.status === "rejected");
  if (rejected?.status === "rejected") {
    throw rejected.reason;
  }
}

async function formLiveset(
  ctx: CallContext,
  statefile: HaStatefile,
  timeoutS: number,
): Promise<void> {
  const total = ctx.db.count("host") * CALLS_PER_HOST;
  let done = 0;
  const count = (): void => {
    done += 1;
    ctx.task.progress(done / total);
  };
  const setup: readonly XapiValue[] = [
    peersOf(ctx).map((peer) => ({ ...peer })),
    { ...statefile },
    timeoutS,
  ];
  const options = { timeoutMs: ctx.timing.connectMs };
  await onEveryHost(ctx, count, (host) =>
    ctx.onHost(host, "ha.preconfigure", [...setup, host], options),
  );
  await onEveryHost(ctx, count, (host) => ctx.onHost(host, "ha.join", [], options));
  await ctx.ports.clock.sleep(JOIN_BEATS * ctx.timing.haHeartbeatMs, ctx.stopping);
}

function joinFailure(cause: unknown): unknown {
  const unreachable = ["CANNOT_CONTACT_HOST", "INTERNAL_ERROR"];
  return cause instanceof XapiFailure && unreachable.includes(cause.code)
    ? new XapiFailure("HA_FAILED_TO_FORM_LIVESET")
    : cause;
}

const enableHa: CallHandler = async (ctx, args) => {
  const wanted = Array.isArray(args[0]) ? args[0].map(String) : [];
  const configuration = (args[1] ?? {}) as Readonly<Record<string, string>>;
  const { db, poolRef } = ctx;
  if ("rolling_upgrade_in_progress" in db.map("pool", poolRef, "other_config")) {
    throw new XapiFailure("NOT_SUPPORTED_DURING_UPGRADE");
  }
  await withPoolOperation(ctx, "ha_enable", async () => {
    assertLicensed(ctx);
    assertNetworksPlugged(ctx);
    assertAllLive(ctx);
    const timeoutS = baseTimeoutS(ctx, configuration);
    const sr = chooseSr(ctx, wanted);
    const vdi = findOrCreate(ctx, sr, {
      type: "ha_statefile",
      bytes: STATEFILE_BYTES,
      label: "Statefile for HA",
    });
    const redoLog = findOrCreate(ctx, sr, {
      type: "redo_log",
      bytes: redoLogBytes(ctx),
      label: "Metadata for HA",
    });
    const statefile = {
      srUuid: uuidOf(db, "SR", sr),
      vdiUuid: uuidOf(db, "VDI", vdi),
      redoLogUuid: uuidOf(db, "VDI", redoLog),
    };
    db.update("pool", poolRef, {
      ha_statefiles: [vdi],
      ha_configuration: configuration,
      ha_cluster_stack: "xhad",
      ha_plan_exists_for: 0,
    });
    refreshHaPlan(ctx);
    try {
      await formLiveset(ctx, statefile, timeoutS);
      db.update("pool", poolRef, { ha_enabled: true });
      ctx.liveness.setNativeHa(true);
      await ctx.call("pool.sync_database", []);
    } catch (cause) {
      await switchOff(ctx);
      throw joinFailure(cause);
    }
    ctx.task.progress(1);
  });
  return VOID;
};

/** Disarms every host that answers; the others stay armed. */
async function switchOff(ctx: CallContext): Promise<void> {
  const { db, poolRef } = ctx;
  const statefiles = existing(db, "VDI", db.set("pool", poolRef, "ha_statefiles"));
  await Promise.allSettled(
    db.refs("host").map((host) =>
      ctx.onHost(host, "ha.disarm", [], {
        timeoutMs: ctx.timing.connectMs,
        evenIfOffline: true,
      }),
    ),
  );
  ctx.liveness.setNativeHa(false);
  for (const vdi of [...statefiles, ...redoLogsOf(ctx, statefiles)]) {
    const sr = db.str("VDI", vdi, "SR");
    const used = db.num("SR", sr, "physical_utilisation");
    const bytes = db.num("VDI", vdi, "physical_utilisation");
    db.destroy("VDI", vdi);
    db.update("SR", sr, { physical_utilisation: Math.max(0, used - bytes) });
  }
  db.update("pool", poolRef, {
    ha_enabled: false,
    ha_configuration: {},
    ha_statefiles: [],
    ha_plan_exists_for: 0,
    ha_overcommitted: false,
  });
  for (const host of db.refs("host")) {
    db.update("host", host, { ha_statefiles: [], ha_network_peers: [] });
  }
}

function redoLogsOf(ctx: CallContext, statefiles: readonly string[]): readonly string[] {
  const { db } = ctx;
  const srs = new Set(statefiles.map((vdi) => db.str("VDI", vdi, "SR")));
  return [...srs].flatMap((sr) =>
    existing(db, "VDI", db.set("SR", sr, "VDIs")).filter(
      (vdi) => db.str("VDI", vdi, "type") === "redo_log",
    ),
  );
}

const disableHa: CallHandler = async (ctx) => {
  await withPoolOperation(ctx, "ha_disable", () => switchOff(ctx));
  return VOID;
};

const setTolerance: CallHandler = (ctx, args) => {
  const pool = String(args[0]);
  const value = Number(args[1]);
  ctx.db.get("pool", pool);
  if (value < 0) {
    throw new XapiFailure("INVALID_VALUE", "ha_host_failures_to_tolerate", String(value));
  }
  if (ctx.db.num("pool", pool, "ha_plan_exists_for") > 0) {
    assertChangeKeepsPlan(ctx, { failures: value });
  }
  ctx.db.update("pool", pool, { ha_host_failures_to_tolerate: value });
  if (isHaOn(ctx)) {
    refreshHaPlan(ctx);
  }
  return VOID;
};

const computeMax: CallHandler = (ctx) => {
  const most = maxFailures(ctx);
  if (isHaOn(ctx)) {
    refreshHaPlan(ctx);
  }
  return most;
};

const restartPriorities = new Set(["restart", "best-effort", ""]);

const computeHypothetical: CallHandler = (ctx, args) => {
  const configuration = (args[0] ?? {}) as Readonly<Record<string, string>>;
  for (const priority of Object.values(configuration)) {
    if (!restartPriorities.has(priority)) {
      throw new XapiFailure("INVALID_VALUE", "ha_restart_priority", priority);
    }
  }
  const vms = Object.keys(configuration).filter((vm) => configuration[vm] === "restart");
  for (const vm of vms) {
    ctx.db.get("VM", vm);
  }
  return maxFailures(ctx, vms);
};

const planExistsCall: CallHandler = (ctx, args) =>
  planExists(ctx, Number(args[0]), protectedVms(ctx));

/** Where VMs would go if hosts failed; without a place, the error that says why. */
const computeVmPlan: CallHandler = (ctx, args) => {
  const [failed, vms] = [args[0], args[1]].map((list) =>
    Array.isArray(list) ? list.map(String) : [],
  ) as [string[], string[]];
  const { db } = ctx;
  const hosts = db.refs("host").filter((host) => isLive(db, host) && !failed.includes(host));
  const room = freeMemoryByHost(db, hosts, { policy: "most" });
  const agile = vms.filter((vm) => agilityError(db, vm) === null);
  const plan = packGreedily(
    agile.map((vm) => ({ id: vm, bytes: planMemoryBytes(db, vm) })),
    room,
  );
  return Object.fromEntries(
    vms.map((vm) => {
      const host = plan.get(vm);
      const error = agilityError(db, vm)?.[0] ?? "HOST_NOT_ENOUGH_FREE_MEMORY";
      return [vm, host === undefined ? { error_code: error } : { host }];
    }),
  );
};

const preventRestarts: CallHandler = (ctx, args) => {
  const untilMs = ctx.ports.clock.nowMs() + Number(args[0]) * MS_PER_S;
  holdRestarts(daemonOf(ctx), Number(args[0]) <= 0 ? 0 : untilMs);
  return VOID;
};

/** args: peers, statefile, base timeout in seconds, reference of the host. */
const preconfigure: HostOp = (host, args) => {
  const daemon = daemonOf(host);
  if (daemon.isArmed) {
    throw new XapiFailure("HA_HOST_IS_ARMED", String(args[3] ?? NULL_REF));
  }
  daemon.configure({
    peers: args[0] as unknown as readonly HaPeer[],
    statefile: args[1] as unknown as HaStatefile,
    baseTimeoutS: Number(args[2]),
  });
  return VOID;
};

const join: HostOp = (host) => {
  try {
    daemonOf(host).join();
  } catch (cause) {
    throw cause instanceof StorageUnreachable
      ? new XapiFailure("HA_HOST_CANNOT_ACCESS_STATEFILE")
      : cause;
  }
  return VOID;
};

/** On one host, from that host alone. `soft` lasts until the next start. */
const emergencyDisable: LocalCall = (host, args) => {
  const daemon = daemonOf(host);
  if (args[0] === true) {
    daemon.suspend();
    return VOID;
  }
  if (!daemon.isArmed) {
    throw new XapiFailure("HA_NOT_ENABLED");
  }
  daemon.disarm();
  return VOID;
};

const assertCanBeDisabled: CoordinatorOp = (ctx, args) => {
  assertHostDisableKeepsPlan(ctx, String(args[0]));
  return VOID;
};

export const haCalls: CallModule = {
  calls: {
    "pool.enable_ha": enableHa,
    "pool.disable_ha": disableHa,
    "pool.set_ha_host_failures_to_tolerate": setTolerance,
    "pool.ha_compute_max_host_failures_to_tolerate": computeMax,
    "pool.ha_compute_hypothetical_max_host_failures_to_tolerate": computeHypothetical,
    "pool.ha_failover_plan_exists": planExistsCall,
    "pool.ha_compute_vm_failover_plan": computeVmPlan,
    "pool.ha_prevent_restarts_for": preventRestarts,
  },
  localCalls: {
    "host.emergency_ha_disable": emergencyDisable,
    "host.ha_xapi_healthcheck": () => true,
  },
  hostOps: {
    "ha.preconfigure": preconfigure,
    "ha.join": join,
    "ha.disarm": (host) => {
      daemonOf(host).disarm();
      return VOID;
    },
    "ha.exclude": (host) => {
      daemonOf(host).exclude();
      return VOID;
    },
    "ha.has_statefile": (host) => daemonOf(host).probeStatefile(),
    "ha.heartbeat": (host, args) => ({ ...daemonOf(host).heardFrom(String(args[0])) }),
  },
  coordinatorOps: { "ha.assert_host_can_be_disabled": assertCanBeDisabled },
  services: haServices,
};
