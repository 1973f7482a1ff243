import type { Check } from "../../contract/verdict.ts";
import type { Connection } from "../../contract/pool.ts";
import type { PoolRecords } from "../pool-session.ts";
import type { Placement } from "./placement.ts";
import type { GuestFacts, HostFacts, NetworkFacts, PoolIndex, SrFacts } from "./pool-index.ts";

/** What a verdict rests on. Ages come from the monotonic clock, stamps from the wall clock. */
export interface VerdictInput {
  readonly records: PoolRecords;
  readonly connection: Connection;
  /** monotonic time of the last proof that the facts are current */
  readonly freshAtMs: number;
  readonly nowMonotonicMs: number;
  readonly nowWallMs: number;
}

/** Facts older than this carry no verdict, whatever the connection says. */
export const maxFactAgeMs = 10_000;

/** Everything the checks of one host look at. */
export interface Subject {
  readonly index: PoolIndex;
  readonly host: HostFacts;
  readonly isCoordinator: boolean;
  readonly haEnabled: boolean;
  /** all other hosts */
  readonly others: readonly HostFacts[];
  /** hosts that can take guests over */
  readonly targets: readonly HostFacts[];
  readonly guests: readonly GuestFacts[];
  /** guests that must stop with the host: local disks, passthrough, network of one host */
  readonly pinned: readonly GuestFacts[];
  readonly movable: readonly GuestFacts[];
  readonly placement: Placement;
}

/** A check before its stamp. */
export type Finding = Omit<Check, "evidenceAtMs">;

type CheckObject = NonNullable<Check["object"]>;

export function hostObject(host: HostFacts): CheckObject {
  return { kind: "host", uuid: host.uuid, name: host.name };
}

export function guestObject(guest: GuestFacts): CheckObject {
  return { kind: "vm", uuid: guest.uuid, name: guest.name };
}

export function srObject(sr: SrFacts): CheckObject {
  return { kind: "sr", uuid: sr.uuid, name: sr.name };
}

export function networkObject(network: NetworkFacts): CheckObject {
  return { kind: "network", uuid: network.uuid, name: network.name };
}

/** The part of a finding that is the same in every state. */
export interface CheckKind {
  readonly id: string;
  readonly group: Check["group"];
  readonly title: string;
  readonly evidence: string;
}

export function passed(kind: CheckKind, sentence: string): Finding {
  return { ...kind, state: "passed", sentence, object: null, fix: null };
}

export function notPassed(
  kind: CheckKind,
  state: "review" | "failed" | "skipped",
  what: { sentence: string; object: Check["object"]; fix: string },
): Finding {
  return { ...kind, state, ...what };
}

/** Makes the kinds of one group of checks. */
export function kindsOf(
  group: CheckKind["group"],
): (id: string, title: string, evidence: string) => CheckKind {
  return (id, title, evidence) => ({ id, group, title, evidence });
}
