import type { CallModule } from "../call.ts";
import { VOID, type XapiValue } from "../value.ts";
import type { Life } from "./life.ts";

function texts(value: XapiValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

export function eventCalls(life: Life): CallModule {
  return {
    calls: {
      "event.from": (ctx, [classes, token, timeout]) =>
        life
          .needCoordinator()
          .events.from(ctx.session.ref, texts(classes), String(token), Number(timeout)),
      "event.inject": (_ctx, [cls, ref]) =>
        life.needCoordinator().events.inject(String(cls), String(ref)),
      "event.get_current_id": () => life.needCoordinator().queue.currentId(),
      "event.register": (ctx, [classes]) => {
        life.needCoordinator().queue.register(ctx.session.ref, texts(classes));
        return VOID;
      },
      "event.unregister": (ctx, [classes]) => {
        life.needCoordinator().queue.unregister(ctx.session.ref, texts(classes));
        return VOID;
      },
      "event.next": (ctx) => life.needCoordinator().queue.next(ctx.session.ref),
    },
  };
}
