import type { Check, HostVerdict } from "../../contract/verdict.ts";
import { pinReasons } from "./agility.ts";
import { hostChecks } from "./checks-host.ts";
import { peopleChecks, poolChecks } from "./checks-pool.ts";
import { guestChecks } from "./checks-vms.ts";
import {
  maxFactAgeMs,
  notPassed,
  passed,
  type CheckKind,
  type Finding,
  type Subject,
  type VerdictInput,
} from "./judgement.ts";
import { placeGuests, targetHosts } from "./placement.ts";
import { createPoolIndex, type HostFacts, type PoolIndex } from "./pool-index.ts";
import { flagOf, listed } from "./read.ts";

/** May this host be rebooted now? Pure; valid with native HA on. */
export function judgeHost(input: VerdictInput & { readonly hostRef: string }): HostVerdict {
  const index = createPoolIndex(input.records);
  const host = index.hosts.get(input.hostRef);
  return host === undefined ? unknownHost(input) : judgeIndexed(index, host, input);
}

/** The verdict of every host, with the per-pool work done once. Keys are host references. */
export function judgeAllHosts(input: VerdictInput): Map<string, HostVerdict> {
  const index = createPoolIndex(input.records);
  const verdicts = new Map<string, HostVerdict>();
  for (const [ref, host] of index.hosts) verdicts.set(ref, judgeIndexed(index, host, input));
  return verdicts;
}

/** Same findings, whatever their stamps: nothing new to show. */
export function sameVerdict(a: HostVerdict, b: HostVerdict): boolean {
  if (a.verdict !== b.verdict || a.checks.length !== b.checks.length) return false;
  return a.checks.every((check, position) => {
    const other = b.checks[position]!;
    return (
      check.id === other.id &&
      check.state === other.state &&
      check.sentence === other.sentence &&
      check.fix === other.fix &&
      check.object?.uuid === other.object?.uuid
    );
  });
}

const fresh: CheckKind = {
  id: "facts-fresh",
  group: "pool",
  title: "The facts are current",
  evidence: "The connection to the pool",
};
const complete: CheckKind = {
  id: "facts-complete",
  group: "pool",
  title: "The facts are complete",
  evidence: "XAPI's records of the pool",
};

function unknownHost(input: VerdictInput): HostVerdict {
  const finding = notPassed(complete, "skipped", {
    sentence: "XAPI has no record of this host.",
    object: null,
    fix: "Wait for the facts to be complete, or reconnect.",
  });
  return { verdict: "unknown", checks: stamp([finding], input) };
}

/** The host and what surrounds it, as the checks want it. */
export function subjectOf(index: PoolIndex, host: HostFacts): Subject {
  const guests = host.residents.map((ref) => index.guest(ref));
  const pinned = guests.filter((guest) => pinReasons(guest).length > 0);
  const movable = guests.filter((guest) => !pinned.includes(guest));
  return {
    index,
    host,
    isCoordinator: index.coordinatorRef === host.ref,
    haEnabled: flagOf(index.pool, "ha_enabled"),
    others: [...index.hosts.values()].filter((one) => one.ref !== host.ref),
    targets: targetHosts(index, host.ref),
    guests,
    pinned,
    movable,
    placement: placeGuests(index, host.ref, movable),
  };
}

/** One host, for callers that made the pool's index already and judge host by host. */
export function judgeIndexed(index: PoolIndex, host: HostFacts, input: VerdictInput): HostVerdict {
  const subject = subjectOf(index, host);
  const isFresh = factsAreFresh(input);
  const findings = [
    freshCheck(input, isFresh),
    completeCheck(index),
    ...poolChecks(subject),
    ...hostChecks(subject),
    ...guestChecks(subject),
    ...peopleChecks(subject),
  ];
  const checks = stamp(isFresh ? findings : findings.map(agedFinding), input);
  return { verdict: isFresh ? sumUp(checks) : "unknown", checks };
}

/** A finding on old facts may have been right; it is no longer passed. */
function agedFinding(finding: Finding): Finding {
  if (finding.state !== "passed") return finding;
  return { ...finding, state: "skipped", fix: "Wait until the pool answers again." };
}

export function factsAreFresh(input: Omit<VerdictInput, "records">): boolean {
  const ageMs = input.nowMonotonicMs - input.freshAtMs;
  return input.connection.status === "live" && ageMs >= 0 && ageMs <= maxFactAgeMs;
}

function freshCheck(input: VerdictInput, isFresh: boolean): Finding {
  if (isFresh) return passed(fresh, "The pool answers and the facts are current.");
  return notPassed(fresh, "skipped", {
    sentence:
      input.connection.status === "live"
        ? "Nothing was heard from the pool for longer than ten seconds."
        : "The pool does not answer: what is shown is what was known last.",
    object: null,
    fix: "Wait until the connection is live again.",
  });
}

function completeCheck(index: PoolIndex): Finding {
  if (index.gaps.length === 0) return passed(complete, "All records that matter are there.");
  return notPassed(complete, "skipped", {
    sentence: `Not known: ${listed([...new Set(index.gaps)])}.`,
    object: null,
    fix: "Wait for the facts to be complete, or reconnect.",
  });
}

function stamp(findings: readonly Finding[], input: VerdictInput): Check[] {
  const ageMs = Math.max(0, input.nowMonotonicMs - input.freshAtMs);
  const evidenceAtMs = input.nowWallMs - ageMs;
  return findings.map((finding) => ({ ...finding, evidenceAtMs }));
}

function sumUp(checks: readonly Check[]): HostVerdict["verdict"] {
  if (checks.some((check) => check.state === "failed")) return "unsafe";
  if (checks.some((check) => check.state === "skipped")) return "unknown";
  return checks.some((check) => check.state === "review") ? "acknowledge" : "safe";
}
