import type { ConsoleError } from "../../contract/errors.ts";
import { OutcomeUnknown, type PoolRecords, type PoolSession } from "../pool-session.ts";
import { ConsoleProblem, problem } from "../problem.ts";

/** Maps what XAPI or the connection reported to a sentence with names. */
export type Explain = (failure: unknown, records: PoolRecords) => ConsoleError;

export interface ActsPorts {
  readonly session: PoolSession;
  readonly explain: Explain;
}

export interface Proof {
  /** what must come true, as the rest of "… did not come true": "“node1” is disabled" */
  readonly what: string;
  readonly holds: (records: PoolRecords) => boolean;
  readonly timeoutMs: number;
  /**
   * Doing it twice is the same as doing it once. `when-lost`: again when no answer came and no
   * effect is seen; `when-unseen`: also when an answer came and no effect is seen, because a
   * coordinator that crashes forgets what it wrote in its last seconds.
   */
  readonly repeatable?: "when-lost" | "when-unseen";
  /** how long a lost call may still take effect before it counts as not done; default 10 s */
  readonly settleMs?: number;
  /** whether XAPI shows the call as under way; it is waited for as long as `timeoutMs` then */
  readonly isUnderWay?: (records: PoolRecords) => boolean;
}

/** How long a lost connection may take to come back before an act gives up. */
const reconnectMs = 300_000;

/**
 * Acts, and believes only the facts: an answer is not enough, and when no answer came (the session
 * died) the facts decide. A call is repeated at most twice, only where that is harmless, and only
 * after the facts showed that it had no effect. Throws `ConsoleProblem`.
 */
export async function actAndProve(
  ports: ActsPorts,
  act: () => Promise<unknown>,
  proof: Proof,
): Promise<void> {
  const { session } = ports;
  try {
    await act();
  } catch (failure) {
    if (!(failure instanceof OutcomeUnknown)) throw explained(ports, failure);
    await untilLive(ports);
    if (proof.repeatable !== undefined && !(await cameTrue(ports, proof))) {
      await actAgain(ports, act, proof);
    }
  }
  if (proof.repeatable === "when-unseen" && !(await cameTrue(ports, proof))) {
    await untilLive(ports);
    if (!proof.holds(session.records())) await actAgain(ports, act, proof);
  }
  try {
    await session.untilFacts(proof.what, proof.holds, proof.timeoutMs);
  } catch (failure) {
    throw problem(
      "NOT_CONFIRMED",
      `It could not be confirmed that ${proof.what}.`,
      "Look at the pool before trying again.",
      { retryable: true, detail: failure instanceof Error ? failure.message : String(failure) },
    );
  }
}

/** A refused repetition is no failure when the facts show that the first call had its effect. */
async function actAgain(
  ports: ActsPorts,
  act: () => Promise<unknown>,
  proof: Proof,
): Promise<void> {
  try {
    await act();
  } catch (again) {
    if (again instanceof OutcomeUnknown) await untilLive(ports);
    else if (!proof.holds(ports.session.records())) throw explained(ports, again);
  }
}

async function cameTrue({ session }: ActsPorts, proof: Proof): Promise<boolean> {
  const holds = (): boolean => proof.holds(session.records());
  if (holds()) return true;
  await session.untilFacts(proof.what, holds, proof.settleMs ?? 10_000).catch(() => undefined);
  const { isUnderWay } = proof;
  if (!holds() && isUnderWay?.(session.records()) === true) {
    const hasEnded = (records: PoolRecords): boolean => holds() || !isUnderWay(records);
    await session.untilFacts(proof.what, hasEnded, proof.timeoutMs).catch(() => undefined);
  }
  return holds();
}

export async function untilLive({ session }: ActsPorts, timeoutMs = reconnectMs): Promise<void> {
  try {
    await session.untilLive(timeoutMs);
  } catch (failure) {
    throw problem(
      "CONNECTION_LOST",
      "The connection to the pool was lost and did not come back in time.",
      "Reconnect, then look at what was left half done.",
      { retryable: true, detail: failure instanceof Error ? failure.message : String(failure) },
    );
  }
}

/** Any failure as a `ConsoleProblem`; one that is explained already stays as it is. */
export function explained(ports: ActsPorts, failure: unknown): ConsoleProblem {
  if (failure instanceof ConsoleProblem) return failure;
  return new ConsoleProblem(ports.explain(failure, ports.session.records()), failure);
}
