import type { Connection, Engine, PoolSummary } from "../../contract/pool.ts";
import type { PoolRecords, XapiRecord } from "../pool-session.ts";
import { factsAreFresh } from "../verdict/judge-host.ts";
import {
  counted,
  flagOf,
  isGuest,
  listed,
  listOf,
  mapOf,
  nameOf,
  numberOf,
  poolOf,
  textOf,
} from "../verdict/read.ts";
import { haLizardTrace, replicationTraces } from "../verdict/traces.ts";

/** What protects this pool, as far as XAPI's records tell. */
export function judgeEngine(records: PoolRecords): Engine {
  const pool = poolOf(records)?.record;
  const enabled = pool?.["ha_enabled"];
  const nativeHa = {
    enabled: enabled === true,
    timeoutS: timeoutOf(mapOf(pool, "ha_configuration")),
    failuresToTolerate: numberOf(pool, "ha_host_failures_to_tolerate") ?? 0,
    planExistsFor: numberOf(pool, "ha_plan_exists_for") ?? 0,
    overcommitted: flagOf(pool, "ha_overcommitted"),
    allowOvercommit: flagOf(pool, "ha_allow_overcommit"),
    heartbeatSrs: heartbeatSrs(records),
  };
  const haLizard = haLizardTrace(records);
  const traces = replicationTraces(records);
  const engine = nameEngine(typeof enabled === "boolean", nativeHa.enabled, haLizard.enabled);
  return {
    engine,
    reasons: engineReasons(engine, nativeHa, haLizard),
    nativeHa,
    haLizard,
    replicationTraces: traces,
  };
}

function nameEngine(isKnown: boolean, native: boolean, lizard: boolean): Engine["engine"] {
  if (!isKnown || (native && lizard)) return "unknown";
  if (native) return "native-ha";
  return lizard ? "ha-lizard" : "none";
}

/** The base timeout in seconds; null where XAPI chose its default without saying. */
function timeoutOf(configuration: Readonly<Record<string, string>>): number | null {
  const timeoutS = Number(configuration["timeout"] ?? Number.NaN);
  return Number.isFinite(timeoutS) ? timeoutS : null;
}

/** Storage of the statefiles; a statefile without a record is left out. */
export function heartbeatSrs(records: PoolRecords): { uuid: string; name: string }[] {
  const found = new Map<string, { uuid: string; name: string }>();
  for (const ref of listOf(poolOf(records)?.record, "ha_statefiles")) {
    const sr = records.get("SR", textOf(records.get("VDI", ref), "SR"));
    const uuid = textOf(sr, "uuid");
    if (uuid !== "") found.set(uuid, { uuid, name: nameOf(sr) });
  }
  return [...found.values()];
}

function engineReasons(
  engine: Engine["engine"],
  native: Engine["nativeHa"],
  lizard: Engine["haLizard"],
): string[] {
  const srs = native.heartbeatSrs.map((sr) => `“${sr.name}”`);
  const reasons: string[] = [];
  if (engine === "unknown") {
    reasons.push(
      native.enabled && lizard.enabled
        ? "Native HA and HA-Lizard are both on: each may restart the same VMs."
        : "What protects this pool is not known: XAPI's pool record is missing.",
    );
  }
  if (engine === "native-ha") {
    reasons.push(
      srs.length > 0
        ? `Native HA is on, with its heartbeat on ${listed(srs)}.`
        : "Native HA is on, but its heartbeat storage is not known.",
    );
  }
  if (engine === "ha-lizard") {
    reasons.push("HA-Lizard's switch is on; whether its service runs on the hosts is not read.");
  }
  if (engine === "none") {
    reasons.push("Nothing restarts VMs when a host fails.");
    if (lizard.configured) reasons.push("HA-Lizard is configured, and switched off.");
  }
  return reasons;
}

export interface PoolJudgement {
  readonly verdict: PoolSummary["verdict"];
  /** plain sentences, most important first */
  readonly verdictReasons: string[];
}

export interface PoolJudgementInput {
  readonly records: PoolRecords;
  readonly connection: Connection;
  readonly freshAtMs: number;
  readonly nowMonotonicMs: number;
  readonly nowWallMs: number;
  /** of the same records, when the caller has it already */
  readonly engine?: Engine;
}

/**
 * The pool's mark. Protected only with native HA on, a plan for at least one host failure, nothing
 * overcommitted, all hosts live, current facts, and no replicated storage of unread state.
 */
