import { describe, expect, test } from "vitest";
import type { Connection, HostSummary, PoolSummary } from "../../main/contract/pool.ts";
import { shownPoolVerdict, shownRebootVerdict, sortHosts } from "./shown.ts";

const error = { code: "X", sentence: "S.", nextStep: "N.", retryable: true };
const old: readonly Connection[] = [
  { status: "disconnected" },
  { status: "connecting", sinceMs: 1, address: "a" },
  { status: "stale", sinceMs: 1, error, tried: [], nextTryAtMs: 2 },
  { status: "failed", sinceMs: 1, error },
  { status: "needs-password", sinceMs: 1, error },
];
const live: Connection = { status: "live", sinceMs: 1, viaName: "a", viaAddress: "b" };
const pool = { verdict: "protected" } as PoolSummary;
const host = { verdict: { verdict: "safe", checks: [] } } as unknown as HostSummary;

describe("no verdict stands on old facts", () => {
  test.each(old)("$status is unknown", (connection) => {
    expect([shownPoolVerdict(connection, pool), shownRebootVerdict(connection, host)]).toEqual([
      "unknown",
      "unknown",
    ]);
  });

  test("live shows what was judged, and unknown where nothing was", () => {
    expect([
      shownPoolVerdict(live, pool),
      shownRebootVerdict(live, host),
      shownPoolVerdict(live, null),
    ]).toEqual(["protected", "safe", "unknown"]);
  });
});

test("the coordinator comes first, then names as a person counts", () => {
  const named = (name: string, role: HostSummary["role"]): HostSummary =>
    ({ name, role }) as HostSummary;
  const hosts = [
    named("host10", "supporter"),
    named("host9", "coordinator"),
    named("host2", "supporter"),
  ];
  expect(sortHosts(hosts).map((each) => each.name)).toEqual(["host9", "host2", "host10"]);
});
