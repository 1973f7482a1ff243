/**
 * The attach locks that storage managers keep in `VDI.sm_config`: `host_<reference>` = RW or RO for
 * each host that has the disk open. They survive the host; nothing but its return or a reset
 * removes them.
 */
import type { CallContext, DbAccess } from "../call.ts";
import { XapiFailure } from "../call.ts";
import { existing } from "./scene.ts";
import type { VmDisk } from "./vm-state.ts";

const POLL_MS = 1_000;
const busyKeys: readonly string[] = ["activating", "paused", "relinking"];

export function lockKey(host: string): string {
  return `host_${host}`;
}

function notDetached(vdiUuid: string): XapiFailure {
  return new XapiFailure(
    "SR_BACKEND_FAILURE_46",
    "",
    `The VDI is not available [opterr=VDI ${vdiUuid} not detached cleanly]`,
    "",
  );
}

function foreignKeys(db: DbAccess, disk: VmDisk, host: string): readonly string[] {
  return Object.entries(db.map("VDI", disk.vdi, "sm_config"))
    .filter(([key, mode]) => {
      const isForeign = key.startsWith("host_") && key !== lockKey(host);
      return isForeign && (mode === "RW" || disk.mode === "RW");
    })
    .map(([key]) => key);
}

/** Asks the host behind a foreign key; true only when it answers that the disk is closed there. */
async function isClosedElsewhere(ctx: CallContext, disk: VmDisk, key: string): Promise<boolean> {
  const owner = key.slice("host_".length);
  if (!ctx.db.has("host", owner)) {
    return true;
  }
  try {
    const open = await ctx.onHost(owner, "storage.is_open", [disk.vdiUuid], {
      timeoutMs: ctx.timing.connectMs,
      evenIfOffline: true,
    });
    return open === false;
  } catch {
    return false;
  }
}

async function waitWhileBusy(ctx: CallContext, disk: VmDisk): Promise<void> {
  const deadlineMs = ctx.ports.clock.nowMs() + ctx.timing.storageLockRetryMs;
  const isBusy = (): boolean => {
    const config = ctx.db.map("VDI", disk.vdi, "sm_config");
    return busyKeys.some((key) => key in config);
  };
  while (isBusy()) {
    if (ctx.ports.clock.nowMs() >= deadlineMs) {
      throw notDetached(disk.vdiUuid);
    }
    await ctx.ports.clock.sleep(POLL_MS, ctx.stopping);
    ctx.task.checkCancelled();
  }
}

/** Drops the keys of hosts that have closed the disk. Throws for any other. */
async function clearForeignKeys(ctx: CallContext, disk: VmDisk, host: string): Promise<void> {
  for (const key of foreignKeys(ctx.db, disk, host)) {
    if (!(await isClosedElsewhere(ctx, disk, key))) {
      throw notDetached(disk.vdiUuid);
    }
    ctx.db.dropKey("VDI", disk.vdi, "sm_config", key);
  }
}

/** Takes the locks of all disks for a host, or throws `SR_BACKEND_FAILURE_46` and takes none. */
export async function lockDisks(
  ctx: CallContext,
  disks: readonly VmDisk[],
  host: string,
): Promise<void> {
  const taken: VmDisk[] = [];
  try {
    for (const disk of disks) {
      await waitWhileBusy(ctx, disk);
      await clearForeignKeys(ctx, disk, host);
      ctx.db.putKey("VDI", disk.vdi, "sm_config", lockKey(host), disk.mode);
      taken.push(disk);
    }
  } catch (cause) {
    unlockDisks(ctx.db, taken, host);
    throw cause;
  }
}

/** Gives the locks of a host back. */
export function unlockDisks(db: DbAccess, disks: readonly VmDisk[], host: string): void {
  for (const disk of disks) {
    if (db.has("VDI", disk.vdi)) {
      db.dropKey("VDI", disk.vdi, "sm_config", lockKey(host));
    }
  }
}

/**
 * `resetvdis all`: removes the keys of a host from every disk of an SR. Whether the host really is
 * off is nobody's question here, as in reality. `alsoPaused` is the form for a crashed coordinator
 * of the SR.
 */
export function resetLocks(
  db: DbAccess,
  target: { readonly host: string; readonly sr: string; readonly alsoPaused: boolean },
): number {
  let count = 0;
  for (const vdi of existing(db, "VDI", db.set("SR", target.sr, "VDIs"))) {
    const config = db.map("VDI", vdi, "sm_config");
    const stale = [lockKey(target.host), ...(target.alsoPaused ? ["paused"] : [])];
    for (const key of stale.filter((name) => name in config)) {
      db.dropKey("VDI", vdi, "sm_config", key);
      count += 1;
    }
  }
  return count;
}
