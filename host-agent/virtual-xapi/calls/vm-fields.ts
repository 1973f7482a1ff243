/** HA and order fields of VMs, previews of placement, and forcing a lost VM to rest. */
import type { CallContext, CallHandler, CallModule } from "../call.ts";
import { VOID, XapiFailure } from "../call.ts";
import { assertAgile } from "./agility.ts";
import { assertNewVmKeepsPlan, refreshHaPlan } from "./ha-planner.ts";
import { overheadBytes } from "./memory.ts";
import { assertCanBootHere, possibleHosts } from "./placement.ts";
import { isHaOn, isLivePowerState, isNull, uuidOf } from "./scene.ts";
import { dropSuspendImage, markHalted } from "./vm-state.ts";
import { refreshAppliance, refreshVm } from "./vm-rules.ts";

const restartPriorities: readonly string[] = ["restart", "best-effort", ""];

const setRestartPriority: CallHandler = (ctx, args) => {
  const vm = String(args[0]);
  const value = String(args[1]);
  const { db } = ctx;
  const current = db.str("VM", vm, "ha_restart_priority");
  if (!restartPriorities.includes(value)) {
    throw new XapiFailure("INVALID_VALUE", "ha_restart_priority", value);
  }
  const state = db.str("VM", vm, "power_state");
  if (current !== "restart" && value === "restart" && state !== "Halted") {
    assertNewVmKeepsPlan(ctx, vm);
  }
  if (current !== value) {
    db.update("VM", vm, {
      ha_restart_priority: value,
      ...(state === "Running" ? { ha_always_run: value === "restart" } : {}),
    });
    if (isHaOn(ctx)) {
      refreshHaPlan(ctx);
    }
  }
  return VOID;
};

function setCount(field: "order" | "start_delay" | "shutdown_delay"): CallHandler {
  return (ctx, args) => {
    const vm = String(args[0]);
    const value = Number(args[1]);
    ctx.db.get("VM", vm);
    if (value < 0) {
      throw new XapiFailure("INVALID_VALUE", `${field} must be non-negative`, String(value));
    }
    ctx.db.update("VM", vm, { [field]: value });
    return VOID;
  };
}

const setAppliance: CallHandler = (ctx, args) => {
  const vm = String(args[0]);
  const appliance = String(args[1]);
  const { db } = ctx;
  if (!isNull(appliance)) {
    db.get("VM_appliance", appliance);
    if (db.bool("VM", vm, "is_control_domain") || db.bool("VM", vm, "is_a_template")) {
      throw new XapiFailure("OPERATION_NOT_ALLOWED", "Only ordinary VMs can be in an appliance.");
    }
  }
  const before = db.str("VM", vm, "appliance");
  db.update("VM", vm, { appliance });
  for (const ref of [before, appliance].filter((item) => db.has("VM_appliance", item))) {
    refreshAppliance(ctx, ref);
  }
  return VOID;
};

const powerStateReset: CallHandler = async (ctx, args) => {
  await resetPowerState(ctx, String(args[0]));
  return VOID;
};

/**
 * Forces a VM to Halted in the database. No domain is destroyed and no storage lock released.
 * Throws `CANNOT_RESET_CONTROL_DOMAIN`, `DOMAIN_EXISTS`, `HOST_IS_LIVE`.
 */
async function resetPowerState(ctx: CallContext, vm: string): Promise<void> {
  const { db } = ctx;
  if (db.bool("VM", vm, "is_control_domain")) {
    throw new XapiFailure("CANNOT_RESET_CONTROL_DOMAIN", vm);
  }
  if (isLivePowerState(db.str("VM", vm, "power_state"))) {
    await assertNobodyRuns(ctx, vm);
  }
  dropSuspendImage(db, vm);
  markHalted(ctx, vm);
}

async function assertNobodyRuns(ctx: CallContext, vm: string): Promise<void> {
  const host = ctx.db.str("VM", vm, "resident_on");
  if (host === ctx.hostRef) {
    const domain = ctx.ports.domains.find(uuidOf(ctx.db, "VM", vm));
    if (domain !== undefined && !domain.paused) {
      throw new XapiFailure("DOMAIN_EXISTS", vm);
    }
    return;
  }
  if (ctx.db.has("host", host) && (await ctx.liveness.isAlive(host))) {
    throw new XapiFailure("HOST_IS_LIVE", host);
  }
}

