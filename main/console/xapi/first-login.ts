import { ConsoleProblem, problem } from "../problem.ts";
import type { Clock } from "../ports.ts";
import type { AddressMap, MemberAddress } from "./address.ts";
import { describeRefusedCertificate } from "./errors.ts";
import { logIn } from "./login.ts";
import type { Credentials, LoginOutcome } from "./login.ts";
import { describeOutcome, describeSearch } from "./outcome-words.ts";
import type { MemberNames } from "./outcome-words.ts";
import { CertificateRefused, pinnedAgent } from "./pinned-agent.ts";
import { lookOrProblem } from "./probe.ts";
import type { Attempt } from "./seek.ts";
import type { LinkTiming } from "./timing.ts";
import type { TrustStore } from "./trust.ts";
import { ask } from "./wire.ts";

export interface FirstLoginOptions {
  readonly address: MemberAddress;
  readonly credentials: Credentials;
  /**
   * what the person saw and accepted: for the address, and for the coordinator a supporter names
   */
  readonly accepted: string | undefined;
  readonly acceptedCoordinator: string | undefined;
  readonly trust: TrustStore;
  readonly addressMap: AddressMap;
  readonly names: MemberNames;
  readonly clock: Clock;
  readonly timing: LinkTiming;
}

export interface FirstLogin {
  readonly sessionId: string;
  /** the coordinator's */
  readonly address: MemberAddress;
  readonly poolUuid: string;
}

/** A supporter that was demoted a moment ago may name one more. */
const hopsMax = 3;

/**
 * Logs in for the first time, at any member. The password goes to a coordinator whose certificate a
 * person accepted, or that is trusted already, and to nobody else. Throws problems.
 */
export async function firstLogin(options: FirstLoginOptions): Promise<FirstLogin> {
  const attempts: Attempt[] = [];
  let address = options.address;
  for (let hop = 0; hop < hopsMax; hop += 1) {
    await ensureTrusted(address, options, hop > 0);
    const outcome = await tryAt(address, options);
    if (outcome.type === "session") {
      const poolUuid = await poolUuidOf(address, outcome.sessionId, options);
      return { sessionId: outcome.sessionId, address, poolUuid };
    }
    attempts.push({ address, outcome, atMs: options.clock.wallMs() });
    if (outcome.type !== "supporter") break;
    address = outcome.coordinator;
  }
  throw new ConsoleProblem(whatWentWrong(attempts, options));
}

function whatWentWrong(attempts: readonly Attempt[], options: FirstLoginOptions) {
  const last = attempts.at(-1);
  if (attempts.length === 1 && last !== undefined && last.outcome.type !== "session") {
    return describeOutcome(last.address, last.outcome, options.names);
  }
  const state = {
    attempts,
    memberCount: attempts.length,
    lastCoordinator: null,
    lastHeardMs: null,
  };
  return describeSearch(state, options.names);
}

/**
 * Stores what the person accepted, if the peer shows just that now; refuses what nobody accepted.
 */
async function ensureTrusted(
  address: MemberAddress,
  options: FirstLoginOptions,
  isCoordinator: boolean,
): Promise<void> {
  const accepted = isCoordinator ? options.acceptedCoordinator : options.accepted;
  if (accepted === undefined) {
    if (options.trust.find(address) !== null || !isCoordinator) return;
    throw problem(
      "coordinator-not-trusted",
      `${options.address.text} is a supporter. Its coordinator is ${address.text}, whose ` +
        "certificate nobody has accepted yet, so the password was not sent.",
      `Connect to ${address.text} and compare its fingerprint.`,
    );
  }
  const shown = await lookOrProblem(address, options).catch((error: unknown) => {
    // An unreachable coordinator is told together with the supporter that named it.
    if (isCoordinator) return null;
    throw error;
  });
  if (shown === null) return;
  if (shown.fingerprint !== accepted) {
    const refused = new CertificateRefused(address, accepted, shown.fingerprint);
    throw new ConsoleProblem(describeRefusedCertificate(refused, null));
  }
  await options.trust.trust(address, {
    fingerprint: accepted,
    origin: "person",
    atMs: options.clock.wallMs(),
  });
}

async function tryAt(address: MemberAddress, options: FirstLoginOptions): Promise<LoginOutcome> {
  const dispatcher = agentFor(options);
  try {
    return await logIn({
      dispatcher,
      address,
      credentials: options.credentials,
      poolUuid: null,
      timing: options.timing,
    });
  } finally {
    void dispatcher.destroy().catch(() => undefined);
  }
}

async function poolUuidOf(
  address: MemberAddress,
  sessionId: string,
  options: FirstLoginOptions,
): Promise<string> {
  const dispatcher = agentFor(options);
  try {
    const answer = await ask({
      dispatcher,
      address,
      method: "pool.get_all_records",
      params: [sessionId],
      timeoutMs: options.timing.loginMs,
    });
    if (answer.type === "result") {
      const [pool] = Object.values(answer.value as Record<string, Record<string, unknown>>);
      if (typeof pool?.["uuid"] === "string") return pool["uuid"];
    }
    throw problem(
      "no-pool",
      `${address.text} accepted the login and then did not say which pool it belongs to.`,
      "Try again; if it happens again, look at the coordinator's /var/log/xensource.log.",
      { retryable: true },
    );
  } finally {
    void dispatcher.destroy().catch(() => undefined);
  }
}

function agentFor({ trust, addressMap, timing }: FirstLoginOptions) {
  return pinnedAgent({
    trusted: (address) => trust.find(address)?.fingerprint ?? null,
    addressMap,
    connectMs: timing.connectMs,
  });
}
