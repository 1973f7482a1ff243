/**
 * Rebooting and switching off hosts, orderly as the operating system does it, and switching them
 * on.
 */
import type { CallContext, CallHandler, CallModule, HostOp } from "../call.ts";
import { NULL_REF, VOID, XapiFailure } from "../call.ts";
import { formatDatetime } from "../wire/coerce.ts";
import { evacuate, preventingVms } from "./host-evacuate.ts";
import { refreshHost } from "./host-rules.ts";
import { withHostOperation } from "./operations.ts";
import { existing, isHaOn, isLivePowerState, residentGuests, uuidOf } from "./scene.ts";
import { unplugPbd } from "./storage.ts";
import { waitFor } from "./vm-domain.ts";

const LEAST_EVACUATION_MS = 240_000;
/** One gigabit per second, in bytes per millisecond. */
const NETWORK_BYTES_PER_MS = 125_000;
/** Leaves a VM alone when its host goes down: it has its own way to power off. */
const OWN_POWEROFF_KEY = "auto_poweroff";

type PowerKind = "reboot" | "halt";

async function assertStatefileReachable(ctx: CallContext, host: string): Promise<void> {
  if (!isHaOn(ctx)) {
    return;
  }
  const reachable = await ctx.onHost(host, "ha.has_statefile", []);
  if (reachable !== true) {
    throw new XapiFailure("HA_LOST_STATEFILE");
  }
}

/** The mark that the host is on its way down; it stays until the host is back. */
function markLeaving(ctx: CallContext, host: string, label: string): void {
  const task = ctx.db.create("task", {
    name_label: label,
    name_description: label,
    created: formatDatetime(ctx.ports.clock.nowMs()),
    finished: formatDatetime(0),
    resident_on: host,
    status: "pending",
    type: "<none/>",
    backtrace: "()",
    ...(ctx.task.ref === null ? {} : { subtask_of: ctx.task.ref }),
  });
  ctx.db.putKey("host", host, "current_operations", task, "shutdown");
  refreshHost(ctx, host);
}

function leaving(kind: PowerKind): CallHandler {
  const op = kind === "reboot" ? "reboot" : "shutdown";
  return async (ctx, args) => {
    const host = String(args[0]);
    ctx.db.get("host", host);
    await withHostOperation(ctx, { host, op }, async () => {
      await assertStatefileReachable(ctx, host);
      await ctx.onHost(host, "host.leave", [kind]);
    });
    markLeaving(ctx, host, kind === "reboot" ? "Host is rebooting" : "Host is shutting down");
    return VOID;
  };
}

/** args: `reboot` or `halt`. Answers at once and acts later, on the host's own clock. */
const leave: HostOp = (host, args) => {
  const kind = String(args[0]);
  void host.ports.clock.sleep(host.timing.powerDelayMs, host.stopping).then(() => {
    if (host.stopping.cancelled) {
      return;
    }
    if (kind === "reboot") {
      host.ports.power.reboot();
    } else {
      host.ports.power.halt();
    }
  });
  return VOID;
};

function managesItself(ctx: CallContext, vm: string): boolean {
  return OWN_POWEROFF_KEY in ctx.db.map("VM", vm, "other_config");
}

async function quietly(ctx: CallContext, what: string, work: () => Promise<unknown>) {
  try {
    await work();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    ctx.ports.log.write({ level: "warn", message: `${what}: ${reason}` });
  }
}

/** Politely for a minute, then by force. */
async function shutDownAll(ctx: CallContext, vms: readonly string[]): Promise<void> {
  const polite = vms.filter((vm) =>
    ctx.db.set("VM", vm, "allowed_operations").includes("clean_shutdown"),
  );
  const asked = polite.map((vm) =>
    quietly(ctx, "clean shutdown", () => ctx.call("VM.clean_shutdown", [vm])),
  );
  const limit = ctx.ports.clock.sleep(ctx.timing.poweroffCleanShutdownMs, ctx.stopping);
  await Promise.race([Promise.all(asked), limit]);
  const left = vms.filter((vm) => isLivePowerState(ctx.db.str("VM", vm, "power_state")));
  await Promise.all(
    left.map((vm) => quietly(ctx, "hard shutdown", () => ctx.call("VM.hard_shutdown", [vm]))),
  );
}

function evacuationLimitMs(ctx: CallContext, vms: readonly string[]): number {
  const bytes = vms.reduce((sum, vm) => sum + ctx.db.num("VM", vm, "memory_static_max"), 0);
  return Math.max(LEAST_EVACUATION_MS, bytes / NETWORK_BYTES_PER_MS);
}

async function emptyHost(ctx: CallContext, host: string): Promise<void> {
  const staying = (): readonly string[] =>
    residentGuests(ctx.db, host).filter(
      (vm) => isLivePowerState(ctx.db.str("VM", vm, "power_state")) && !managesItself(ctx, vm),
    );
  const blocking = preventingVms(ctx, host)
    .map(([vm]) => vm)
    .filter((vm) => !managesItself(ctx, vm));
  await quietly(ctx, "shutting down what cannot move", () => shutDownAll(ctx, blocking));
  const move = quietly(ctx, "evacuation", () =>
    evacuate(ctx, host, { network: NULL_REF, batchSize: ctx.generation.evacuateBatch ? 10 : 1 }),
  );
  const limitMs = evacuationLimitMs(ctx, staying());
  await Promise.race([move, ctx.ports.clock.sleep(limitMs, ctx.stopping)]);
  await quietly(ctx, "shutting down what is left", () => shutDownAll(ctx, staying()));
}

/**
 * Everything a host does before its operating system goes down: guests away or off, HA told,
 * storage unplugged, and a note for the next start that this stop was orderly.
 */
async function prepareForPoweroff(ctx: CallContext, host: string): Promise<void> {
  await emptyHost(ctx, host);
  if (isHaOn(ctx)) {
    await quietly(ctx, "leaving the live set", () => ctx.onHost(host, "ha.exclude", []));
  }
  for (const pbd of existing(ctx.db, "PBD", ctx.db.set("host", host, "PBDs"))) {
    await quietly(ctx, "unplugging storage", () => unplugPbd(ctx, pbd, true));
  }
  await ctx.onHost(host, "host.note_orderly_stop", []);
}

const noteOrderlyStop: HostOp = (host) => {
  host.local.set("host_disabled_until_reboot", "true");
  host.local.set("host_restarted_cleanly", "true");
  return VOID;
};

const prepareCall: CallHandler = async (ctx, args) => {
  ctx.db.get("host", String(args[0]));
  await prepareForPoweroff(ctx, String(args[0]));
  return VOID;
};

const powerOn: CallHandler = async (ctx, args) => {
  const host = String(args[0]);
  ctx.db.get("host", host);
  await withHostOperation(ctx, { host, op: "power_on" }, async () => {
    const failed = new XapiFailure("INTERNAL_ERROR", 'Failure("The host failed to power on.")');
    if (!(await ctx.ports.power.powerOnPeer(uuidOf(ctx.db, "host", host)))) {
      throw failed;
    }
    const isUp = (): boolean => ctx.liveness.isLive(host);
    if (!(await waitFor(ctx, isUp, ctx.timing.powerOnMs))) {
      throw failed;
    }
  });
  return VOID;
};

export const hostPower: CallModule = {
  calls: {
    "host.reboot": leaving("reboot"),
    "host.shutdown": leaving("halt"),
    "host.power_on": powerOn,
    "host.prepare_for_poweroff": prepareCall,
  },
  hostOps: {
    "host.leave": leave,
    "host.note_orderly_stop": noteOrderlyStop,
  },
};
