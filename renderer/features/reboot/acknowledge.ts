import type { Check } from "../../../main/contract/verdict.ts";

/** One check of one object; the same check of two objects is acknowledged twice. */
export const checkKey = (check: Pick<Check, "id" | "object">): string =>
  check.object === null ? check.id : `${check.id} ${check.object.uuid}`;

export const reviewChecks = (checks: readonly Check[]): Check[] =>
  checks.filter((check) => check.state === "review");

/** Ids whose every object was acknowledged, sorted. */
export const acknowledgedIds = (
  checks: readonly Check[],
  ticked: ReadonlySet<string>,
): string[] => {
  const review = reviewChecks(checks);
  const ids = new Set(review.map((check) => check.id));
  return [...ids]
    .filter((id) => review.every((check) => check.id !== id || ticked.has(checkKey(check))))
    .toSorted();
};

export interface StartFacts {
  readonly isLive: boolean;
  readonly verdict: "safe" | "acknowledge" | "unsafe" | "unknown";
  readonly missingCount: number;
  readonly isPlanReady: boolean;
  readonly isNamed: boolean;
}

/** The one sentence that says why the reboot cannot start yet, or null when it can. */
export const startObstacle = (at: StartFacts): string | null => {
  if (!at.isLive) return "The connection is not live, so nothing is started.";
  if (at.verdict === "unsafe") return "The verdict is Unsafe. Mend what speaks against it first.";
  if (at.verdict === "unknown") return "The verdict is Unknown. It is not guessed.";
  if (!at.isPlanReady) return "The plan is not ready.";
  if (at.missingCount > 0) {
    return at.missingCount === 1
      ? "One point is not acknowledged yet."
      : `${at.missingCount} points are not acknowledged yet.`;
  }
  return at.isNamed ? null : "Type the host's name to confirm.";
};
