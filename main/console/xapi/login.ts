import type { Dispatcher } from "undici";
import { memberAddress } from "./address.ts";
import type { MemberAddress } from "./address.ts";
import { CertificateRefused } from "./pinned-agent.ts";
import type { LinkTiming } from "./timing.ts";
import { ask } from "./wire.ts";

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** What came of one attempt to log in at one member. */
export type LoginOutcome =
  | { readonly type: "session"; readonly sessionId: string }
  | { readonly type: "supporter"; readonly coordinator: MemberAddress }
  | { readonly type: "wrong-password" }
  | { readonly type: "changed-certificate"; readonly refused: CertificateRefused }
  | { readonly type: "unseen-certificate"; readonly refused: CertificateRefused }
  | { readonly type: "other-pool"; readonly poolUuid: string }
  /** XAPI runs and answers everything with this reason, or failed the login in another way */
  | { readonly type: "xapi-refuses"; readonly code: string; readonly params: readonly string[] }
  | { readonly type: "not-xapi"; readonly found: string }
  | { readonly type: "unreachable"; readonly error: unknown };

export interface LoginOptions {
  readonly dispatcher: Dispatcher;
  readonly address: MemberAddress;
  readonly credentials: Credentials;
  /** the pool this must be; null at the very first login */
  readonly poolUuid: string | null;
  readonly timing: LinkTiming;
  readonly signal?: AbortSignal;
}

/** XAPI evicts the oldest idle session of an originator that has too many: never share one. */
const originator = "skink-console";
const apiVersion = "1.1";

/** Never rejects: everything that can happen to a login is an outcome. */
export async function logIn(options: LoginOptions): Promise<LoginOutcome> {
  const { dispatcher, address, credentials, timing, signal } = options;
  const asked = { dispatcher, address, ...(signal === undefined ? {} : { signal }) };
  try {
    const answer = await ask({
      ...asked,
      method: "session.login_with_password",
      params: [credentials.user, credentials.password, apiVersion, originator],
      timeoutMs: timing.loginMs,
    });
    switch (answer.type) {
      case "not-xapi":
        return answer;
      case "failure":
        return failedLogin(answer.code, answer.params, address);
      case "result":
        if (typeof answer.value !== "string") {
          return { type: "not-xapi", found: "a login answer without a session" };
        }
        return await checkedPool(options, answer.value);
    }
  } catch (error) {
    if (!(error instanceof CertificateRefused)) return { type: "unreachable", error };
    return error.trusted === null
      ? { type: "unseen-certificate", refused: error }
      : { type: "changed-certificate", refused: error };
  }
}

/** What a refused login means. */
export function failedLogin(
  code: string,
  params: readonly string[],
  address: MemberAddress,
): LoginOutcome {
  const told = params[0];
  if (code === "HOST_IS_SLAVE" && told !== undefined) {
    // A redirect keeps the port: all members of a pool listen on the same one.
    return { type: "supporter", coordinator: memberAddress(told, address.port) };
  }
  if (code === "SESSION_AUTHENTICATION_FAILED") return { type: "wrong-password" };
  return { type: "xapi-refuses", code, params };
}

/** A coordinator of another pool may live at an old address with the same password. */
async function checkedPool(options: LoginOptions, sessionId: string): Promise<LoginOutcome> {
  if (options.poolUuid === null) return { type: "session", sessionId };
  const { dispatcher, address, timing } = options;
  const answer = await ask({
    dispatcher,
    address,
    method: "pool.get_all_records",
    params: [sessionId],
    timeoutMs: timing.loginMs,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (answer.type === "not-xapi") return answer;
  if (answer.type === "failure") {
    return { type: "xapi-refuses", code: answer.code, params: answer.params };
  }
  const [pool] = Object.values(answer.value as Record<string, Record<string, unknown>>);
  const poolUuid = String(pool?.["uuid"]);
  if (poolUuid === options.poolUuid) return { type: "session", sessionId };
  await logOut({ ...options, timeoutMs: timing.connectMs }, sessionId);
  return { type: "other-pool", poolUuid };
}

/** Best effort; a session that stays is collected by XAPI after a day. */
export async function logOut(
  options: Pick<LoginOptions, "dispatcher" | "address"> & { readonly timeoutMs: number },
  sessionId: string,
): Promise<void> {
  await ask({
    dispatcher: options.dispatcher,
    address: options.address,
    method: "session.logout",
    params: [sessionId],
    timeoutMs: options.timeoutMs,
  }).catch(() => undefined);
}
