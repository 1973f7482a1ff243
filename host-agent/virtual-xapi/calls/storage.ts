/**
 * Storage as far as maintenance and HA need it: plugging, scanning, and whether an SR may hold a
 * statefile.
 */
import type { CallContext, CallHandler, CallModule } from "../call.ts";
import { VOID, XapiFailure } from "../call.ts";
import {
  existing,
  failureOf,
  isHaOn,
  isLivePowerState,
  isProtected,
  uuidOf,
  type ErrorList,
  type Scene,
} from "./scene.ts";
import { disksOf } from "./vm-state.ts";

const MIB = 2 ** 20;
const ALIGN_BYTES = 4 * MIB;
/** One block for the pool and one for each of 64 hosts. */
export const STATEFILE_BYTES = 4096 + 64 * 4096;
const REDO_LOG_SMALL_BYTES = 256 * MIB;
const REDO_LOG_LARGE_BYTES = 3_988_783_104;
const statefileTypes = new Set([
  "lvmoiscsi",
  "lvmohba",
  "lvmofcoe",
  "nfs",
  "smb",
  "zfs",
  "linstor",
]);

export function redoLogBytes(scene: Scene): number {
  return scene.generation.largeRedoLog ? REDO_LOG_LARGE_BYTES : REDO_LOG_SMALL_BYTES;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGN_BYTES) * ALIGN_BYTES;
}

function srFreeBytes(scene: Scene, sr: string): number {
  return scene.db.num("SR", sr, "physical_size") - scene.db.num("SR", sr, "physical_utilisation");
}

/** An unused HA disk of the SR from an earlier time, large enough. */
export function reusableVdi(
  scene: Scene,
  sr: string,
  need: { readonly type: string; readonly bytes: number },
): string | null {
  const { db } = scene;
  const found = existing(db, "VDI", db.set("SR", sr, "VDIs")).find(
    (vdi) =>
      db.str("VDI", vdi, "type") === need.type && db.num("VDI", vdi, "virtual_size") >= need.bytes,
  );
  return found ?? null;
}

/** Why an SR cannot hold the statefile and the redo log, or null. */
export function statefileError(scene: Scene, sr: string): ErrorList | null {
  const { db } = scene;
  const pbds = existing(db, "PBD", db.set("SR", sr, "PBDs"));
  const hosts = new Set(pbds.map((pbd) => db.str("PBD", pbd, "host")));
  const everywhere = db.refs("host").every((host) => hosts.has(host));
  if (!everywhere || !pbds.every((pbd) => db.bool("PBD", pbd, "currently_attached"))) {
    return ["SR_HAS_NO_PBDS", sr];
  }
  if (!db.bool("SR", sr, "shared") || !canGenerateConfig(scene, sr)) {
    return ["SR_OPERATION_NOT_SUPPORTED", sr];
  }
  const needed = aligned(STATEFILE_BYTES) + aligned(redoLogBytes(scene));
  const hasBoth =
    reusableVdi(scene, sr, { type: "ha_statefile", bytes: STATEFILE_BYTES }) !== null &&
    reusableVdi(scene, sr, { type: "redo_log", bytes: redoLogBytes(scene) }) !== null;
  return !hasBoth && srFreeBytes(scene, sr) < needed ? ["SR_SOURCE_SPACE_INSUFFICIENT", sr] : null;
}

/** The storage manager must be able to attach a disk before XAPI runs. */
function canGenerateConfig({ db }: Scene, sr: string): boolean {
  const type = db.str("SR", sr, "type");
  const driver = db.refs("SM").find((sm) => db.str("SM", sm, "type") === type);
  const features = driver === undefined ? undefined : db.find("SM", driver)?.["features"];
  const named = typeof features === "object" && !Array.isArray(features) ? features : {};
  const capabilities = driver === undefined ? [] : db.set("SM", driver, "capabilities");
  const known = "VDI_GENERATE_CONFIG" in named || capabilities.includes("VDI_GENERATE_CONFIG");
  return known || statefileTypes.has(type);
}