export function judgePool(input: PoolJudgementInput): PoolJudgement {
  const engine = input.engine ?? judgeEngine(input.records);
  if (!factsAreFresh(input)) {
    return {
      verdict: "unknown",
      verdictReasons: ["The pool does not answer: its protection now is not known."],
    };
  }
  if (engine.engine === "unknown") return { verdict: "unknown", verdictReasons: engine.reasons };
  if (engine.replicationTraces.length > 0) {
    return {
      verdict: "unknown",
      verdictReasons: [
        "Storage is replicated between hosts and its state is not read yet.",
        ...engine.replicationTraces,
        ...engine.reasons,
      ],
    };
  }
  if (engine.engine === "none") return { verdict: "unprotected", verdictReasons: engine.reasons };
  if (engine.engine === "ha-lizard") return { verdict: "unknown", verdictReasons: engine.reasons };
  const risks = nativeRisks(input.records, engine);
  if (risks.length > 0) {
    return { verdict: "at-risk", verdictReasons: [...risks, ...engine.reasons] };
  }
  const planned = counted(engine.nativeHa.planExistsFor, "host failure");
  return {
    verdict: "protected",
    verdictReasons: [`Native HA can recover its VMs from ${planned}.`, ...engine.reasons],
  };
}

function nativeRisks(records: PoolRecords, { nativeHa }: Engine): string[] {
  const risks: string[] = [];
  if (nativeHa.failuresToTolerate < 1) {
    risks.push("Native HA is set to tolerate no host failure.");
  }
  if (nativeHa.planExistsFor < 1) {
    risks.push("Native HA has no plan for the next host failure.");
  } else if (nativeHa.planExistsFor < nativeHa.failuresToTolerate) {
    risks.push(
      `Native HA shall tolerate ${counted(nativeHa.failuresToTolerate, "host failure")} and has a ` +
        `plan for ${nativeHa.planExistsFor} only.`,
    );
  }
  if (nativeHa.overcommitted) risks.push("The pool is overcommitted: not every VM would restart.");
  if (nativeHa.heartbeatSrs.length === 0) risks.push("The heartbeat storage is not known.");
  const silent: string[] = [];
  for (const [, host] of records.all("host")) {
    const metrics = records.get("host_metrics", textOf(host, "metrics"));
    if (!flagOf(metrics, "live")) silent.push(`“${nameOf(host)}”`);
  }
  if (silent.length === 1) risks.push(`Host ${listed(silent)} is not live.`);
  if (silent.length > 1) risks.push(`Hosts ${listed(silent)} are not live.`);
  risks.push(...heartbeatRisks(records));
  if (records.all("host").size < 2) risks.push("The pool has no second host to restart VMs on.");
  if (!anyRestartVm(records)) risks.push("No VM has the treatment “restart”.");
  return risks;
}

/**
 * A plan is worth nothing while hosts do not hear each other, as in the minute after HA went on.
 */
function heartbeatRisks(records: PoolRecords): string[] {
  const [pool] = records.all("pool").values();
  const statefiles = listOf(pool, "ha_statefiles");
  const hosts = [...records.all("host").values()];
  const uuids = hosts.map((host) => textOf(host, "uuid"));
  const deaf = hosts.filter((host) => {
    const heard = new Set([...listOf(host, "ha_network_peers"), textOf(host, "uuid")]);
    return uuids.some((uuid) => !heard.has(uuid));
  });
  const blind = hosts.filter((host) => {
    const seen = new Set(listOf(host, "ha_statefiles"));
    return statefiles.some((statefile) => !seen.has(statefile));
  });
  const risks: string[] = [];
  if (deaf.length > 0) {
    risks.push(`${hostNames(deaf)} not reported to hear the heartbeat of every other host.`);
  }
  if (blind.length > 0) {
    risks.push(`${hostNames(blind)} not reported to see every heartbeat disk.`);
  }
  return risks;
}

function hostNames(hosts: readonly XapiRecord[]): string {
  const names = listed(hosts.map((host) => `“${nameOf(host)}”`));
  return hosts.length === 1 ? `Host ${names} has` : `Hosts ${names} have`;
}

function anyRestartVm(records: PoolRecords): boolean {
  for (const [, vm] of records.all("VM")) {
    if (isGuest(vm) && textOf(vm, "ha_restart_priority") === "restart") return true;
  }
  return false;
}
