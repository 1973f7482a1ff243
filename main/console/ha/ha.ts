import type { InputOf, OutputOf } from "../../contract/console-api.ts";
import { OutcomeUnknown, type PoolRecords } from "../pool-session.ts";
import { problem } from "../problem.ts";
import { flagOf, isGuest, mapOf, nameOf, numberOf, poolOf, textOf } from "../verdict/read.ts";
import { heartbeatSrs } from "./engine.ts";
import { actAndProve, explained, type ActsPorts } from "./proof.ts";
import { writeProtection } from "./protection.ts";

/** Native HA as it is or shall be; enough to put it back exactly. */
export interface HaSetting {
  readonly srUuids: readonly string[];
  /** as XAPI keeps it, such as `{timeout: "60"}` */
  readonly configuration: Readonly<Record<string, string>>;
  readonly failuresToTolerate: number;
}

export interface Ha {
  heartbeatSrs(): Promise<OutputOf<"ha.heartbeatSrs">>;
  tolerance(treatments?: InputOf<"ha.tolerance">["treatments"]): Promise<OutputOf<"ha.tolerance">>;
  enable(input: Omit<InputOf<"ha.enable">, "poolId">): Promise<void>;
  disable(): Promise<void>;
  setProtection(
    changes: InputOf<"vms.setProtection">["changes"],
  ): Promise<OutputOf<"vms.setProtection">>;
  /** What is on now; null while native HA is off. */
  setting(): HaSetting | null;
  /** Switches on with exactly this setting; what was written before a failure is put back. */
  switchOn(setting: HaSetting): Promise<void>;
}

const enableTimeoutMs = 600_000;
const proofTimeoutMs = 120_000;
/** how long a lost call is given to show an effect, or itself as under way */
const settleMs = 30_000;

export function createHa(ports: ActsPorts): Ha {
  const { session } = ports;
  return {
    heartbeatSrs: () => suitableSrs(ports),
    tolerance: (treatments) => computeTolerance(ports, treatments ?? {}),
    enable: (input) =>
      switchOn(ports, {
        srUuids: input.srUuids,
        configuration: { timeout: String(input.timeoutS) },
        failuresToTolerate: input.failuresToTolerate,
      }),
    disable: () => switchOff(ports),
    setProtection: (changes) => writeProtection(ports, changes),
    setting: () => haSetting(session.records()),
    switchOn: (setting) => switchOn(ports, setting),
  };
}

export function haSetting(records: PoolRecords): HaSetting | null {
  const pool = poolOf(records)?.record;
  if (!flagOf(pool, "ha_enabled")) return null;
  return {
    srUuids: heartbeatSrs(records).map((sr) => sr.uuid),
    configuration: { ...mapOf(pool, "ha_configuration") },
    failuresToTolerate: numberOf(pool, "ha_host_failures_to_tolerate") ?? 0,
  };
}

/** True when native HA is on with these SRs, this timeout and this tolerance. */
export function haMatches(records: PoolRecords, wanted: HaSetting): boolean {
  const now = haSetting(records);
  if (now === null) return false;
  const srs = new Set(now.srUuids);
  return (
    now.failuresToTolerate === wanted.failuresToTolerate &&
    srs.size === new Set(wanted.srUuids).size &&
    wanted.srUuids.every((uuid) => srs.has(uuid)) &&
    (wanted.configuration["timeout"] === undefined ||
      now.configuration["timeout"] === wanted.configuration["timeout"])
  );
}

async function suitableSrs(ports: ActsPorts): Promise<OutputOf<"ha.heartbeatSrs">> {
  const { session } = ports;
  const candidates: { ref: string; uuid: string; name: string }[] = [];
  for (const [ref, sr] of session.records().all("SR")) {
    if (!flagOf(sr, "shared") || flagOf(sr, "is_tools_sr")) continue;
    if (textOf(sr, "content_type") === "iso" || textOf(sr, "type") === "iso") continue;
    candidates.push({ ref, uuid: textOf(sr, "uuid"), name: nameOf(sr) });
  }
  const srs = await Promise.all(
    candidates.map(async ({ ref, uuid, name }) => {
      try {
        await session.call("SR.assert_can_host_ha_statefile", ref);
        return { uuid, name, suitable: true, sentence: `“${name}” can hold the heartbeat.` };
      } catch (failure) {
        const { error } = explained(ports, failure);
        if (failure instanceof OutcomeUnknown) throw explained(ports, failure);
        return { uuid, name, suitable: false, sentence: error.sentence };
      }
    }),
  );
  srs.sort((a, b) => Number(b.suitable) - Number(a.suitable) || a.name.localeCompare(b.name));
  return { srs };
}

