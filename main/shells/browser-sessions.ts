import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../console/ports.ts";

/** A link that nobody opened in this time is worthless. */
export const LINK_LIFE_MS = 60_000;
/** A window without a frame from its person for this time is locked. */
export const IDLE_LIMIT_MS = 30 * 60_000;

export type Redeemed =
  | { readonly status: "opened"; readonly sessionId: string }
  | { readonly status: "refused"; readonly reason: "expired" | "used" | "unknown" };

/** Who may use browser mode: one-use tokens become sessions, sessions end when nobody uses them. */
export interface BrowserSessions {
  /** a token for one link; older ones stay valid for their own time */
  newToken(): string;
  redeem(token: string): Redeemed;
  isOpen(sessionId: string): boolean;
  /** the person did something */
  touch(sessionId: string): void;
  /** ends what was idle too long and names it, by the id that `idOf` gives */
  endIdle(): readonly string[];
  /** a session's key in logs and tables, from which nobody can make its cookie */
  idOf(sessionId: string): string;
}

interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export function createBrowserSessions(
  clock: Pick<Clock, "wallMs" | "monotonicMs">,
): BrowserSessions {
  const tokens = new Map<string, { readonly madeAt: Moment; isUsed: boolean }>();
  const sessions = new Map<string, { usedAt: Moment }>();
  const now = (): Moment => ({ wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() });
  // The steady clock stands still while a laptop sleeps and the wall clock can be set back:
  // whichever says that more time has passed is believed.
  const agedMs = (then: Moment): number =>
    Math.max(clock.wallMs() - then.wallMs, clock.monotonicMs() - then.monotonicMs);
  const isIdle = (session: { usedAt: Moment }): boolean => agedMs(session.usedAt) > IDLE_LIMIT_MS;

  return {
    newToken: () => {
      // Old ones are kept for a while to tell a late person why the link does not work.
      for (const [key, token] of tokens) if (agedMs(token.madeAt) > 3_600_000) tokens.delete(key);
      const secret = randomBytes(32).toString("base64url");
      tokens.set(hashOf(secret), { madeAt: now(), isUsed: false });
      return secret;
    },
    redeem: (secret) => {
      const token = tokens.get(hashOf(secret));
      if (token === undefined) return { status: "refused", reason: "unknown" };
      if (token.isUsed) return { status: "refused", reason: "used" };
      if (agedMs(token.madeAt) > LINK_LIFE_MS) return { status: "refused", reason: "expired" };
      token.isUsed = true;
      const sessionId = randomBytes(32).toString("base64url");
      sessions.set(hashOf(sessionId), { usedAt: now() });
      return { status: "opened", sessionId };
    },
    isOpen: (sessionId) => {
      const session = sessions.get(hashOf(sessionId));
      return session !== undefined && !isIdle(session);
    },
    touch: (sessionId) => {
      const session = sessions.get(hashOf(sessionId));
      if (session !== undefined && !isIdle(session)) session.usedAt = now();
    },
    endIdle: () => {
      const ended = [...sessions].filter(([, session]) => isIdle(session)).map(([key]) => key);
      for (const key of ended) sessions.delete(key);
      return ended;
    },
    idOf: hashOf,
  };
}

/** Secrets are kept and compared by their hash: a look-up takes no longer for a near miss. */
function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url");
}
