/** Moving all guests off a host, and telling beforehand which of them cannot. */
import type { CallContext, CallHandler, CallModule } from "../call.ts";
import { NULL_REF, VOID, XapiFailure } from "../call.ts";
import { compareVersions } from "../generation.ts";
import {
  freeMemoryByHost,
  freeMemoryBytes,
  hostCapacityBytes,
  startMemoryBytes,
} from "./memory.ts";
import { withHostOperation } from "./operations.ts";
import { packGreedily } from "./packing.ts";
import { bootError, isVersionNotOlder } from "./placement.ts";
import {
  errorOf,
  existing,
  failureOf,
  isHaOn,
  isNull,
  isProtected,
  residentGuests,
  type ErrorList,
  type Scene,
} from "./scene.ts";
import { withSubtask } from "./subtask.ts";
import { poolMigrate } from "./vm-migrate.ts";
import { vmOperationError } from "./vm-rules.ts";

const DEFAULT_BATCH = 10;

type VmPlan =
  | { readonly type: "migrate"; readonly host: string }
  | { readonly type: "error"; readonly error: ErrorList };

export type EvacuationPlan = ReadonlyMap<string, VmPlan>;

/** Other enabled hosts of no older version. Whether they are live is not asked. */
function targetHosts({ db }: Scene, host: string): readonly string[] {
  return db
    .refs("host")
    .filter((other) => other !== host && db.bool("host", other, "enabled"))
    .filter((other) => isVersionNotOlder(db, host, other));
}

/** From 26.17 the reason is named; before, the answer is a misleading lack of memory. */
function unprotectedError(scene: Scene, vm: string): ErrorList {
  return compareVersions(scene.generation.version, "26.17") >= 0
    ? ["HOST_EVACUATE_VM_NOT_HA_PROTECTED", vm]
    : ["HOST_NOT_ENOUGH_FREE_MEMORY", vm];
}

/** Every target must be able to run the VM; the first that cannot decides. */
function targetError(scene: Scene, vm: string, targets: readonly string[]): ErrorList | null {
  for (const host of targets) {
    const error = bootError(scene, { vm, host, memory: false });
    if (error !== null) {
      return error;
    }
  }
  return null;
}

function evacuationPlan(
  scene: Scene,
  host: string,
  options: { readonly ignoreHa?: boolean } = {},
): EvacuationPlan {
  const { db } = scene;
  const plan = new Map<string, VmPlan>();
  const fail = (vm: string, error: ErrorList): void => {
    plan.set(vm, { type: "error", error });
  };
  const targets = targetHosts(scene, host);
  const vms = residentGuests(db, host);
  if (targets.length === 0) {
    for (const vm of vms) {
      fail(vm, ["NO_HOSTS_AVAILABLE", vm]);
    }
    return plan;
  }
  const demandsProtection = isHaOn(scene) && options.ignoreHa !== true;
  const movable: string[] = [];
  for (const vm of vms) {
    if (demandsProtection && !isProtected(db, vm)) {
      fail(vm, unprotectedError(scene, vm));
      continue;
    }
    const error = targetError(scene, vm, targets);
    if (error === null) {
      movable.push(vm);
    } else {
      fail(vm, error);
    }
  }
  const packed = packGreedily(
    movable.map((vm) => ({ id: vm, bytes: startMemoryBytes(db, vm) })),
    freeMemoryByHost(db, targets),
  );
  for (const vm of movable) {
    const target = packed.get(vm);
    if (target === undefined) {
      fail(vm, ["HOST_NOT_ENOUGH_FREE_MEMORY", vm]);
    } else {
      plan.set(vm, { type: "migrate", host: target });
    }
  }
  for (const vm of vms) {
    const error = vmOperationError(scene, vm, "pool_migrate");
    if (error !== null) {
      fail(vm, error);
    }
  }
  return plan;
}

export function preventingVms(
  scene: Scene,
  host: string,
): readonly (readonly [string, ErrorList])[] {
  return [...evacuationPlan(scene, host)].flatMap(([vm, entry]): [string, ErrorList][] =>
    entry.type === "error" ? [[vm, entry.error]] : [],
  );
}

const getPreventing: CallHandler = (ctx, args) => {
  const host = String(args[0]);
  ctx.db.get("host", host);
  return Object.fromEntries(preventingVms(ctx, host));
};

const assertCanEvacuate: CallHandler = (ctx, args) => {
  const host = String(args[0]);
  ctx.db.get("host", host);
  const errors = preventingVms(ctx, host).map(([, error]) => error.join(","));
  if (errors.length > 0) {
    throw new XapiFailure("CANNOT_EVACUATE_HOST", errors.join("|"));
  }
  return VOID;
};

