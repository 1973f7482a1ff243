/** The calls that reach into the node itself, as opposed to those of `calls/`. */
import type { CallModule } from "../call.ts";
import { eventCalls } from "./event-calls.ts";
import { hostCalls } from "./host-calls.ts";
import type { Life } from "./life.ts";
import { messageCalls } from "./message-calls.ts";
import { roleCalls } from "./role-calls.ts";
import { sessionCalls } from "./session-calls.ts";
import { taskCalls } from "./task-calls.ts";

export function coreModules(life: Life): readonly CallModule[] {
  return [
    sessionCalls(life),
    eventCalls(life),
    messageCalls(life),
    taskCalls(life),
    hostCalls(life),
    roleCalls(life),
  ];
}
