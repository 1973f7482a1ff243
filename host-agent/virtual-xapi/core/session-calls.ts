/** Leaving: the ways in are in `login.ts`. */
import type { CallModule } from "../call.ts";
import { VOID, XapiFailure } from "../value.ts";
import type { Life } from "./life.ts";

/**
 * Calls without a session are answered before a handler is looked for; this entry makes them known.
 */
function answeredAtTheDoor(): never {
  throw new XapiFailure("INTERNAL_ERROR", "a login has no handler");
}

export function sessionCalls(life: Life): CallModule {
  return {
    calls: {
      "session.login_with_password": answeredAtTheDoor,
      "session.slave_login": answeredAtTheDoor,
      "session.logout": (ctx) => {
        life.sessions.end(ctx.session.ref);
        return VOID;
      },
    },
    localCalls: {
      "session.slave_local_login": answeredAtTheDoor,
      "session.slave_local_login_with_password": answeredAtTheDoor,
      "session.local_logout": (_host, _args, session) => {
        life.sessions.endLocal(session.ref);
        return VOID;
      },
    },
  };
}
