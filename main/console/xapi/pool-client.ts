import { createClient } from "xen-api";
import { OutcomeUnknown, XapiFailure } from "../pool-session.ts";
import { addressUrl } from "./address.ts";
import type { MemberAddress } from "./address.ts";
import { logOut } from "./login.ts";
import { pinnedAgent } from "./pinned-agent.ts";
import type { PinnedAgentOptions } from "./pinned-agent.ts";
import type { LinkTiming } from "./timing.ts";

/** One session at one member, through `xen-api`. Thrown away at the first sign of trouble. */
export interface PoolClient {
  readonly address: MemberAddress;
  readonly sessionId: string;
  call(method: string, args: readonly unknown[]): Promise<unknown>;
  /** logs out, waiting for it a moment only, and closes all sockets; open calls fail */
  close(): Promise<void>;
}

export interface PoolClientOptions {
  readonly address: MemberAddress;
  readonly sessionId: string;
  readonly pins: Omit<PinnedAgentOptions, "connectMs">;
  readonly timing: LinkTiming;
  /** ends the opening; an open client is ended by `close` */
  readonly signal: AbortSignal;
}

const logoutMs = 1_000;

/**
 * The client is given a session instead of a password. So it can neither log in again by itself,
 * after which version 4.7.6 hangs for good when that one login fails, nor follow a supporter's word
 * to an address nobody trusts. Its own event loop stays off: it waits 60 s in one call, which no
 * watchdog can tell from silence, and it never compares what it keeps with `valid_ref_counts`.
 */
export async function openPoolClient(options: PoolClientOptions): Promise<PoolClient> {
  const { timing, address, sessionId } = options;
  const agent = pinnedAgent({ ...options.pins, connectMs: timing.connectMs });
  const eventDeadlineMs = timing.eventWaitMs + timing.eventGraceMs;
  let isOpen = false;
  const client = createClient({
    url: addressUrl(address),
    auth: { sessionId },
    watchEvents: false,
    transport: "json-rpc",
    callTimeout: (method) => {
      if (method === "event.from") return eventDeadlineMs;
      return isOpen ? timing.callMs : timing.loginMs;
    },
    // Callers are bounded in `PoolLink`; here a limit would let slow calls delay the event call.
    callConcurrency: 1_000,
    roCallRetryOptions: { tries: 1 },
  });
  client._undiciDispatcher = agent;
  client._setUrl(client._url);
  const giveUp = (): void => void agent.destroy().catch(() => undefined);
  options.signal.addEventListener("abort", giveUp, { once: true });
  try {
    await client.connect();
    isOpen = true;
  } catch (error) {
    giveUp();
    throw asSessionError("session.open", error);
  } finally {
    options.signal.removeEventListener("abort", giveUp);
  }
  return {
    address,
    sessionId,
    async call(method, args) {
      try {
        return await client.call(method, ...args);
      } catch (error) {
        throw asSessionError(method, error);
      }
    },
    async close() {
      // Not the client's own `disconnect`: nobody can wait for the logout it sends.
      await logOut({ dispatcher: agent, address, timeoutMs: logoutMs }, sessionId);
      await agent.destroy();
    },
  };
}

/** What XAPI reported keeps its code; anything else means that no answer came. */
function asSessionError(method: string, error: unknown): XapiFailure | OutcomeUnknown {
  if (error instanceof XapiFailure || error instanceof OutcomeUnknown) return error;
  if (isXapiError(error)) return new XapiFailure(error.code, error.params.map(String));
  return new OutcomeUnknown(method, error);
}

function isXapiError(error: unknown): error is { code: string; params: readonly unknown[] } {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    "params" in error &&
    Array.isArray(error.params)
  );
}