/** The migration network needs an address on every host that receives. */
function assertNetworkUsable(ctx: CallContext, network: string, hosts: readonly string[]): void {
  const { db } = ctx;
  const pifs = existing(db, "PIF", db.set("network", network, "PIFs"));
  for (const host of new Set(hosts)) {
    const pif = pifs.find((ref) => db.str("PIF", ref, "host") === host);
    if (pif === undefined) {
      throw new XapiFailure("PIF_NOT_PRESENT", host, network);
    }
    if (db.str("PIF", pif, "ip_configuration_mode") === "None") {
      throw new XapiFailure("PIF_HAS_NO_NETWORK_CONFIGURATION", pif);
    }
  }
}

/** A VM that stopped meanwhile is off the host all the same. */
function isForgivable(cause: unknown): boolean {
  return cause instanceof XapiFailure && errorOf(cause)[0] === "VM_BAD_POWER_STATE";
}

async function migrateAll(
  ctx: CallContext,
  moves: readonly (readonly [vm: string, host: string])[],
  batchSize: number,
): Promise<void> {
  const queue = [...moves];
  let done = 0;
  let failure: { readonly cause: unknown } | null = null;
  const work = async (): Promise<void> => {
    for (;;) {
      const next = failure === null ? queue.shift() : undefined;
      if (next === undefined) {
        return;
      }
      ctx.task.checkCancelled();
      const [vm, host] = next;
      try {
        await withSubtask(ctx, "Async.VM.pool_migrate", async (inner) => {
          await poolMigrate(inner, { vm, host, force: false });
          return VOID;
        });
      } catch (cause) {
        if (!isForgivable(cause)) {
          failure ??= { cause };
          return;
        }
      }
      done += 1;
      ctx.task.progress(done / moves.length);
    }
  };
  const workers = Array.from({ length: Math.min(batchSize, moves.length) }, work);
  const outcomes = await Promise.allSettled(workers);
  const rejected = outcomes.find((outcome) => outcome.status === "rejected");
  if (rejected?.status === "rejected") {
    throw rejected.reason;
  }
  const failed = failure as { readonly cause: unknown } | null;
  if (failed !== null) {
    throw failed.cause;
  }
}

export async function evacuate(
  ctx: CallContext,
  host: string,
  options: { readonly network: string; readonly batchSize: number },
): Promise<void> {
  await withHostOperation(ctx, { host, op: "evacuate" }, async () => {
    const plan = evacuationPlan(ctx, host);
    const moves: (readonly [string, string])[] = [];
    for (const [vm, entry] of plan) {
      if (entry.type === "error") {
        throw failureOf(entry.error);
      }
      moves.push([vm, entry.host]);
    }
    if (!isNull(options.network)) {
      ctx.db.get("network", options.network);
      assertNetworkUsable(
        ctx,
        options.network,
        moves.map(([, target]) => target),
      );
    }
    ctx.task.setCancellable(true);
    await migrateAll(ctx, moves, options.batchSize);
    const left = residentGuests(ctx.db, host);
    if (left.length > 0) {
      const text = `evacuate: VMs are still resident on the host: ${left.join("; ")}`;
      throw new XapiFailure("INTERNAL_ERROR", text);
    }
  });
}

/** One at a time before batches came (23.27); 0 stands for the host's own default. */
function batchSizeOf(ctx: CallContext, wanted: number): number {
  if (!ctx.generation.evacuateBatch) {
    return 1;
  }
  return wanted === 0 ? DEFAULT_BATCH : Math.abs(wanted);
}

const evacuateCall: CallHandler = async (ctx, args) => {
  const host = String(args[0]);
  ctx.db.get("host", host);
  await evacuate(ctx, host, {
    network: String(args[1] ?? NULL_REF),
    batchSize: batchSizeOf(ctx, Number(args[2] ?? 0)),
  });
  return VOID;
};

const computeFreeMemory: CallHandler = (ctx, args) => {
  ctx.db.get("host", String(args[0]));
  return freeMemoryBytes(ctx.db, String(args[0]));
};

const computeMemoryOverhead: CallHandler = (ctx, args) => {
  const host = String(args[0]);
  const metrics = ctx.db.find("host_metrics", ctx.db.str("host", host, "metrics"));
  return Number(metrics?.["memory_total"] ?? 0) - hostCapacityBytes(ctx.db, host);
};

/** Kept for old clients: the answer has been empty for years. */
const getUncooperative: CallHandler = (ctx, args) => {
  ctx.db.get("host", String(args[0]));
  return [];
};

export const hostEvacuate: CallModule = {
  calls: {
    "host.evacuate": evacuateCall,
    "host.get_vms_which_prevent_evacuation": getPreventing,
    "host.assert_can_evacuate": assertCanEvacuate,
    "host.compute_free_memory": computeFreeMemory,
    "host.compute_memory_overhead": computeMemoryOverhead,
    "host.get_uncooperative_resident_VMs": getUncooperative,
  },
};
