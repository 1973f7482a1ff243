/** Starting, stopping, pausing, suspending and resuming VMs. */
import type { CallContext, CallHandler, CallModule } from "../call.ts";
import { VOID, XapiFailure } from "../call.ts";
import { daemonOf } from "./ha-daemon.ts";
import { assertNewVmKeepsPlan, assertPlacementKeepsPlan } from "./ha-planner.ts";
import { withHostOperation, withVmOperation } from "./operations.ts";
import { assertCanBootHere, chooseHost } from "./placement.ts";
import { isHaOn, isNull, nameOf, uuidOf } from "./scene.ts";
import { unlockDisks } from "./storage-locks.ts";
import {
  buildDomain,
  endDomain,
  vmAlert,
  vmDomainOps,
  waitFor,
  withReservation,
} from "./vm-domain.ts";

import { refreshVm } from "./vm-rules.ts";
import { disksOf, dropSuspendImage, markHalted, markSuspended } from "./vm-state.ts";

const MS_PER_S = 1_000;
const BYTES_PER_GIB = 2 ** 30;
const SUSPEND_HEADROOM = 1.02;

interface StartOrder {
  readonly vm: string;
  /** Null: the placement ladder chooses. */
  readonly host: string | null;
  readonly paused: boolean;
  readonly op: "start" | "start_on" | "resume" | "resume_on";
}

function assertNotEvacuating(ctx: CallContext, host: string): void {
  if (Object.values(ctx.db.map("host", host, "current_operations")).includes("evacuate")) {
    throw new XapiFailure("HOST_EVACUATE_IN_PROGRESS", host);
  }
}

async function delay(ctx: CallContext, vm: string, field: "start_delay" | "shutdown_delay") {
  const delayS = ctx.db.num("VM", vm, field);
  if (delayS > 0) {
    await ctx.ports.clock.sleep(delayS * MS_PER_S, ctx.stopping);
  }
}

/** An armed coordinator that is not in the live set may not start what others may run. */
function assertInLiveset(ctx: CallContext): void {
  const daemon = daemonOf(ctx);
  if (isHaOn(ctx) && daemon.isActive && !daemon.hasJoined) {
    throw new XapiFailure("HA_POOL_IS_ENABLED_BUT_HOST_IS_DISABLED");
  }
}

function assertPlanSurvives(ctx: CallContext, vm: string, host: string): void {
  const becomesProtected =
    ctx.db.str("VM", vm, "ha_restart_priority") === "restart" &&
    !ctx.db.bool("VM", vm, "ha_always_run");
  if (becomesProtected) {
    assertNewVmKeepsPlan(ctx, vm);
  } else {
    assertPlacementKeepsPlan(ctx, { vm, host });
  }
}

function protectIfWanted(ctx: CallContext, vm: string): void {
  if (ctx.db.str("VM", vm, "ha_restart_priority") === "restart") {
    ctx.db.update("VM", vm, { ha_always_run: true });
  }
}

function restoreMs(ctx: CallContext, vm: string): number {
  const gib = ctx.db.num("VM", vm, "memory_static_max") / BYTES_PER_GIB;
  return ctx.timing.domainBuildMs + gib * ctx.timing.migratePerGibMs;
}

async function bringUp(ctx: CallContext, order: StartOrder): Promise<void> {
  const { vm, op } = order;
  const resuming = op === "resume" || op === "resume_on";
  assertInLiveset(ctx);
  const host = order.host ?? chooseHost(ctx, vm);
  assertCanBootHere(ctx, { vm, host });
  assertPlanSurvives(ctx, vm, host);
  const hostOp = resuming ? "vm_resume" : "vm_start";
  await withHostOperation(ctx, { host, op: hostOp }, () =>
    withReservation(ctx, { vm, host }, async () => {
      if (resuming) {
        await ctx.ports.clock.sleep(restoreMs(ctx, vm), ctx.stopping);
      }
      await buildDomain(ctx, { vm, host, paused: order.paused });
    }),
  );
  if (resuming) {
    dropSuspendImage(ctx.db, vm);
  }
  protectIfWanted(ctx, vm);
  const place = `host: ${nameOf(ctx.db, "host", host)} (uuid: ${uuidOf(ctx.db, "host", host)})`;
  vmAlert(
    ctx,
    vm,
    resuming ? "VM_RESUMED" : "VM_STARTED",
    `${resuming ? "resumed" : "started"} on ${place}`,
  );
  if (!resuming) {
    await delay(ctx, vm, "start_delay");
  }
  // The forwarding layer of start_on waits once more.
  if (op === "start_on") {
    await delay(ctx, vm, "start_delay");
  }
}

