/** Brackets around operations: they are visible in `current_operations` while they run. */
import type { CallContext } from "../call.ts";
import { hostOperationError, poolOperationError, refreshHost, refreshPool } from "./host-rules.ts";
import { failureOf } from "./scene.ts";
import {
  applianceOperationError,
  refreshAppliance,
  refreshVm,
  vmOperationError,
  type VmOperation,
} from "./vm-rules.ts";

interface Bracket {
  readonly cls: string;
  readonly ref: string;
  readonly op: string;
  readonly refresh: () => void;
}

/** Key of an operation: the task, or a name of its own for work without one. */
function keyOf(ctx: CallContext): string {
  return ctx.task.ref ?? `OpaqueRef:${ctx.ports.dice.uuid()}`;
}

async function within<T>(
  ctx: CallContext,
  bracket: Bracket,
  work: () => Promise<T> | T,
): Promise<T> {
  const key = keyOf(ctx);
  ctx.db.putKey(bracket.cls, bracket.ref, "current_operations", key, bracket.op);
  bracket.refresh();
  try {
    return await work();
  } finally {
    if (ctx.db.has(bracket.cls, bracket.ref)) {
      ctx.db.dropKey(bracket.cls, bracket.ref, "current_operations", key);
      bracket.refresh();
    }
  }
}

/** Throws the operation's first error, else runs `work` with the operation marked on the VM. */
export function withVmOperation<T>(
  ctx: CallContext,
  target: { readonly vm: string; readonly op: VmOperation; readonly strict?: boolean },
  work: () => Promise<T> | T,
): Promise<T> {
  const error = vmOperationError(ctx, target.vm, target.op, target.strict ?? true);
  if (error !== null) {
    throw failureOf(error);
  }
  const refresh = (): void => refreshVm(ctx, target.vm);
  return within(ctx, { cls: "VM", ref: target.vm, op: target.op, refresh }, work);
}

export function withHostOperation<T>(
  ctx: CallContext,
  target: { readonly host: string; readonly op: string },
  work: () => Promise<T> | T,
): Promise<T> {
  const error = hostOperationError(ctx, target.host, target.op);
  if (error !== null) {
    throw failureOf(error);
  }
  const refresh = (): void => refreshHost(ctx, target.host);
  return within(ctx, { cls: "host", ref: target.host, op: target.op, refresh }, work);
}

export function withPoolOperation<T>(
  ctx: CallContext,
  op: string,
  work: () => Promise<T> | T,
): Promise<T> {
  const error = poolOperationError(ctx, op);
  if (error !== null) {
    throw failureOf(error);
  }
  const refresh = (): void => refreshPool(ctx);
  return within(ctx, { cls: "pool", ref: ctx.poolRef, op, refresh }, work);
}

export function withApplianceOperation<T>(
  ctx: CallContext,
  target: { readonly appliance: string; readonly op: string },
  work: () => Promise<T> | T,
): Promise<T> {
  const error = applianceOperationError(ctx, target.appliance, target.op);
  if (error !== null) {
    throw failureOf(error);
  }
  const refresh = (): void => refreshAppliance(ctx, target.appliance);
  return within(ctx, { cls: "VM_appliance", ref: target.appliance, op: target.op, refresh }, work);
}
