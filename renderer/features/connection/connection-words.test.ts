import { describe, expect, test } from "vitest";
import type { Connection } from "../../../main/contract/pool.ts";
import { connectionWords, isSilenceExpected } from "./connection-words.ts";

const error = { code: "X", sentence: "S.", nextStep: "N.", retryable: true };
const fingerprint = "AA";

describe("the connection in words", () => {
  const rows: readonly (readonly [Connection, string, string])[] = [
    [{ status: "disconnected" }, "none", "Not connected"],
    [{ status: "connecting", sinceMs: 1, address: "a" }, "none", "Connecting to a"],
    [{ status: "live", sinceMs: 1, viaName: "h", viaAddress: "a" }, "ok", "Live via h"],
    [{ status: "stale", sinceMs: 1, error, tried: [], nextTryAtMs: 2 }, "warn", "Stale"],
    [{ status: "failed", sinceMs: 1, error }, "bad", "Connection failed"],
    [{ status: "needs-password", sinceMs: 1, error }, "bad", "Password needed"],
    [
      {
        status: "changed-certificate",
        sinceMs: 1,
        address: "a",
        hostName: "h",
        trustedFingerprint: fingerprint,
        presentedFingerprint: fingerprint,
        error,
      },
      "bad",
      "Certificate changed",
    ],
  ];
  test.each(rows)("%j", (connection, tone, title) => {
    const words = connectionWords(connection);
    expect([words.tone, words.title]).toEqual([tone, title]);
  });
});

test.each([
  ["running", 60_000, true],
  ["undoing", 60_000, true],
  ["running", 300_000, false],
  ["put-back", 60_000, false],
  ["done", 0, false],
] as const)("silence while a run is %s for %d ms is expected: %s", (status, ageMs, isExpected) => {
  expect(isSilenceExpected({ status }, ageMs)).toBe(isExpected);
});
