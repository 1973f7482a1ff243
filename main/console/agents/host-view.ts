import type { AgentHost } from "../../contract/agents.ts";
import type { PoolRecords, PoolSession } from "../pool-session.ts";
import { flagOf, isGuest, isNullRef, mapOf, poolOf, textOf } from "../verdict/read.ts";
import { agreementsOf } from "./agreement.ts";
import type { XapiView } from "./agreement.ts";
import type { HostLine } from "./host-line.ts";
import type { AgentMember } from "./members.ts";
import { readSettings } from "./settings.ts";

/** What XAPI says that agents say as well. */
export function xapiViewOf(session: PoolSession, members: readonly AgentMember[]): XapiView {
  const records = session.records();
  const uuidOf = (ref: string): string => textOf(records.get("host", ref), "uuid");
  const live = new Set<string>();
  const running = new Map<string, Set<string>>();
  for (const [ref, host] of records.all("host")) {
    const metrics = records.get("host_metrics", textOf(host, "metrics"));
    if (flagOf(metrics, "live")) live.add(uuidOf(ref));
    running.set(uuidOf(ref), new Set());
  }
  for (const [, vm] of records.all("VM")) {
    const ref = textOf(vm, "resident_on");
    if (isGuest(vm) && !isNullRef(ref)) running.get(uuidOf(ref))?.add(textOf(vm, "uuid"));
  }
  return { isLive: session.connection().status === "live", members, live, running };
}

/** One host as the window shows it; `line` is undefined until the console started to look. */
export function hostViewOf(
  member: AgentMember,
  line: HostLine | undefined,
  xapi: XapiView,
  poolRevision: number | null,
): AgentHost {
  const about = {
    hostUuid: member.uuid,
    hostName: member.name,
    address: member.address,
    role: member.isCoordinator ? ("coordinator" as const) : ("supporter" as const),
  };
  if (line === undefined) {
    return {
      ...about,
      link: { state: "no-login", sentence: "Not looked at yet.", sinceMs: 0 },
      installed: { state: "unknown" },
      status: null,
      statusAtMs: null,
      isStale: true,
      clockOffsetMs: null,
      clockUncertaintyMs: null,
      drift: driftOf(null, poolRevision),
      agreements: agreementsOf(member, null, xapi),
    };
  }
  const status = line.status();
  const isStale = line.isStale();
  const clock = line.clock();
  return {
    ...about,
    link: line.link(),
    installed: line.installed(),
    status,
    statusAtMs: line.statusAtMs(),
    isStale,
    clockOffsetMs: clock?.offsetMs ?? null,
    clockUncertaintyMs: clock?.uncertaintyMs ?? null,
    drift: driftOf(status, poolRevision),
    agreements: agreementsOf(member, isStale ? null : status, xapi),
  };
}

/** null while XAPI does not answer: what the pool holds may have changed. */
export function poolRevisionOf(session: PoolSession): number | null {
  if (session.connection().status !== "live") return null;
  return readSettings(poolConfigOf(session.records())).revision;
}

export function poolConfigOf(records: PoolRecords): Readonly<Record<string, string>> {
  return mapOf(poolOf(records)?.record, "other_config");
}

function driftOf(status: AgentHost["status"], poolRevision: number | null): AgentHost["drift"] {
  const hostRevision = status?.settings.revision ?? null;
  const about = { poolRevision, hostRevision };
  if (status === null || poolRevision === null) {
    return { ...about, state: "unknown", sentence: "Which settings it follows is not known." };
  }
  const follows = `It follows revision ${status.settings.revision}`;
  if (status.settings.problems.length > 0) {
    const why = status.settings.problems.join("; ");
    return { ...about, state: "refused", sentence: `${follows} and refused the pool's: ${why}` };
  }
  return poolRevision === hostRevision
    ? { ...about, state: "same", sentence: `${follows}.` }
    : { ...about, state: "differs", sentence: `${follows}; the pool holds ${poolRevision}.` };
}