async function run(ctx: CallContext, order: StartOrder): Promise<string> {
  if (order.host !== null) {
    ctx.db.get("host", order.host);
    assertNotEvacuating(ctx, order.host);
  }
  ctx.db.get("VM", order.vm);
  await withVmOperation(ctx, { vm: order.vm, op: order.op }, () => bringUp(ctx, order));
  return VOID;
}

const start: CallHandler = (ctx, args) =>
  run(ctx, { vm: String(args[0]), host: null, paused: args[1] === true, op: "start" });

const startOn: CallHandler = (ctx, args) =>
  run(ctx, {
    vm: String(args[0]),
    host: String(args[1]),
    paused: args[2] === true,
    op: "start_on",
  });

const resume: CallHandler = (ctx, args) =>
  run(ctx, { vm: String(args[0]), host: null, paused: args[1] === true, op: "resume" });

const resumeOn: CallHandler = (ctx, args) =>
  run(ctx, {
    vm: String(args[0]),
    host: String(args[1]),
    paused: args[2] === true,
    op: "resume_on",
  });

function onResident(ctx: CallContext, vm: string, op: string): Promise<unknown> {
  return ctx.onHost(ctx.db.str("VM", vm, "resident_on"), op, [uuidOf(ctx.db, "VM", vm)]);
}

function switching(op: "pause" | "unpause", state: string): CallHandler {
  return async (ctx, args) => {
    const vm = String(args[0]);
    await withVmOperation(ctx, { vm, op }, async () => {
      await onResident(ctx, vm, `vm.${op}`);
      ctx.db.update("VM", vm, { power_state: state });
    });
    return VOID;
  };
}

/** Asks the guest and waits until it is gone. Throws `VM_SHUTDOWN_TIMEOUT [vm, seconds]`. */
async function askToEnd(ctx: CallContext, vm: string, timeoutMs: number): Promise<void> {
  ctx.task.setCancellable(true);
  await onResident(ctx, vm, "vm.request_shutdown");
  const isGone = (): boolean => ctx.db.str("VM", vm, "power_state") === "Halted";
  if (!(await waitFor(ctx, isGone, timeoutMs))) {
    throw new XapiFailure("VM_SHUTDOWN_TIMEOUT", vm, `${timeoutMs / MS_PER_S}.`);
  }
}

async function cleanShutdownWithin(ctx: CallContext, vm: string, timeoutMs: number) {
  await withVmOperation(ctx, { vm, op: "clean_shutdown" }, async () => {
    ctx.db.update("VM", vm, { ha_always_run: false });
    await askToEnd(ctx, vm, timeoutMs);
    vmAlert(ctx, vm, "VM_SHUTDOWN", "shut down");
    await delay(ctx, vm, "shutdown_delay");
  });
}

const cleanShutdown: CallHandler = async (ctx, args) => {
  await cleanShutdownWithin(ctx, String(args[0]), ctx.timing.cleanShutdownMs);
  return VOID;
};

async function hardStop(ctx: CallContext, vm: string): Promise<void> {
  await withVmOperation(ctx, { vm, op: "hard_shutdown", strict: false }, async () => {
    ctx.db.update("VM", vm, { ha_always_run: false });
    if (ctx.db.str("VM", vm, "power_state") === "Suspended") {
      dropSuspendImage(ctx.db, vm);
      markHalted(ctx, vm, true);
    } else {
      await endDomain(ctx, vm);
    }
    vmAlert(ctx, vm, "VM_SHUTDOWN", "shut down forcibly");
    await delay(ctx, vm, "shutdown_delay");
  });
}

const hardShutdown: CallHandler = async (ctx, args) => {
  await hardStop(ctx, String(args[0]));
  return VOID;
};

/** Politely within `shutdown_delay` (or the usual limit), then by force. */
const shutdown: CallHandler = async (ctx, args) => {
  const vm = String(args[0]);
  const ownLimitMs = ctx.db.num("VM", vm, "shutdown_delay") * MS_PER_S;
  try {
    await cleanShutdownWithin(ctx, vm, ownLimitMs > 0 ? ownLimitMs : ctx.timing.cleanShutdownMs);
  } catch (cause) {
    if (!(cause instanceof XapiFailure)) {
      throw cause;
    }
    await hardStop(ctx, vm);
  }
  return VOID;
};

