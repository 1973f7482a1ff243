import type { CallContext, CallModule } from "../call.ts";
import { VOID, XapiFailure, type XapiValue } from "../value.ts";
import type { Life } from "./life.ts";

/** Everybody handles their own tasks; those of others are for the roles above. */
function assertMayTouch(ctx: CallContext, life: Life, task: string): void {
  const owner = life.sessions.find(ctx.db.str("task", task, "session"));
  const own = owner?.userName === ctx.session.userName;
  const strong = ctx.session.kind !== "pool-user" || ctx.session.role.startsWith("pool-");
  if (own || strong) return;
  throw new XapiFailure(
    "RBAC_PERMISSION_DENIED",
    "task.destroy/any",
    "No permission in user session",
  );
}

export function taskCalls(life: Life): CallModule {
  const write = (field: string) => {
    return (ctx: CallContext, [self, value]: readonly XapiValue[]): XapiValue => {
      assertMayTouch(ctx, life, String(self));
      ctx.db.update("task", String(self), { [field]: value ?? "" });
      return VOID;
    };
  };
  return {
    calls: {
      "task.create": (ctx, [label, description]) =>
        life.needCoordinator().tasks.create({
          label: String(label),
          description: String(description),
          sessionRef: ctx.session.ref,
          hostRef: ctx.hostRef,
        }),
      "task.destroy": (ctx, [self]) => {
        assertMayTouch(ctx, life, String(self));
        life.needCoordinator().tasks.destroy(String(self));
        return VOID;
      },
      "task.cancel": (ctx, [task]) => {
        assertMayTouch(ctx, life, String(task));
        life.needCoordinator().tasks.cancel(String(task));
        return VOID;
      },
      "task.set_status": write("status"),
      "task.set_progress": write("progress"),
      "task.set_resident_on": write("resident_on"),
    },
    hidden: {
      "task.set_resident_on": {
        params: [
          { name: "self", type: "task ref" },
          { name: "value", type: "host ref" },
        ],
        result: "void",
      },
    },
  };
}
