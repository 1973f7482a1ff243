/** What a member answers to another member. */
import type { PeerRequest } from "../ports.ts";
import { XapiFailure, type XapiValue } from "../value.ts";
import { coordinatorContext, INTERNAL_SESSION } from "./context.ts";
import { dispatchTrusted } from "./dispatch.ts";
import { handleHttp } from "./http.ts";
import type { Life } from "./life.ts";
import { createForMember } from "./login.ts";
import { storeMessageCopy } from "./messages.ts";
import { NOT_COORDINATOR, NOT_READY, WRONG_SECRET } from "./peers.ts";

type Answer = (
  life: Life,
  args: readonly XapiValue[],
  from: string,
) => XapiValue | Promise<XapiValue>;

function senderRef(life: Life, from: string): string {
  const ref = life.needCoordinator().db.findByUuid("host", from);
  if (ref === undefined) throw new XapiFailure("HOST_UNKNOWN_TO_MASTER", from);
  return ref;
}

function assertReady(life: Life): void {
  if (life.role.type !== "coordinator") throw new XapiFailure(NOT_COORDINATOR);
  if (life.coordinator === null) throw new XapiFailure(NOT_READY);
}

/** Asked of any member, whatever its state. */
const memberAnswers: Readonly<Record<string, Answer>> = {
  is_slave(life) {
    life.connection?.kick();
    return life.role.type !== "coordinator";
  },
  "local-call": async (life, [method, ...args]) => {
    const call = life.registry.localCall(String(method));
    if (call === undefined) throw new XapiFailure("MESSAGE_METHOD_UNKNOWN", String(method));
    return await call(life.hostContext(), args, INTERNAL_SESSION);
  },
  "host-op": async (life, [op, ...args]) => {
    if (life.emergency !== null) throw new XapiFailure(NOT_READY);
    const run = life.registry.hostOp(String(op));
    if (run === undefined) throw new XapiFailure("INTERNAL_ERROR", `no operation ${String(op)}`);
    return await run(life.hostContext(), args);
  },
  "db-backup": (life, [text]) => {
    life.ports.disk.write("state.db", String(text));
    return true;
  },
  "messages-copy": (life, [text]) => {
    storeMessageCopy(life.ports.disk, String(text));
    return true;
  },
};

/** Asked of the coordinator. */
const coordinatorAnswers: Readonly<Record<string, Answer>> = {
  "coordinator-ready": () => true,
  "coordinator-op": async (life, [op, ...args], from) => {
    const run = life.registry.coordinatorOp(String(op));
    if (run === undefined) throw new XapiFailure("INTERNAL_ERROR", `no operation ${String(op)}`);
    const ctx = coordinatorContext(life, { method: String(op) });
    return await run(ctx, args, senderRef(life, from));
  },
  "session-kind": (life, [ref]) => life.sessions.find(String(ref))?.kind ?? "",
  "session-create": (life, [userName, originator], from) =>
    createForMember(life, senderRef(life, from), String(userName), String(originator)),
  call: async (life, [method, ...args]) =>
    await dispatchTrusted(life, String(method), args, INTERNAL_SESSION),
  forward: async (life, [path, body, contentType]) => {
    const reply = await handleHttp(life, {
      path: String(path),
      body: String(body),
      contentType: String(contentType),
      via: "tcp",
      peerAddress: "member",
    });
    return { status: reply.status, contentType: reply.contentType, text: reply.body };
  },
};

export async function answerPeer(life: Life, request: PeerRequest): Promise<XapiValue> {
  const { op, args, from, poolSecret } = request;
  if (poolSecret !== life.options.poolSecret) throw new XapiFailure(WRONG_SECRET);
  const member = memberAnswers[op];
  if (member !== undefined) return await member(life, args, from);
  const answer = coordinatorAnswers[op];
  if (answer === undefined) throw new XapiFailure("INTERNAL_ERROR", `no question ${op}`);
  assertReady(life);
  return await answer(life, args, from);
}
