/** Live migration within the pool. */
import type { CallContext, CallHandler, CallModule } from "../call.ts";
import { VOID, XapiFailure } from "../call.ts";
import { assertPlacementKeepsPlan } from "./ha-planner.ts";
import { withHostOperation, withVmOperation } from "./operations.ts";
import { assertCanBootHere, isVersionNotOlder } from "./placement.ts";
import { isTrue, nameOf, uuidOf } from "./scene.ts";
import { lockDisks, lockKey, unlockDisks } from "./storage-locks.ts";
import { specValue } from "./vm-host-ops.ts";
import { diskValues, domainSpec, vmAlert, withReservation } from "./vm-domain.ts";
import { disksOf, markRunning } from "./vm-state.ts";

const BYTES_PER_GIB = 2 ** 30;
const STEPS = 20;
/** The copy of the memory is the larger part; the switch at the end is the rest. */
const COPY_SHARE = 0.9;

interface Move {
  readonly vm: string;
  readonly from: string;
  readonly to: string;
}

/** Busy guests dirty memory while it is copied, so the time grows with the size. */
function migrationMs(ctx: CallContext, vm: string): number {
  const gib = ctx.db.num("VM", vm, "memory_static_max") / BYTES_PER_GIB;
  return ctx.timing.migrateBaseMs + gib * ctx.timing.migratePerGibMs;
}

async function copyMemory(ctx: CallContext, move: Move): Promise<void> {
  const stepMs = migrationMs(ctx, move.vm) / STEPS;
  const vmUuid = uuidOf(ctx.db, "VM", move.vm);
  for (let step = 1; step <= STEPS; step += 1) {
    await ctx.ports.clock.sleep(stepMs, ctx.task.signal);
    ctx.task.checkCancelled();
    if (ctx.db.str("VM", move.vm, "resident_on") !== move.from) {
      throw new XapiFailure("VM_BAD_POWER_STATE", move.vm, "running", powerState(ctx, move.vm));
    }
    ctx.task.progress((step / STEPS) * COPY_SHARE);
  }
  const stillThere = await ctx.onHost(move.from, "vm.is_running", [vmUuid]);
  if (stillThere !== true) {
    throw failed(ctx, move, "the domain is gone");
  }
}

function powerState(ctx: CallContext, vm: string): string {
  return ctx.db.str("VM", vm, "power_state").toLowerCase();
}

function failed(ctx: CallContext, move: Move, reason: string): XapiFailure {
  const { vm, from, to } = move;
  return ctx.generation.xapiBuildKey
    ? new XapiFailure("VM_MIGRATE_FAILED", vm, from, to, reason)
    : new XapiFailure("INTERNAL_ERROR", reason);
}

/** The short standstill: disks close here, open there, the guest goes on there. */
async function switchOver(ctx: CallContext, move: Move, temporary: string): Promise<void> {
  const { vm, from, to } = move;
  const vmUuid = uuidOf(ctx.db, "VM", vm);
  const disks = disksOf(ctx.db, vm);
  await ctx.onHost(from, "vm.let_go", [vmUuid]);
  unlockDisks(ctx.db, disks, from);
  try {
    await lockDisks(ctx, disks, to);
    const domid = await ctx.onHost(to, "vm.take_over", [temporary, diskValues(disks), vmUuid]);
    markRunning(ctx, vm, { host: to, domid: Number(domid), paused: false });
  } catch (cause) {
    unlockDisks(ctx.db, disks, to);
    for (const disk of disks) {
      ctx.db.putKey("VDI", disk.vdi, "sm_config", lockKey(from), disk.mode);
    }
    await ctx.onHost(from, "vm.regain", [vmUuid, diskValues(disks)]);
    throw cause;
  }
  try {
    await ctx.onHost(from, "vm.destroy", [vmUuid]);
  } catch (cause) {
    // The old copy stands still without disks; that host clears it when it is back.
    const reason = cause instanceof Error ? cause.message : String(cause);
    ctx.ports.log.write({ level: "warn", message: `old domain of ${vmUuid} stays: ${reason}` });
  }
}

async function move(ctx: CallContext, order: Move): Promise<void> {
  const { vm, to } = order;
  const temporary = ctx.ports.dice.uuid();
  const spec = specValue(domainSpec(ctx, vm, false));
  await ctx.onHost(to, "vm.incoming", [temporary, spec, vm]);
  try {
    ctx.task.setCancellable(true);
    await copyMemory(ctx, order);
    ctx.task.setCancellable(false);
    await switchOver(ctx, order, temporary);
  } catch (cause) {
    await ctx.onHost(to, "vm.drop_incoming", [temporary]).catch(() => VOID);
    throw cause;
  }
}

/** Throws the boot check's errors for the target, and whatever keeps the VM where it is. */
export async function poolMigrate(
  ctx: CallContext,
  order: { readonly vm: string; readonly host: string; readonly force: boolean },
): Promise<void> {
  const { vm, host, force } = order;
  ctx.db.get("host", host);
  await withVmOperation(ctx, { vm, op: "pool_migrate", strict: !force }, async () => {
    const from = ctx.db.str("VM", vm, "resident_on");
    if (!isVersionNotOlder(ctx.db, from, host)) {
      throw new XapiFailure("VM_HOST_INCOMPATIBLE_VERSION_MIGRATE", host, vm);
    }
    const isElsewhere = from !== host;
    assertCanBootHere(ctx, { vm, host, cpu: !force, memory: isElsewhere });
    assertPlacementKeepsPlan(ctx, { vm, host });
    await withHostOperation(ctx, { host, op: "vm_migrate" }, async () => {
      if (isElsewhere) {
        await withReservation(ctx, { vm, host }, () => move(ctx, { vm, from, to: host }));
      } else {
        await ctx.ports.clock.sleep(migrationMs(ctx, vm), ctx.stopping);
      }
    });
    const place = (ref: string): string =>
      `'${nameOf(ctx.db, "host", ref)}' (uuid: ${uuidOf(ctx.db, "host", ref)})`;
    vmAlert(ctx, vm, "VM_MIGRATED", `migrated from host ${place(from)} to host ${place(host)}`);
    ctx.task.progress(1);
  });
}

const migrate: CallHandler = async (ctx, args) => {
  const options = (args[2] ?? {}) as Readonly<Record<string, string>>;
  await poolMigrate(ctx, {
    vm: String(args[0]),
    host: String(args[1]),
    force: isTrue(options["force"]),
  });
  return VOID;
};

export const vmMigrate: CallModule = { calls: { "VM.pool_migrate": migrate } };