const assertCanHost: CallHandler = (ctx, args) => {
  ctx.db.get("SR", String(args[0]));
  const error = statefileError(ctx, String(args[0]));
  if (error !== null) {
    throw failureOf(error);
  }
  return VOID;
};

async function plugPbd(ctx: CallContext, pbd: string): Promise<void> {
  const { db } = ctx;
  if (db.bool("PBD", pbd, "currently_attached")) {
    return;
  }
  const host = db.str("PBD", pbd, "host");
  const srUuid = uuidOf(db, "SR", db.str("PBD", pbd, "SR"));
  if ((await ctx.onHost(host, "storage.reaches", [srUuid])) !== true) {
    throw new XapiFailure(
      "SR_BACKEND_FAILURE_47",
      "",
      "The SR is not available [opterr=no such volume group or export]",
      "",
    );
  }
  db.update("PBD", pbd, { currently_attached: true });
}

function isHaDisk(scene: Scene, vdi: string): boolean {
  return scene.db.set("pool", scene.poolRef, "ha_statefiles").includes(vdi);
}

/** Disks that guests of the PBD's host have open on its SR. */
function openVdis({ db }: Scene, pbd: string): readonly string[] {
  const host = db.str("PBD", pbd, "host");
  const sr = db.str("PBD", pbd, "SR");
  const vms = existing(db, "VM", db.set("host", host, "resident_VMs"));
  return vms
    .filter((vm) => isLivePowerState(db.str("VM", vm, "power_state")))
    .flatMap((vm) => disksOf(db, vm))
    .filter((disk) => disk.sr === sr && db.bool("VBD", disk.vbd, "currently_attached"))
    .map((disk) => disk.vdi);
}

function assertNotNeededByProtected(scene: Scene, sr: string): void {
  const { db } = scene;
  const user = db
    .refs("VM")
    .find((vm) => isProtected(db, vm) && disksOf(db, vm).some((disk) => disk.sr === sr));
  if (user !== undefined) {
    throw failureOf(["HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", sr]);
  }
}

/**
 * `leaving`: the host goes down, HA has been told, and protection is no longer a reason to stay.
 */
export async function unplugPbd(ctx: CallContext, pbd: string, leaving = false): Promise<void> {
  const { db } = ctx;
  if (!db.bool("PBD", pbd, "currently_attached")) {
    return;
  }
  const sr = db.str("PBD", pbd, "SR");
  if (isHaOn(ctx) && !leaving) {
    if (db.bool("host", db.str("PBD", pbd, "host"), "enabled")) {
      assertNotNeededByProtected(ctx, sr);
    }
    if (existing(db, "VDI", db.set("SR", sr, "VDIs")).some((vdi) => isHaDisk(ctx, vdi))) {
      throw new XapiFailure("HA_IS_ENABLED");
    }
  }
  const open = openVdis(ctx, pbd);
  if (open.length > 0) {
    throw new XapiFailure("VDI_IN_USE", ...open);
  }
  db.update("PBD", pbd, { currently_attached: false });
}

const plug: CallHandler = async (ctx, args) => {
  await plugPbd(ctx, String(args[0]));
  return VOID;
};

const unplug: CallHandler = async (ctx, args) => {
  await unplugPbd(ctx, String(args[0]));
  return VOID;
};

const scan: CallHandler = (ctx, args) => {
  const { db } = ctx;
  const sr = String(args[0]);
  const plugged = existing(db, "PBD", db.set("SR", sr, "PBDs")).some((pbd) =>
    db.bool("PBD", pbd, "currently_attached"),
  );
  if (!plugged) {
    throw new XapiFailure("SR_HAS_NO_PBDS", sr);
  }
  return VOID;
};

export const storage: CallModule = {
  calls: {
    "PBD.plug": plug,
    "PBD.unplug": unplug,
    "SR.scan": scan,
    "SR.assert_can_host_ha_statefile": assertCanHost,
  },
};
