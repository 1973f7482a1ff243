import type { Connection } from "../../../main/contract/pool.ts";
import type { Run } from "../../../main/contract/run.ts";

export interface ConnectionWords {
  readonly tone: "ok" | "warn" | "bad" | "none";
  readonly title: string;
  readonly sinceMs: number | null;
  /** true: the time since counts up as how long the facts have been old */
  readonly isAging: boolean;
}

/** The connection strip in words. Only `live` is painted as good. */
export const connectionWords = (connection: Connection): ConnectionWords => {
  switch (connection.status) {
    case "disconnected":
      return { tone: "none", title: "Not connected", sinceMs: null, isAging: false };
    case "connecting":
      return {
        tone: "none",
        title: `Connecting to ${connection.address}`,
        sinceMs: connection.sinceMs,
        isAging: false,
      };
    case "live":
      return {
        tone: "ok",
        title: `Live via ${connection.viaName}`,
        sinceMs: connection.sinceMs,
        isAging: false,
      };
    case "stale":
      return { tone: "warn", title: "Stale", sinceMs: connection.sinceMs, isAging: true };
    case "failed":
      return {
        tone: "bad",
        title: "Connection failed",
        sinceMs: connection.sinceMs,
        isAging: true,
      };
    case "changed-certificate":
      return {
        tone: "bad",
        title: "Certificate changed",
        sinceMs: connection.sinceMs,
        isAging: true,
      };
    case "needs-password":
      return { tone: "bad", title: "Password needed", sinceMs: connection.sinceMs, isAging: true };
  }
};

/** A coordinator is back as such well within this time; after it, silence is trouble again. */
const expectedSilenceMsMax = 5 * 60_000;

/** While a run works, the pool falls silent for a while: that is no emergency. */
export const isSilenceExpected = (run: Pick<Run, "status">, ageMs: number): boolean =>
  (run.status === "running" || run.status === "undoing") && ageMs < expectedSilenceMsMax;
