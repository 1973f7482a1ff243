import type { ConsoleError } from "../../contract/errors.ts";
import type { Connection } from "../../contract/pool.ts";
import { consoleError } from "../problem.ts";
import type { MemberAddress } from "./address.ts";
import {
  describeFailure,
  describeNetworkError,
  describeNotXapi,
  describeRefusedCertificate,
} from "./errors.ts";
import type { LoginOutcome } from "./login.ts";
import type { ObjectNames } from "./names.ts";
import type { Attempt } from "./seek.ts";

/** What a search is told about, to speak of members by name. */
export interface MemberNames {
  /** a host's name by address text; null when the address is not one of a known host */
  hostName(address: MemberAddress): string | null;
  readonly objects: ObjectNames;
}

/**
 * For the start of a sentence: "Host “xcp1” (10.0.0.1)", or the bare address of an unknown host.
 */
export function called(address: MemberAddress, names: MemberNames): string {
  const name = names.hostName(address);
  return name === null ? address.text : `Host ${inside(address, names)}`;
}

/** The same within a sentence. */
function inside(address: MemberAddress, names: MemberNames): string {
  const name = names.hostName(address);
  return name === null ? address.text : `“${name}” (${address.text})`;
}

/** What came of one member, for a person; of a session there is nothing to say. */
export function describeOutcome(
  address: MemberAddress,
  outcome: Exclude<LoginOutcome, { type: "session" }>,
  names: MemberNames,
): ConsoleError {
  const who = called(address, names);
  switch (outcome.type) {
    case "supporter":
      return consoleError(
        "supporter",
        `${who} is a supporter and names ${inside(outcome.coordinator, names)} as coordinator.`,
        `Connect to ${outcome.coordinator.text}.`,
        { retryable: true },
      );
    case "wrong-password":
      return consoleError(
        "wrong-password",
        `${who} refused the user name or the password.`,
        "Check both and enter the password again.",
      );
    case "changed-certificate":
    case "unseen-certificate":
      return describeRefusedCertificate(outcome.refused, who);
    case "other-pool":
      return consoleError(
        "other-pool",
        `${who} is the coordinator of another pool now.`,
        "If that is intended, forget this pool and connect to that one.",
      );
    case "xapi-refuses": {
      const reason = describeFailure(outcome.code, outcome.params, names.objects);
      return consoleError(outcome.code, `${who}: ${reason.sentence}`, reason.nextStep, {
        retryable: true,
        ...(reason.detail === undefined ? {} : { detail: reason.detail }),
      });
    }
    case "not-xapi":
      return describeNotXapi(who, outcome.found);
    case "unreachable":
      return describeNetworkError(outcome.error, who);
  }
}

export interface SearchState {
  readonly attempts: readonly Attempt[];
  readonly memberCount: number;
  /** the coordinator that answered last; null when none ever did */
  readonly lastCoordinator: MemberAddress | null;
  /** wall time of the last answer of the pool; null when there was none */
  readonly lastHeardMs: number | null;
}

/** The one sentence for a whole search, the most useful of what its members gave. */
export function describeSearch(state: SearchState, names: MemberNames): ConsoleError {
  const failed = state.attempts.flatMap(({ address, outcome }) =>
    outcome.type === "session" ? [] : [{ address, outcome }],
  );
  const lost = lostCoordinator(state, names);
  const ranking: readonly LoginOutcome["type"][] = [
    "changed-certificate",
    "wrong-password",
    "unseen-certificate",
  ];
  for (const type of ranking) {
    const found = failed.find(({ outcome }) => outcome.type === type);
    if (found !== undefined) return describeOutcome(found.address, found.outcome, names);
  }
  if (lost !== null) return lost;
  const rest = failed.find(({ outcome }) => outcome.type !== "unreachable") ?? failed.at(0);
  if (rest === undefined) {
    return consoleError("no-answer", "The pool does not answer.", "Wait; it is being looked for.", {
      retryable: true,
    });
  }
  const error = describeOutcome(rest.address, rest.outcome, names);
  if (rest.outcome.type !== "unreachable" || failed.length === 1) return error;
  return { ...error, sentence: `None of ${failed.length} members answers. ${error.sentence}` };
}

/** Supporters answer and the coordinator they name does not: the case that needs a decision. */
function lostCoordinator(state: SearchState, names: MemberNames): ConsoleError | null {
  for (const { address, outcome } of state.attempts) {
    if (outcome.type !== "supporter") continue;
    const named = state.attempts.find((one) => one.address.text === outcome.coordinator.text);
    if (named?.outcome.type !== "unreachable") continue;
    const wasLast = state.lastCoordinator?.text === named.address.text;
    const since =
      wasLast && state.lastHeardMs !== null ? ` since ${clockTime(state.lastHeardMs)}` : "";
    const coordinator = called(named.address, names);
    return consoleError(
      "coordinator-lost",
      `${coordinator}, the coordinator, does not answer${since}. ` +
        `${called(address, names)} answers, but is its supporter and cannot act alone.`,
      `Bring ${inside(named.address, names)} back. If it is lost for good, make sure that it is powered ` +
        `off, then run "xe pool-emergency-transition-to-master" and "xe pool-recover-slaves" ` +
        `on ${inside(address, names)}.`,
      { retryable: true },
    );
  }
  return null;
}

type RedStop = Extract<Connection, { status: "changed-certificate" }>;

/**
 * The red stop of a search, when the member that would have to be spoken to shows another
 * certificate: the last coordinator, one that supporters name, or the only member. Others get their
 * turn first.
 */
export function redStop(
  state: SearchState,
  names: MemberNames,
): Omit<RedStop, "status" | "sinceMs"> | null {
  if (state.attempts.length < state.memberCount) return null;
  const named = new Set(
    state.attempts.flatMap(({ outcome }) =>
      outcome.type === "supporter" ? [outcome.coordinator.text] : [],
    ),
  );
  if (state.lastCoordinator !== null) named.add(state.lastCoordinator.text);
  for (const { address, outcome } of state.attempts) {
    if (outcome.type !== "changed-certificate") continue;
    if (state.memberCount > 1 && !named.has(address.text)) continue;
    return {
      address: address.text,
      hostName: names.hostName(address) ?? address.text,
      trustedFingerprint: outcome.refused.trusted ?? "",
      presentedFingerprint: outcome.refused.presented,
      error: describeOutcome(address, outcome, names),
    };
  }
  return null;
}

/**
 * Seconds matter at night; the date only when it is another one, which the screen shows beside it.
 */
function clockTime(wallMs: number): string {
  return new Date(wallMs).toTimeString().slice(0, 8);
}
