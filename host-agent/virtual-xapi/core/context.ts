/** The context handed to calls, operations and services of the coordinator. */
import type { AlertMessage, CallContext, SessionInfo, TaskHandle } from "../call.ts";
import { PeerUnreachable } from "../ports.ts";
import type { ParamModel } from "../datamodel/datamodel.ts";
import { emptyValue } from "../datamodel/records.ts";
import { XapiFailure, type XapiValue } from "../value.ts";
import type { Life } from "./life.ts";
import { NOT_READY, WRONG_SECRET } from "./peers.ts";
import { noTask } from "./tasks.ts";

export interface CallSpec {
  readonly method: string;
  readonly session?: SessionInfo;
  readonly task?: TaskHandle;
}

/** Work of the pool itself: no client session behind it. */
export const INTERNAL_SESSION: SessionInfo = {
  ref: "OpaqueRef:NULL",
  kind: "peer",
  userName: "root",
  role: "pool-admin",
};

/** Throws `HOST_IS_SLAVE` where there is no database. */
export function coordinatorContext(life: Life, spec: CallSpec): CallContext {
  const { db, liveness, hostRef, poolRef, messages } = life.needCoordinator();
  const session = spec.session ?? INTERNAL_SESSION;
  const task = spec.task ?? noTask();
  return {
    ...life.hostContext(),
    db,
    liveness,
    hostRef,
    poolRef,
    session,
    task,
    method: spec.method,
    onHost: (target, op, args, options = {}) => onHost(life, target, [op, ...args], options),
    call: (method, args) => runMethod(life, { method, session, task }, args),
    spawn: (name, work) => spawn(life, name, work),
    alert: (message) => alert(life, messages, message),
  };
}

function spawn(life: Life, name: string, work: () => Promise<void>): void {
  work().catch((error: unknown) => {
    if (!life.ended) life.log("warn", `${name} failed: ${String(error)}`);
  });
}

function alert(
  life: Life,
  messages: { create: (message: AlertMessage) => string },
  message: AlertMessage,
): void {
  try {
    messages.create(message);
  } catch (error) {
    life.log("warn", `message ${message.name} not stored: ${String(error)}`);
  }
}

function cannotContact(error: unknown): boolean {
  if (error instanceof PeerUnreachable) return true;
  return error instanceof XapiFailure && [NOT_READY, WRONG_SECRET].includes(error.code);
}

async function onHost(
  life: Life,
  target: string,
  request: readonly XapiValue[],
  options: { readonly timeoutMs?: number; readonly evenIfOffline?: boolean },
): Promise<XapiValue> {
  const { db, liveness, hostRef } = life.needCoordinator();
  const address = db.str("host", target, "address");
  if (target === hostRef) {
    const [op, ...args] = request;
    const run = life.registry.hostOp(String(op));
    if (run === undefined) throw new XapiFailure("INTERNAL_ERROR", `no operation ${String(op)}`);
    return await run(life.hostContext(), args);
  }
  if (options.evenIfOffline !== true && !liveness.isLive(target)) {
    throw new XapiFailure("HOST_OFFLINE", target);
  }
  try {
    return await life.peers.ask(address, "host-op", request, options.timeoutMs);
  } catch (error) {
    if (cannotContact(error)) throw new XapiFailure("CANNOT_CONTACT_HOST", target);
    throw error;
  }
}

export interface Running {
  readonly method: string;
  readonly session: SessionInfo;
  readonly task: TaskHandle;
}

/** Fills in what the caller left out. */
function completeArguments(
  params: readonly ParamModel[],
  given: readonly XapiValue[],
): readonly XapiValue[] {
  return params.map((param, index) => given[index] ?? param.fallback ?? emptyValue(param.type));
}

export async function runMethod(
  life: Life,
  running: Running,
  given: readonly XapiValue[],
): Promise<XapiValue> {
  const method = life.registry.method(running.method);
  if (method === null) throw new XapiFailure("MESSAGE_METHOD_UNKNOWN", running.method);
  const args = completeArguments(method.params, given);
  if (method.localCall !== null) {
    return await method.localCall(life.hostContext(), args, running.session);
  }
  if (method.handler === null) throw new XapiFailure("MESSAGE_METHOD_UNKNOWN", running.method);
  return await method.handler(coordinatorContext(life, running), args);
}