async function computeTolerance(
  ports: ActsPorts,
  treatments: Readonly<Record<string, string>>,
): Promise<OutputOf<"ha.tolerance">> {
  const { session } = ports;
  const priorities: Record<string, string> = {};
  for (const [ref, vm] of session.records().all("VM")) {
    if (!isGuest(vm)) continue;
    const chosen = treatments[textOf(vm, "uuid")];
    const priority = chosen === undefined ? textOf(vm, "ha_restart_priority") : xapiWord(chosen);
    if (priority !== "") priorities[ref] = priority;
  }
  let answer: unknown;
  try {
    answer = await session.call(
      "pool.ha_compute_hypothetical_max_host_failures_to_tolerate",
      priorities,
    );
  } catch (failure) {
    throw explained(ports, failure);
  }
  const max = numberOf({ answer }, "answer") ?? 0;
  const protectedCount = Object.values(priorities).filter((word) => word === "restart").length;
  return { maxFailuresToTolerate: max, sentence: toleranceSentence(max, protectedCount) };
}

function toleranceSentence(max: number, protectedCount: number): string {
  if (protectedCount === 0) return "No VM has the treatment “restart”, so nothing is guaranteed.";
  if (max === 0) return "Not even one host may fail with every protected VM restarted elsewhere.";
  const hosts = max === 1 ? "one host" : `${max} hosts`;
  return `With these treatments ${hosts} may fail and every protected VM restarts elsewhere.`;
}

/** XAPI writes "unprotected" as an empty text. */
function xapiWord(treatment: string): string {
  return treatment === "unprotected" ? "" : treatment;
}

async function switchOn(ports: ActsPorts, wanted: HaSetting): Promise<void> {
  const { session } = ports;
  const pool = poolOf(session.records());
  if (pool === undefined) throw factsMissing();
  if (flagOf(pool.record, "ha_enabled")) {
    if (haMatches(session.records(), wanted)) return;
    throw problem(
      "HA_IS_ENABLED",
      "Native HA is on already, with other settings.",
      "Switch it off first, then on with the settings you want.",
    );
  }
  const srRefs = wanted.srUuids.map((uuid) => srRef(session.records(), uuid));
  const before = numberOf(pool.record, "ha_host_failures_to_tolerate") ?? 0;
  await setTolerance(ports, pool.ref, wanted.failuresToTolerate);
  try {
    await actAndProve(
      ports,
      () => session.callTask("pool.enable_ha", [srRefs, { ...wanted.configuration }]),
      {
        what: "native HA is on with the chosen storage, timeout and tolerance",
        holds: (records) => haMatches(records, wanted),
        timeoutMs: enableTimeoutMs,
        repeatable: "when-lost",
        settleMs,
        isUnderWay: (records) => isPoolDoing(records, "ha_enable"),
      },
    );
  } catch (failure) {
    throw await withTolerancePutBack(ports, { pool: pool.ref, before, failure });
  }
}

async function withTolerancePutBack(
  ports: ActsPorts,
  what: { readonly pool: string; readonly before: number; readonly failure: unknown },
): Promise<Error> {
  const first = explained(ports, what.failure);
  if (flagOf(poolOf(ports.session.records())?.record, "ha_enabled")) return first;
  try {
    await setTolerance(ports, what.pool, what.before);
    return first;
  } catch (failure) {
    const second = explained(ports, failure);
    return problem(
      first.error.code,
      `${first.error.sentence} The failures to tolerate could not be set back to ${what.before}: ` +
        second.error.sentence,
      first.error.nextStep,
    );
  }
}

async function setTolerance(ports: ActsPorts, poolRef: string, value: number): Promise<void> {
  const { session } = ports;
  const holds = (records: PoolRecords): boolean =>
    numberOf(poolOf(records)?.record, "ha_host_failures_to_tolerate") === value;
  if (holds(session.records())) return;
  await actAndProve(
    ports,
    () => session.call("pool.set_ha_host_failures_to_tolerate", poolRef, value),
    {
      what: `${value} failures to tolerate are set`,
      holds,
      timeoutMs: proofTimeoutMs,
      repeatable: "when-unseen",
    },
  );
}

async function switchOff(ports: ActsPorts): Promise<void> {
  const { session } = ports;
  const pool = poolOf(session.records());
  if (pool === undefined) throw factsMissing();
  if (!flagOf(pool.record, "ha_enabled")) return;
  await actAndProve(ports, () => session.callTask("pool.disable_ha", []), {
    what: "native HA is off",
    holds: (records) => poolOf(records)?.record["ha_enabled"] === false,
    timeoutMs: proofTimeoutMs,
    repeatable: "when-lost",
    settleMs,
    isUnderWay: (records) => isPoolDoing(records, "ha_disable"),
  });
}

function isPoolDoing(records: PoolRecords, operation: string): boolean {
  const operations = mapOf(poolOf(records)?.record, "current_operations");
  return Object.values(operations).includes(operation);
}

function srRef(records: PoolRecords, uuid: string): string {
  const found = records.byUuid("SR", uuid);
  if (found !== undefined) return found.ref;
  throw problem(
    "UUID_INVALID",
    "A chosen heartbeat storage is no longer part of the pool.",
    "Choose the heartbeat storage again.",
    { detail: `SR ${uuid}` },
  );
}

function factsMissing(): Error {
  return problem(
    "FACTS_MISSING",
    "Nothing is known about the pool yet.",
    "Wait until the connection is live.",
    { retryable: true },
  );
}
