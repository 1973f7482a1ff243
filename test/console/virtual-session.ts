import type { VirtualPool } from "../../host-agent/virtual-xapi/testing/virtual-pool.ts";
import type { VirtualClient } from "../../host-agent/virtual-xapi/testing/virtual-client.ts";
import { XapiFailure as WireFailure } from "../../host-agent/virtual-xapi/value.ts";
import type { Connection } from "../../main/contract/pool.ts";
import {
  OutcomeUnknown,
  XapiFailure,
  type PoolRecords,
  type PoolSession,
  type XapiClass,
  type XapiRecord,
} from "../../main/console/pool-session.ts";
import type { Clock } from "../../main/console/ports.ts";
import { runTask } from "../../main/console/xapi/tasks.ts";

const classes: readonly XapiClass[] = [
  "pool",
  "host",
  "host_metrics",
  "VM",
  "VM_metrics",
  "VBD",
  "VDI",
  "SR",
  "PBD",
  "VIF",
  "PIF",
  "network",
  "PCI",
  "VGPU",
  "VUSB",
  "task",
];

type Table = Map<string, XapiRecord>;

/**
 * What a test does to the line: lose one call before it is sent, or its answer after it was done.
 */
export interface LostCall {
  readonly method: string;
  readonly nth: number;
  readonly when: "before" | "after";
}

export interface VirtualSession extends PoolSession {
  /** methods called, in order, tasks under their plain name */
  readonly calls: string[];
  lose(call: LostCall): void;
  stop(): void;
}

const pollMs = 4_000;
const callTimeoutMs = 60_000;
const outageMs = 12_000;

/** The console's clock, running on the pool's virtual time. */
export function virtualConsoleClock(pool: VirtualPool): Clock {
  return {
    wallMs: () => pool.time.nowMs,
    monotonicMs: () => pool.time.nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const callOff = pool.time.schedule(ms, resolve);
        signal?.addEventListener("abort", () => {
          callOff();
          resolve();
        });
      }),
  };
}

/**
 * A session of a virtual pool in virtual time, by polling: the plainest thing that keeps the
 * promises of `PoolSession`. It finds the coordinator by asking every member, as an operator would.
 */
export function openVirtualSession(pool: VirtualPool): VirtualSession {
  const clock = virtualConsoleClock(pool);
  const listeners = new Set<() => void>();
  const losses: LostCall[] = [];
  const counts = new Map<string, number>();
  const calls: string[] = [];
  let tables = new Map<string, Table>();
  let seat: { client: VirtualClient; session: string; name: string } | null = null;
  let freshAtMs = 0;
  let downUntilMs = 0;
  let isStopped = false;

  const timed = async <T>(work: Promise<T>): Promise<T> => {
    const over = new AbortController();
    const late = clock.sleep(callTimeoutMs, over.signal).then(() => {
      throw new Error("no answer");
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      late.catch(() => {});
      over.abort();
    }
  };
  const findSeat = async (): Promise<void> => {
    for (const machine of pool.machines) {
      const client = machine.client();
      try {
        const session = await timed(client.logIn());
        seat = { client, session, name: machine.spec.name };
        return;
      } catch {
        seat = null;
      }
    }
  };
  const refresh = async (): Promise<void> => {
    if (clock.monotonicMs() < downUntilMs) return;
    if (seat === null) await findSeat();
    if (seat === null) return;
    const { client, session } = seat;
    try {
      const found = new Map<string, Table>();
      for (const name of classes) {
        const all = await timed(client.call(`${name}.get_all_records`, session));
        found.set(name, new Map(Object.entries(all as Record<string, XapiRecord>)));
      }
      tables = found;
      freshAtMs = clock.monotonicMs();
    } catch {
      seat = null;
    }
    for (const listener of listeners) listener();
  };
  const poll = async (): Promise<void> => {
    while (!isStopped) {
      await refresh();
      await clock.sleep(pollMs);
    }
  };
  void poll();

  const breakLine = (method: string, cause: unknown): OutcomeUnknown => {
    seat = null;
    return new OutcomeUnknown(method, cause);
  };
  const isLost = (method: string, when: LostCall["when"]): boolean => {
    const loss = losses.find((one) => one.method === method && one.when === when);
    if (loss === undefined || counts.get(method) !== loss.nth) return false;
    downUntilMs = clock.monotonicMs() + outageMs;
    return true;
  };
  const call = async (method: string, ...args: readonly unknown[]): Promise<unknown> => {
    const plain = method.replace(/^Async\./u, "");
    if (seat === null) throw new OutcomeUnknown(method, new Error("not connected"));
    if (!plain.startsWith("task.")) calls.push(plain);
    counts.set(plain, (counts.get(plain) ?? 0) + 1);
    if (isLost(plain, "before")) throw breakLine(method, new Error("cut before"));
    const { client, session } = seat;
    try {
      const answer = await timed(client.call(method, session, ...(args as never[])));
      if (isLost(plain, "after")) throw new Error("cut after");
      return answer;
    } catch (failure) {
      const isApi = failure instanceof WireFailure;
      if (isApi && !["SESSION_INVALID", "HOST_IS_SLAVE"].includes(failure.code)) {
        throw new XapiFailure(failure.code, failure.params);
      }
      throw breakLine(method, failure);
    }
  };

  const records: PoolRecords = {
    all: (name) => tables.get(name) ?? new Map(),
    get: (name, ref) => tables.get(name)?.get(ref),
    byUuid(name, uuid) {
      for (const [ref, record] of tables.get(name) ?? []) {
        if (record["uuid"] === uuid) return { ref, record };
      }
      return undefined;
    },
  };
  const connection = (): Connection =>
    seat === null
      ? ({ status: "stale", sinceMs: freshAtMs } as never)
      : { status: "live", sinceMs: freshAtMs, viaName: seat.name, viaAddress: seat.name };
  const until = async (what: string, holds: () => boolean, timeoutMs: number): Promise<void> => {
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    await refresh();
    while (seat === null || !holds()) {
      if (clock.monotonicMs() >= deadlineMs) throw new Error(`not in time: ${what}`);
      await clock.sleep(1_000);
      await refresh();
    }
  };

  const session: VirtualSession = {
    poolId: "virtual",
    calls,
    lose: (loss) => void losses.push(loss),
    stop: () => {
      isStopped = true;
    },
    connection,
    records: () => records,
    freshAtMs: () => freshAtMs,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    call,
    callTask: (method, args, options) =>
      runTask(session, { method, args, lookMs: 2_000 }, clock, options),
    untilLive: (timeoutMs) => until("a live connection", () => true, timeoutMs),
    untilFacts: (what, predicate, timeoutMs) => until(what, () => predicate(records), timeoutMs),
  };
  return session;
}
