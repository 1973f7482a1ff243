/** Starting and stopping the VMs of an appliance in groups by their order. */
import type { CallContext, CallHandler, CallModule } from "../call.ts";
import { VOID, XapiFailure } from "../call.ts";
import { withApplianceOperation } from "./operations.ts";
import { existing } from "./scene.ts";
import { withSubtask } from "./subtask.ts";
import { refreshAppliance } from "./vm-rules.ts";

interface Plan {
  readonly op: "start" | "clean_shutdown" | "hard_shutdown" | "shutdown";
  readonly wanted: "Running" | "Paused" | "Halted";
  readonly rising: boolean;
  readonly paused: boolean;
}

/** Groups of equal order, lowest first. */
export function orderGroups(ctx: CallContext, vms: readonly string[]): readonly string[][] {
  const groups = new Map<number, string[]>();
  for (const vm of vms) {
    const order = ctx.db.num("VM", vm, "order");
    groups.set(order, [...(groups.get(order) ?? []), vm]);
  }
  return [...groups].toSorted((one, other) => one[0] - other[0]).map(([, group]) => group);
}

/** Runs the operation on one group at once; the outcome is read off the power states afterwards. */
async function runGroup(ctx: CallContext, plan: Plan, group: readonly string[]): Promise<void> {
  await Promise.allSettled(
    group.map((vm) =>
      withSubtask(ctx, `Async.VM.${plan.op}`, (inner) =>
        inner.call(`VM.${plan.op}`, plan.op === "start" ? [vm, plan.paused, false] : [vm]),
      ),
    ),
  );
}

async function perform(ctx: CallContext, appliance: string, plan: Plan): Promise<string> {
  const { db } = ctx;
  await withApplianceOperation(ctx, { appliance, op: plan.op }, async () => {
    const isMissing = (vm: string): boolean => db.str("VM", vm, "power_state") !== plan.wanted;
    const targets = existing(db, "VM", db.set("VM_appliance", appliance, "VMs")).filter(isMissing);
    const groups = orderGroups(ctx, targets);
    for (const group of plan.rising ? groups : groups.toReversed()) {
      await runGroup(ctx, plan, group);
    }
    const failed = targets.filter(isMissing);
    if (failed.length > 0) {
      throw new XapiFailure("OPERATION_PARTIALLY_FAILED", `VM_appliance.${plan.op}`, ...failed);
    }
  });
  return VOID;
}

const start: CallHandler = (ctx, args) => {
  const paused = args[1] === true;
  const wanted = paused ? "Paused" : "Running";
  return perform(ctx, String(args[0]), { op: "start", wanted, rising: true, paused });
};

function stopping(op: "clean_shutdown" | "hard_shutdown" | "shutdown"): CallHandler {
  return (ctx, args) =>
    perform(ctx, String(args[0]), { op, wanted: "Halted", rising: false, paused: false });
}

const create: CallHandler = (ctx, args) => {
  const record = (args[0] ?? {}) as Readonly<Record<string, string>>;
  const ref = ctx.db.create("VM_appliance", {
    name_label: record["name_label"] ?? "",
    name_description: record["name_description"] ?? "",
  });
  refreshAppliance(ctx, ref);
  return ref;
};

const destroy: CallHandler = (ctx, args) => {
  const { db } = ctx;
  const appliance = String(args[0]);
  for (const vm of existing(db, "VM", db.set("VM_appliance", appliance, "VMs"))) {
    db.update("VM", vm, { appliance: "OpaqueRef:NULL" });
  }
  db.destroy("VM_appliance", appliance);
  return VOID;
};

export const appliances: CallModule = {
  calls: {
    "VM_appliance.start": start,
    "VM_appliance.clean_shutdown": stopping("clean_shutdown"),
    "VM_appliance.hard_shutdown": stopping("hard_shutdown"),
    "VM_appliance.shutdown": stopping("shutdown"),
    "VM_appliance.create": create,
    "VM_appliance.destroy": destroy,
  },
};
