import { readFileSync } from "node:fs";
import type { Role } from "../../core/journal-event.ts";
import type { Settings } from "../../core/input.ts";
import type { Feed, Prober } from "../ports.ts";
import { settingsInput } from "./settings-store.ts";
import { callXapi } from "./xapi-client.ts";
import type { CallResult } from "./xapi-client.ts";

/*
 * What this host's XAPI says, asked in ways that it answers while the coordinator is gone: the role
 * from the file, life from a local session. Settings need the pool's database, so they are asked
 * for apart from that, and their silence says nothing about XAPI.
 */

export interface XapiOptions {
  readonly socket: string;
  readonly poolConf: string;
  readonly settings: () => Settings;
  readonly feed: Feed;
}

const settingsIntervalMs = 5_000;
const settingsKey = "skink.settings";
const originator = "skink-agent";

export function probeXapi(options: XapiOptions): Prober {
  const alive = repeat(() => options.settings().xapiProbeIntervalMs, lifeProbe(options));
  const config = repeat(() => settingsIntervalMs, settingsProbe(options));
  return {
    async close() {
      await Promise.all([alive.close(), config.close()]);
    },
  };
}

export function readRole(poolConf: string): { role: Role; coordinatorAddress: string | null } {
  let text: string;
  try {
    text = readFileSync(poolConf, "utf8").trim();
  } catch {
    return { role: "unknown", coordinatorAddress: null };
  }
  if (text === "master") return { role: "coordinator", coordinatorAddress: null };
  const address = /^slave:(.+)$/.exec(text)?.[1]?.trim();
  if (address === undefined) return { role: "unknown", coordinatorAddress: null };
  return { role: "supporter", coordinatorAddress: address };
}

function lifeProbe(options: XapiOptions): () => Promise<void> {
  const { feed, socket } = options;
  let session: string | null = null;
  const call = (method: string, params: readonly unknown[]): Promise<CallResult> =>
    callXapi({ socket, method, params, timeoutMs: options.settings().xapiProbeTimeoutMs });
  return async () => {
    feed({ type: "RoleRead", ...readRole(options.poolConf) });
    if (session === null) {
      const login = await call("session.slave_local_login_with_password", ["root", ""]);
      if (login.status !== "answered") return feed(failure(login));
      session = String(login.result);
    }
    const answer = await call("host.is_in_emergency_mode", [session]);
    if (answer.status !== "answered") {
      session = null;
      // A XAPI that refuses a session is alive; the next probe takes a new one.
      if (answer.status === "refused") return feed({ type: "XapiAnswered", isEmergency: false });
      return feed(failure(answer));
    }
    feed({ type: "XapiAnswered", isEmergency: answer.result === true });
  };
}

function failure(result: Exclude<CallResult, { status: "answered" }>): {
  type: "XapiFailed";
  reason: string;
} {
  const reason = result.status === "failed" ? result.reason : `XAPI answers ${result.code}`;
  return { type: "XapiFailed", reason };
}

/**
 * Reads the pool's settings with a session of its own, kept over calls; feeds only what changed.
 */
function settingsProbe(options: XapiOptions): () => Promise<void> {
  const { socket, feed } = options;
  let session: string | null = null;
  let lastText: string | null = null;
  const call = async (method: string, params: readonly unknown[]): Promise<unknown> => {
    const timeoutMs = options.settings().xapiProbeTimeoutMs;
    const answer = await callXapi({ socket, method, params, timeoutMs });
    return answer.status === "answered" ? answer.result : null;
  };
  return async () => {
    if (session === null) {
      const login = await call("session.login_with_password", ["root", "", "1.1", originator]);
      session = typeof login === "string" ? login : null;
      if (session === null) return;
    }
    const pools = await call("pool.get_all", [session]);
    const pool: unknown = Array.isArray(pools) ? pools[0] : null;
    const config = pool === null ? null : await call("pool.get_other_config", [session, pool]);
    if (typeof config !== "object" || config === null) {
      session = null;
      return;
    }
    const text = (config as Record<string, unknown>)[settingsKey];
    if (typeof text !== "string" || text === lastText) return;
    lastText = text;
    feed(settingsInput(text));
  };
}

/** Runs `once` again and again, never twice at a time, `intervalMs` after its last start. */
export function repeat(intervalMs: () => number, once: () => Promise<void>): Prober {
  let timer: NodeJS.Timeout | null = null;
  let isClosed = false;
  const turn = async (): Promise<void> => {
    const startedMs = performance.now();
    await once();
    if (isClosed) return;
    const waitMs = Math.max(50, intervalMs() - (performance.now() - startedMs));
    timer = setTimeout(() => void turn(), waitMs);
  };
  void turn();
  return {
    close() {
      isClosed = true;
      if (timer !== null) clearTimeout(timer);
      return Promise.resolve();
    },
  };
}
