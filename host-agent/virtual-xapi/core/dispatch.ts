/** From a decoded request to an outcome: the checks in XAPI's order, then the call itself. */
import type { SessionInfo } from "../call.ts";
import type { MessageModel } from "../datamodel/datamodel.ts";
import { parseType, type WireType } from "../datamodel/types.ts";
import { PeerUnreachable } from "../ports.ts";
import { NULL_REF, VOID, XapiFailure, type XapiValue } from "../value.ts";
import { coerce, TypeMismatch } from "../wire/coerce.ts";
import type { RawValue } from "../wire/raw.ts";
import { encodeXmlFragment } from "../wire/xml-rpc.ts";
import { runMethod } from "./context.ts";
import { Ended, never } from "./guard.ts";
import type { Life } from "./life.ts";
import { logIn } from "./login.ts";
import type { Method } from "./registry.ts";
import { noTask } from "./tasks.ts";

export interface Incoming {
  /** As called, with `Async.` where asked for. */
  readonly method: string;
  readonly params: readonly RawValue[];
  readonly via: "tcp" | "socket";
}

export type Outcome =
  | { readonly type: "success"; readonly value: XapiValue; readonly as: WireType }
  | { readonly type: "failure"; readonly error: readonly string[] }
  | { readonly type: "method-list"; readonly names: readonly string[] };

const LIST_METHODS = "system.listMethods";

const ASYNC = "Async.";
const TASK_REF = parseType("task ref");
/** Classes whose calls leave no task behind. */
const NO_TASK = new Set(["session", "event", "task", "data_source", "blob"]);

interface Prepared {
  readonly name: string;
  readonly async: boolean;
  readonly method: Method;
  readonly sessionRef: string;
  readonly args: readonly XapiValue[];
}

/** What a caught error is to a client. */
function errorOf(error: unknown): readonly string[] {
  if (error instanceof XapiFailure) return [error.code, ...error.params];
  if (error instanceof PeerUnreachable) return ["INTERNAL_ERROR", "a member cannot be reached"];
  return ["INTERNAL_ERROR", String(error)];
}

function unknown(name: string): XapiFailure {
  return new XapiFailure("MESSAGE_METHOD_UNKNOWN", name);
}

/** Throws for a method that is not there, a wrong number of arguments, or a wrong type. */
function prepare(life: Life, call: Incoming): Prepared {
  const async = call.method.startsWith(ASYNC);
  const name = async ? call.method.slice(ASYNC.length) : call.method;
  const method = life.registry.method(name);
  if (method === null) throw unknown(call.method);
  const { model } = method;
  if (async && (!model.async || NO_TASK.has(model.className))) throw unknown(call.method);
  const offset = model.needsSession ? 1 : 0;
  const required = method.params.filter((param) => param.required).length;
  const received = call.params.length;
  if (received < required + offset || received > method.params.length + offset) {
    throw new XapiFailure(
      "MESSAGE_PARAMETER_COUNT_MISMATCH",
      name,
      String(required + offset),
      String(received),
    );
  }
  const given = call.params.slice(offset);
  const args = given.map((raw, index) => {
    const param = method.params[index];
    return param === undefined ? VOID : typed(raw, param.type, param.name);
  });
  const first = call.params[0] ?? "";
  const sessionRef = model.needsSession
    ? String(typed(first, parseType("session ref"), "session_id"))
    : NULL_REF;
  return { name, async, method, sessionRef, args };
}

function typed(raw: RawValue, type: WireType, field: string): XapiValue {
  try {
    return coerce(raw, type);
  } catch (error) {
    if (error instanceof TypeMismatch) throw new XapiFailure("FIELD_TYPE_ERROR", field);
    throw error;
  }
}

function assertRole(session: SessionInfo, model: MessageModel): void {
  if (session.kind !== "pool-user" || session.userName === "root") return;
  if (model.roles.includes(session.role)) return;
  const permission = `${model.className}.${model.name}`.toLowerCase();
  const roles = model.roles.filter((role) => role !== "root-only").join(", ");
  throw new XapiFailure(
    "RBAC_PERMISSION_DENIED",
    permission,
    `No permission in user session. (Roles with this permission: ${roles})`,
  );
}

