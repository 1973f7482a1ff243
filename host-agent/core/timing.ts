import type { Settings } from "./input.ts";

/* Every duration that is not a setting, and what settings mean together. */

export const timing = {
  /** announced and silent for longer than this, a host is judged like any other */
  leaveDeadlineMs: { reboot: 900_000, shutdown: 900_000, "agent-stop": 120_000 },
  /** at most one line about a one-way path in this time, per path and peer */
  oneWayReportMs: 10_000,
  /** at most one line about a peer's clock in this time */
  clockReportMs: 60_000,
  /** refused datagrams are summed up over this time */
  refusalReportMs: 60_000,
  marginBucketMs: 300_000,
  marginBucketCount: 12,
} as const;

/**
 * Silence on every path for this long makes a host suspected, when it beats as the settings say.
 */
export function suspectAfterMs(settings: Settings): number {
  return settings.beatIntervalMs * settings.suspectAfterMissedBeats;
}

/**
 * The same for one peer. While new settings reach one host after the other, the slower rhythm of
 * the two counts: nobody is suspected for not having read them yet.
 */
export function suspectPeerAfterMs(
  settings: Settings,
  peer: { readonly beatIntervalMs: number | null },
): number {
  const slowest = Math.max(settings.beatIntervalMs, peer.beatIntervalMs ?? 0);
  return slowest * settings.suspectAfterMissedBeats;
}

/** A loop later than this was not on time: its lateness is nobody's silence. */
export function lateLimitMs(settings: Settings): number {
  return settings.beatIntervalMs / 2;
}
