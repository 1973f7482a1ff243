/** Building, ending and re-building a VM's domain on a host, with its locks and records. */
import type { CallContext, CoordinatorOp } from "../call.ts";
import { NULL_REF, VOID, XapiFailure } from "../call.ts";
import { createCancelSource, type DomainSpec } from "../ports.ts";
import { formatDatetime } from "../wire/coerce.ts";
import { overheadBytes } from "./memory.ts";
import { isHaOn, isProtected, nameOf, uuidOf } from "./scene.ts";
import { lockDisks, unlockDisks } from "./storage-locks.ts";
import { specValue, type DiskOrder } from "./vm-host-ops.ts";
import { disksOf, markHalted, markRunning, missingPcis, type VmDisk } from "./vm-state.ts";

/** Marks a VM whose guest has no agent: it never answers a polite request. */
const NO_AGENT_KEY = "no-guest-agent";

function diskOrders(disks: readonly VmDisk[]): readonly DiskOrder[] {
  return disks.map(({ vdiUuid, srUuid, mode }) => ({ vdiUuid, srUuid, mode }));
}

export function diskValues(disks: readonly VmDisk[]): readonly { [key: string]: string }[] {
  return diskOrders(disks).map((disk) => ({ ...disk }));
}

function hasAgent(ctx: CallContext, vm: string): boolean {
  return !(NO_AGENT_KEY in ctx.db.map("VM", vm, "other_config"));
}

export function domainSpec(ctx: CallContext, vm: string, paused: boolean): DomainSpec {
  const dynamic = ctx.db.num("VM", vm, "memory_dynamic_max");
  return {
    vmUuid: uuidOf(ctx.db, "VM", vm),
    memoryBytes: dynamic > 0 ? dynamic : ctx.db.num("VM", vm, "memory_static_max"),
    vcpus: ctx.db.num("VM", vm, "VCPUs_at_startup"),
    paused,
    cooperative: hasAgent(ctx, vm),
  };
}

function recordBoot(ctx: CallContext, vm: string, host: string): void {
  const { db } = ctx;
  const life = {
    start_time: formatDatetime(ctx.ports.clock.nowMs()),
    memory_actual: db.num("VM", vm, "memory_static_max"),
    VCPUs_number: db.num("VM", vm, "VCPUs_at_startup"),
    current_domain_type: db.str("VM", vm, "domain_type"),
    last_updated: formatDatetime(ctx.ports.clock.nowMs()),
  };
  const metrics = db.str("VM", vm, "metrics");
  if (db.has("VM_metrics", metrics)) {
    db.update("VM_metrics", metrics, life);
  } else {
    db.update("VM", vm, { metrics: db.create("VM_metrics", life) });
  }
  const info = db.map("host", host, "cpu_info");
  const features = info["features_hvm"] ?? info["features"];
  if (features !== undefined) {
    db.update("VM", vm, {
      last_boot_CPU_flags: { features, vendor: info["vendor"] ?? "" },
      memory_target: life.memory_actual,
    });
  }
  recordAgent(ctx, vm);
}

/** The guest's drivers report in. */
function recordAgent(ctx: CallContext, vm: string): void {
  const { db } = ctx;
  if (db.has("VM_guest_metrics", db.str("VM", vm, "guest_metrics")) || !hasAgent(ctx, vm)) {
    return;
  }
  const metrics = db.create("VM_guest_metrics", {
    PV_drivers_version: { major: "7", minor: "20", micro: "0", build: "1" },
    PV_drivers_up_to_date: true,
    PV_drivers_detected: true,
    live: true,
    can_use_hotplug_vbd: "yes",
    can_use_hotplug_vif: "yes",
    last_updated: formatDatetime(ctx.ports.clock.nowMs()),
    other: {
      "feature-shutdown": "1",
      "feature-suspend": "1",
      "feature-poweroff": "1",
      "feature-reboot": "1",
    },
  });
  db.update("VM", vm, { guest_metrics: metrics });
}

/** Locks, opens and starts; on a failure nothing stays behind. */
export async function buildDomain(
  ctx: CallContext,
  where: { readonly vm: string; readonly host: string; readonly paused: boolean },
): Promise<void> {
  const { vm, host, paused } = where;
  const missing = missingPcis(ctx.db, vm, host)[0];
  if (missing !== undefined) {
    throw new XapiFailure("INTERNAL_ERROR", `PCI device ${missing} is not in this host`);
  }
  const disks = disksOf(ctx.db, vm);
  await lockDisks(ctx, disks, host);
  try {
    const spec = specValue(domainSpec(ctx, vm, paused));
    const domid = await ctx.onHost(host, "vm.build", [spec, diskValues(disks), vm]);
    markRunning(ctx, vm, { host, domid: Number(domid), paused });
    recordBoot(ctx, vm, host);
  } catch (cause) {
    unlockDisks(ctx.db, disks, host);
    throw cause;
  }
}

/**
 * Destroys the domain where it is and puts the records to rest. Throws when the host does not
 * answer.
 */
