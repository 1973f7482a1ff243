/** A call inside a call with a task of its own, so that clients see its progress. */
import type { CallContext, TaskHandle } from "../call.ts";
import { XapiFailure, type XapiValue } from "../call.ts";
import { formatDatetime } from "../wire/coerce.ts";

function handleFor(ctx: CallContext, ref: string): TaskHandle {
  return {
    ref,
    signal: ctx.task.signal,
    progress(fraction) {
      if (ctx.db.find("task", ref)?.["status"] === "pending") {
        ctx.db.update("task", ref, { progress: fraction });
      }
    },
    setCancellable() {},
    checkCancelled: () => ctx.task.checkCancelled(),
  };
}

/**
 * Runs `work` under a fresh pending task; the task is removed when it succeeds, kept when it fails.
 */
export async function withSubtask(
  ctx: CallContext,
  label: string,
  work: (inner: CallContext) => Promise<XapiValue>,
): Promise<XapiValue> {
  const now = (): string => formatDatetime(ctx.ports.clock.nowMs());
  const ref = ctx.db.create("task", {
    name_label: label,
    created: now(),
    finished: formatDatetime(0),
    session: ctx.session.ref,
    resident_on: ctx.hostRef,
    status: "pending",
    progress: 0,
    type: "<none/>",
    backtrace: "()",
    ...(ctx.task.ref === null ? {} : { subtask_of: ctx.task.ref }),
  });
  try {
    const value = await work({ ...ctx, task: handleFor(ctx, ref) });
    ctx.db.destroy("task", ref);
    return value;
  } catch (cause) {
    const error = cause instanceof XapiFailure ? [cause.code, ...cause.params] : [String(cause)];
    ctx.db.update("task", ref, {
      status: "failure",
      error_info: error,
      progress: 1,
      finished: now(),
    });
    throw cause;
  }
}