const assertCanBoot: CallHandler = (ctx, args) => {
  ctx.db.get("VM", String(args[0]));
  ctx.db.get("host", String(args[1]));
  assertCanBootHere(ctx, { vm: String(args[0]), host: String(args[1]) });
  return VOID;
};

const getPossibleHosts: CallHandler = (ctx, args) => {
  ctx.db.get("VM", String(args[0]));
  return possibleHosts(ctx, String(args[0]));
};

const assertVmAgile: CallHandler = (ctx, args) => {
  ctx.db.get("VM", String(args[0]));
  assertAgile(ctx.db, String(args[0]));
  return VOID;
};

const computeMemoryOverhead: CallHandler = (ctx, args) => {
  ctx.db.get("VM", String(args[0]));
  return overheadBytes(ctx.db, String(args[0]));
};

/** Pool-internal: the database's idea of the home, nothing else. */
const setResidentOn: CallHandler = (ctx, args) => {
  ctx.db.get("host", String(args[1]));
  ctx.db.update("VM", String(args[0]), { resident_on: String(args[1]) });
  refreshVm(ctx, String(args[0]));
  return VOID;
};

/** Sets static maximum and both dynamic limits of a halted VM. */
const setMemory: CallHandler = (ctx, args) => {
  const vm = String(args[0]);
  const value = Number(args[1]);
  const state = ctx.db.str("VM", vm, "power_state");
  if (state !== "Halted") {
    throw new XapiFailure("VM_BAD_POWER_STATE", vm, "halted", state.toLowerCase());
  }
  if (value < ctx.db.num("VM", vm, "memory_static_min")) {
    throw new XapiFailure("MEMORY_CONSTRAINT_VIOLATION", "static_min <= dynamic_min");
  }
  ctx.db.update("VM", vm, {
    memory_static_max: value,
    memory_dynamic_max: value,
    memory_dynamic_min: value,
  });
  ctx.db.update("VM", vm, { memory_overhead: overheadBytes(ctx.db, vm) });
  return VOID;
};

function editBlocked(change: (ctx: CallContext, vm: string, args: readonly unknown[]) => void) {
  const handler: CallHandler = (ctx, args) => {
    const vm = String(args[0]);
    ctx.db.get("VM", vm);
    change(ctx, vm, args);
    refreshVm(ctx, vm);
    return VOID;
  };
  return handler;
}

const addBlocked = editBlocked((ctx, vm, args) => {
  const key = String(args[1]);
  if (key in ctx.db.map("VM", vm, "blocked_operations")) {
    const uuid = uuidOf(ctx.db, "VM", vm);
    throw new XapiFailure("MAP_DUPLICATE_KEY", "VM", "blocked_operations", uuid, key);
  }
  ctx.db.putKey("VM", vm, "blocked_operations", key, String(args[2]));
});

const removeBlocked = editBlocked((ctx, vm, args) => {
  ctx.db.dropKey("VM", vm, "blocked_operations", String(args[1]));
});

const setBlocked = editBlocked((ctx, vm, args) => {
  ctx.db.update("VM", vm, { blocked_operations: args[1] as Readonly<Record<string, string>> });
});

export const vmFields: CallModule = {
  calls: {
    "VM.set_ha_restart_priority": setRestartPriority,
    "VM.set_order": setCount("order"),
    "VM.set_start_delay": setCount("start_delay"),
    "VM.set_shutdown_delay": setCount("shutdown_delay"),
    "VM.set_appliance": setAppliance,
    "VM.set_memory": setMemory,
    "VM.power_state_reset": powerStateReset,
    "VM.assert_can_boot_here": assertCanBoot,
    "VM.get_possible_hosts": getPossibleHosts,
    "VM.assert_agile": assertVmAgile,
    "VM.compute_memory_overhead": computeMemoryOverhead,
    "VM.atomic_set_resident_on": setResidentOn,
    "VM.set_blocked_operations": setBlocked,
    "VM.add_to_blocked_operations": addBlocked,
    "VM.remove_from_blocked_operations": removeBlocked,
  },
};