export async function endDomain(ctx: CallContext, vm: string): Promise<void> {
  const host = ctx.db.str("VM", vm, "resident_on");
  const disks = disksOf(ctx.db, vm);
  await ctx.onHost(host, "vm.destroy", [uuidOf(ctx.db, "VM", vm)]);
  unlockDisks(ctx.db, disks, host);
  markHalted(ctx, vm, true);
}

/** Refreshes the cached overhead, reserves memory on the host for as long as `work` runs. */
export async function withReservation<T>(
  ctx: CallContext,
  where: { readonly vm: string; readonly host: string },
  work: () => Promise<T>,
): Promise<T> {
  const { vm, host } = where;
  ctx.db.update("VM", vm, {
    memory_overhead: overheadBytes(ctx.db, vm),
    scheduled_to_be_resident_on: host,
  });
  try {
    return await work();
  } finally {
    if (ctx.db.has("VM", vm)) {
      ctx.db.update("VM", vm, { scheduled_to_be_resident_on: NULL_REF });
    }
  }
}

export function vmAlert(ctx: CallContext, vm: string, name: string, what: string): void {
  const uuid = uuidOf(ctx.db, "VM", vm);
  ctx.alert({
    name,
    priority: 5,
    cls: "VM",
    objUuid: uuid,
    body: `VM '${nameOf(ctx.db, "VM", vm)}' (uuid: ${uuid}) ${what}`,
  });
}

/**
 * Waits until the database shows what is wanted. Resolves false after `timeoutMs`. Throws
 * `TASK_CANCELLED` when the task is cancelled meanwhile.
 */
export async function waitFor(
  ctx: CallContext,
  wanted: () => boolean,
  timeoutMs: number,
): Promise<boolean> {
  const deadlineMs = ctx.ports.clock.nowMs() + timeoutMs;
  while (!wanted()) {
    ctx.task.checkCancelled();
    const leftMs = deadlineMs - ctx.ports.clock.nowMs();
    if (leftMs <= 0) {
      return false;
    }
    const pause = createCancelSource();
    const forget = ctx.task.signal.onCancel(() => pause.cancel());
    await Promise.race([ctx.db.changed(pause.signal), ctx.ports.clock.sleep(leftMs, pause.signal)]);
    forget();
    pause.cancel();
  }
  return true;
}

function actionFor(ctx: CallContext, vm: string, type: string): string {
  switch (type) {
    case "crash":
      return ctx.db.str("VM", vm, "actions_after_crash");
    case "reboot":
      return ctx.db.str("VM", vm, "actions_after_reboot");
    default:
      return ctx.db.str("VM", vm, "actions_after_shutdown");
  }
}

/** A protected VM that powers off from inside stays off when the pool says so (25.16 and later). */
function forgiveInternalShutdown(ctx: CallContext, vm: string): void {
  const pool = ctx.db.get("pool", ctx.poolRef);
  if (isHaOn(ctx) && pool["ha_reboot_vm_on_internal_shutdown"] === false) {
    ctx.db.update("VM", vm, { ha_always_run: false });
  }
}

async function restartInPlace(ctx: CallContext, vm: string, host: string): Promise<void> {
  await ctx.onHost(host, "vm.destroy", [uuidOf(ctx.db, "VM", vm)]);
  unlockDisks(ctx.db, disksOf(ctx.db, vm), host);
  try {
    await buildDomain(ctx, { vm, host, paused: false });
  } catch (cause) {
    markHalted(ctx, vm, true);
    throw cause;
  }
  vmAlert(ctx, vm, "VM_REBOOTED", "rebooted");
}

function settleHalted(ctx: CallContext, vm: string, host: string): void {
  unlockDisks(ctx.db, disksOf(ctx.db, vm), host);
  markHalted(ctx, vm, true);
}

/** What follows when a guest ended by itself. args: VM uuid, kind of event. */
const guestEvent: CoordinatorOp = async (ctx, args, fromHostRef) => {
  const vm = ctx.db.findByUuid("VM", String(args[0]));
  const type = String(args[1]);
  if (vm === undefined || ctx.db.str("VM", vm, "resident_on") !== fromHostRef) {
    return VOID;
  }
  const running = Object.values(ctx.db.map("VM", vm, "current_operations"));
  if (running.includes("clean_reboot") && type === "shutdown") {
    await restartInPlace(ctx, vm, fromHostRef);
    return VOID;
  }
  const asked = running.some((op) => op === "clean_shutdown" || op === "hard_shutdown");
  const restarts = !asked && actionFor(ctx, vm, type).includes("restart");
  if (type === "crash") {
    vmAlert(ctx, vm, "VM_CRASHED", "crashed");
  }
  if (!asked && type === "shutdown" && isProtected(ctx.db, vm)) {
    forgiveInternalShutdown(ctx, vm);
  }
  if (restarts) {
    await restartInPlace(ctx, vm, fromHostRef);
  } else {
    settleHalted(ctx, vm, fromHostRef);
  }
  return VOID;
};

export const vmDomainOps: { readonly coordinatorOps: Readonly<Record<string, CoordinatorOp>> } = {
  coordinatorOps: { "vm.guest_event": guestEvent },
};