/**
 * Who calls. On a supporter only sessions of that host count; any other is looked up at the
 * coordinator, which hangs without one.
 */
async function checkSession(life: Life, ref: string): Promise<SessionInfo> {
  if (life.connection === null || life.sessions.isLocal(ref)) return life.sessions.check(ref);
  if (life.emergency !== null) throw new XapiFailure("SESSION_INVALID", ref);
  const kind = await life.connection.request("session-kind", [ref]);
  if (kind === "") throw new XapiFailure("SESSION_INVALID", ref);
  if (kind !== "peer") throw new XapiFailure("HOST_IS_SLAVE", life.coordinatorAddress);
  return { ref, kind: "peer", userName: "root", role: "pool-admin" };
}

/** A supporter has no database of its own: the coordinator answers in its place. */
async function runElsewhere(life: Life, prepared: Prepared): Promise<Outcome> {
  const { name, async, method, args } = prepared;
  const full = async ? ASYNC + name : name;
  const value = await life.connection?.requestOnce("call", [full, ...args]);
  return { type: "success", value: value ?? VOID, as: async ? TASK_REF : method.model.result };
}

async function runWithTask(life: Life, prepared: Prepared, session: SessionInfo): Promise<Outcome> {
  const { name, async, method, args } = prepared;
  const { tasks, hostRef } = life.needCoordinator();
  const label = async ? ASYNC + name : name;
  const sessionRef = session.kind === "local-host" ? NULL_REF : session.ref;
  const ref = tasks.create({ label, sessionRef, hostRef });
  const work = runMethod(life, { method: name, session, task: tasks.handle(ref) }, args);
  if (!async) {
    try {
      return { type: "success", value: await work, as: method.model.result };
    } finally {
      tasks.drop(ref);
    }
  }
  work.then(
    (value) => tasks.succeed(ref, encodeXmlFragment(value, method.model.result)),
    (error: unknown) => {
      if (!(error instanceof Ended)) tasks.fail(ref, errorOf(error));
    },
  );
  return { type: "success", value: ref, as: TASK_REF };
}

async function run(life: Life, prepared: Prepared, session: SessionInfo): Promise<Outcome> {
  const { name, async, method, args } = prepared;
  const local = method.localCall !== null && !async;
  if (life.coordinator === null && !local) return await runElsewhere(life, prepared);
  const wantsTask = method.model.async && !NO_TASK.has(method.model.className) && !local;
  if (wantsTask && life.coordinator !== null) return await runWithTask(life, prepared, session);
  const value = await runMethod(life, { method: name, session, task: noTask() }, args);
  return { type: "success", value, as: method.model.result };
}

/** With a session that has been checked already: a member's call on behalf of its local root. */
export async function dispatchTrusted(
  life: Life,
  method: string,
  args: readonly XapiValue[],
  session: SessionInfo,
): Promise<XapiValue> {
  const async = method.startsWith(ASYNC);
  const name = async ? method.slice(ASYNC.length) : method;
  const found = life.registry.method(name);
  if (found === null) throw unknown(method);
  const prepared = { name, async, method: found, sessionRef: session.ref, args };
  const outcome = await run(life, prepared, session);
  return outcome.type === "success" ? outcome.value : VOID;
}

async function answer(life: Life, call: Incoming): Promise<Outcome> {
  if (call.method === LIST_METHODS) return { type: "method-list", names: life.registry.names() };
  const prepared = prepare(life, call);
  const { model, removed } = prepared.method;
  if (!model.needsSession) {
    const value = await logIn(life, prepared.name, prepared.args, call.via);
    return { type: "success", value, as: model.result };
  }
  const session = await checkSession(life, prepared.sessionRef);
  if (removed) throw new XapiFailure("MESSAGE_REMOVED");
  assertRole(session, model);
  return await run(life, prepared, session);
}

/** Answers every call; never rejects. Work of an ended XAPI never answers. */
export async function dispatch(life: Life, call: Incoming): Promise<Outcome> {
  try {
    const outcome = await answer(life, call);
    return life.ended ? await never() : outcome;
  } catch (error) {
    if (life.ended || error instanceof Ended) return await never();
    if (!(error instanceof XapiFailure)) life.log("error", `${call.method}: ${String(error)}`);
    return { type: "failure", error: errorOf(error) };
  }
}