function startTimeOf(ctx: CallContext, vm: string): number {
  return ctx.db.num("VM", vm, "domid");
}

const cleanReboot: CallHandler = async (ctx, args) => {
  const vm = String(args[0]);
  await withVmOperation(ctx, { vm, op: "clean_reboot" }, async () => {
    const before = startTimeOf(ctx, vm);
    await onResident(ctx, vm, "vm.request_shutdown");
    const { cleanShutdownMs } = ctx.timing;
    const isBack = (): boolean =>
      startTimeOf(ctx, vm) !== before || ctx.db.str("VM", vm, "power_state") === "Halted";
    if (!(await waitFor(ctx, isBack, cleanShutdownMs))) {
      throw new XapiFailure("VM_SHUTDOWN_TIMEOUT", vm, `${cleanShutdownMs / MS_PER_S}.`);
    }
  });
  return VOID;
};

const hardReboot: CallHandler = async (ctx, args) => {
  const vm = String(args[0]);
  await withVmOperation(ctx, { vm, op: "hard_reboot", strict: false }, async () => {
    const host = ctx.db.str("VM", vm, "resident_on");
    await onResident(ctx, vm, "vm.destroy");
    unlockDisks(ctx.db, disksOf(ctx.db, vm), host);
    try {
      await buildDomain(ctx, { vm, host, paused: false });
    } catch (cause) {
      markHalted(ctx, vm, true);
      throw cause;
    }
    vmAlert(ctx, vm, "VM_REBOOTED", "rebooted forcibly");
  });
  return VOID;
};

/** SR for the image: the VM's own, the pool's, the host's. Throws `VM_NO_SUSPEND_SR [vm]`. */
function suspendSr(ctx: CallContext, vm: string): string {
  const host = ctx.db.str("VM", vm, "resident_on");
  const candidates = [
    ctx.db.str("VM", vm, "suspend_SR"),
    ctx.db.str("pool", ctx.poolRef, "suspend_image_SR"),
    String(ctx.db.find("host", host)?.["suspend_image_sr"] ?? ""),
  ];
  const sr = candidates.find((ref) => !isNull(ref) && ctx.db.has("SR", ref));
  if (sr === undefined) {
    throw new XapiFailure("VM_NO_SUSPEND_SR", vm);
  }
  return sr;
}

const suspend: CallHandler = async (ctx, args) => {
  const vm = String(args[0]);
  await withVmOperation(ctx, { vm, op: "suspend" }, async () => {
    const sr = suspendSr(ctx, vm);
    const host = ctx.db.str("VM", vm, "resident_on");
    const size = Math.ceil(ctx.db.num("VM", vm, "memory_static_max") * SUSPEND_HEADROOM);
    const vdi = ctx.db.create("VDI", {
      name_label: "Suspend image",
      name_description: "Suspend image",
      SR: sr,
      type: "suspend",
      virtual_size: size,
      managed: true,
    });
    try {
      await ctx.ports.clock.sleep(restoreMs(ctx, vm), ctx.stopping);
      await onResident(ctx, vm, "vm.destroy");
    } catch (cause) {
      ctx.db.destroy("VDI", vdi);
      throw cause;
    }
    unlockDisks(ctx.db, disksOf(ctx.db, vm), host);
    ctx.db.update("VM", vm, { ha_always_run: false });
    markSuspended(ctx, vm, vdi);
    vmAlert(ctx, vm, "VM_SUSPENDED", "suspended");
  });
  return VOID;
};

/** Recomputes the advisory list on demand. */
const updateAllowedOperations: CallHandler = (ctx, args) => {
  ctx.db.get("VM", String(args[0]));
  refreshVm(ctx, String(args[0]));
  return VOID;
};

export const vmPower: CallModule = {
  ...vmDomainOps,
  calls: {
    "VM.start": start,
    "VM.start_on": startOn,
    "VM.resume": resume,
    "VM.resume_on": resumeOn,
    "VM.pause": switching("pause", "Paused"),
    "VM.unpause": switching("unpause", "Running"),
    "VM.suspend": suspend,
    "VM.clean_shutdown": cleanShutdown,
    "VM.hard_shutdown": hardShutdown,
    "VM.shutdown": shutdown,
    "VM.clean_reboot": cleanReboot,
    "VM.hard_reboot": hardReboot,
    "VM.update_allowed_operations": updateAllowedOperations,
  },
};
