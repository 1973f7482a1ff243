import type { Clock } from "../ports.ts";
import type { PoolRecords, XapiRecord } from "../pool-session.ts";
import { actAndProve, type ActsPorts } from "../ha/proof.ts";
import type { Ha, HaSetting } from "../ha/ha.ts";
import { problem } from "../problem.ts";
import { mapOf, nameOf, numberOf, poolOf, textOf } from "../verdict/read.ts";

/** Deadlines; each ends in a sentence, never in silence. */
export interface RebootTiming {
  readonly factsMs: number;
  readonly handOverMs: number;
  readonly cleanShutdownMs: number;
  /** a move without any progress for so long is given up */
  readonly moveStallMs: number;
  /** from the call until the host is seen to go */
  readonly goingMs: number;
  /** from then until it is back */
  readonly bootMs: number;
  readonly storageMs: number;
  /** what cannot be put back at once is tried again so long and so often */
  readonly patience: { readonly totalMs: number; readonly everyMs: number };
}

export const rebootTiming: RebootTiming = {
  factsMs: 60_000,
  handOverMs: 600_000,
  cleanShutdownMs: 600_000,
  moveStallMs: 900_000,
  goingMs: 900_000,
  bootMs: 1_800_000,
  storageMs: 120_000,
  patience: { totalMs: 300_000, everyMs: 10_000 },
};

/** What was, so that it can be put back and compared. */
export interface Before {
  readonly coordinatorRef: string;
  readonly enabled: boolean;
  readonly autoPoweron: string | undefined;
  readonly ha: HaSetting | null;
  readonly bootTime: number;
  readonly agentStartTime: number;
  readonly version: string;
  /** references of storage connections that were plugged */
  readonly pluggedPbds: readonly string[];
  /** hosts that took VMs */
  readonly enabledHosts: readonly string[];
  /** XenCenter's maintenance keys, as found */
  readonly maintenanceKeys: Readonly<Record<string, string>>;
  readonly vms: readonly VmBefore[];
}

export interface VmBefore {
  readonly ref: string;
  readonly uuid: string;
  readonly name: string;
  /** tied to its host: must stop with it */
  readonly isPinned: boolean;
  readonly order: number;
  readonly record: XapiRecord;
}

/** Where the reboot itself is: until a host that was told to go is back, nothing may go onto it. */
export type RebootProgress = "not-asked" | "asked" | "back";

/** All a step needs. Mutable state lives in `run` only. */
export interface Acts extends ActsPorts {
  readonly clock: Clock;
  readonly ha: Ha;
  readonly timing: RebootTiming;
  readonly owner: string;
  readonly runId: string;
  readonly hostRef: string;
  readonly hostUuid: string;
  readonly hostName: string;
  /** the new coordinator; null when the host is a supporter */
  readonly handOverTo: { readonly ref: string; readonly name: string } | null;
  readonly acknowledgedIds: ReadonlySet<string>;
  readonly run: { before: Before; reboot: RebootProgress };
}

export function hostRecord(acts: Acts, records = acts.session.records()): XapiRecord {
  return records.get("host", acts.hostRef) ?? {};
}

export function isLive(records: PoolRecords, hostRef: string): boolean {
  const host = records.get("host", hostRef);
  return records.get("host_metrics", textOf(host, "metrics"))?.["live"] === true;
}

/** `boot_time` and `agent_start_time` are epoch seconds printed like "1690000000.". */
export function hostTime(host: XapiRecord | undefined, key: string): number {
  return numberOf(mapOf(host, "other_config"), key) ?? 0;
}

export function poolRefOf(acts: Acts): string {
  const pool = poolOf(acts.session.records());
  if (pool !== undefined) return pool.ref;
  throw problem("FACTS_MISSING", "Nothing is known about the pool.", "Reconnect to the pool.");
}

/** Refuses to put anything onto a host that was told to reboot and has not been seen back. */
export function assertHostSettled(acts: Acts, consequence: string): void {
  if (acts.run.reboot !== "asked") return;
  throw problem(
    "REBOOT_PENDING",
    `“${acts.hostName}” was told to reboot and is not proven to be back: ${consequence}`,
    `Look at the console of “${acts.hostName}”; when it is up again, put back what is named here.`,
  );
}

interface MapKey {
  readonly owner: "pool" | "host";
  readonly ref: string;
  readonly key: string;
  /** undefined: the key shall not be there */
  readonly value: string | undefined;
}

/** Brings one key of an `other_config` to a value and proves it; does nothing when it is there. */
export async function setConfigKey(acts: Acts, what: MapKey): Promise<void> {
  const { owner, ref, key, value } = what;
  const { session, timing } = acts;
  const now = (records: PoolRecords): string | undefined =>
    mapOf(records.get(owner, ref), "other_config")[key];
  if (now(session.records()) === value) return;
  const act = async (): Promise<void> => {
    if (now(session.records()) === value) return;
    await session.call(`${owner}.remove_from_other_config`, ref, key);
    if (value !== undefined) await session.call(`${owner}.add_to_other_config`, ref, key, value);
  };
  const name = nameOf(session.records().get(owner, ref));
  await actAndProve(acts, act, {
    what: `the setting “${key}” of “${name}” is ${value === undefined ? "gone" : "written"}`,
    holds: (records) => records.get(owner, ref) !== undefined && now(records) === value,
    timeoutMs: timing.factsMs,
    repeatable: "when-unseen",
  });
}

/** Enables the host and proves it; nothing is done when it is enabled. */
export async function ensureEnabled(acts: Acts): Promise<void> {
  const { session, hostRef, hostName, timing } = acts;
  const holds = (records: PoolRecords): boolean =>
    records.get("host", hostRef)?.["enabled"] === true && isLive(records, hostRef);
  if (holds(session.records())) return;
  await actAndProve(acts, () => session.call("host.enable", hostRef), {
    what: `“${hostName}” is live and enabled`,
    holds,
    timeoutMs: timing.factsMs,
    repeatable: "when-unseen",
  });
}

/** Disables the host so that it stays disabled over its reboot, where the generation can. */
export async function ensureDisabled(acts: Acts): Promise<void> {
  const { session, hostRef, hostName, timing } = acts;
  const holds = (records: PoolRecords): boolean =>
    records.get("host", hostRef)?.["enabled"] === false;
  const act = async (): Promise<void> => {
    try {
      await session.call("host.disable", hostRef, false);
    } catch (failure) {
      if (!isCountMismatch(failure)) throw failure;
      await session.call("host.disable", hostRef);
    }
  };
  await actAndProve(acts, act, {
    what: `“${hostName}” is disabled`,
    holds,
    timeoutMs: timing.factsMs,
    repeatable: "when-unseen",
  });
}

function isCountMismatch(failure: unknown): boolean {
  return (
    failure instanceof Error &&
    "code" in failure &&
    failure.code === "MESSAGE_PARAMETER_COUNT_MISMATCH"
  );
}
