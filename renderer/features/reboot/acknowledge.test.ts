import { describe, expect, test } from "vitest";
import type { Check } from "../../../main/contract/verdict.ts";
import { acknowledgedIds, checkKey, startObstacle, type StartFacts } from "./acknowledge.ts";

const review = (id: string, uuid: string | null): Check => ({
  id,
  group: "vms",
  state: "review",
  title: id,
  sentence: "",
  object: uuid === null ? null : { kind: "vm", uuid, name: uuid },
  evidence: "",
  evidenceAtMs: 0,
  fix: null,
});

describe("acknowledging", () => {
  const checks = [review("local", "a"), review("local", "b"), review("role", null)];
  test("an id counts once every object of it was ticked", () => {
    const half = new Set([checkKey(review("local", "a")), checkKey(review("role", null))]);
    const all = new Set([...half, checkKey(review("local", "b"))]);
    expect([acknowledgedIds(checks, half), acknowledgedIds(checks, all)]).toEqual([
      ["role"],
      ["local", "role"],
    ]);
  });

  const ready: StartFacts = {
    isLive: true,
    verdict: "acknowledge",
    missingCount: 0,
    isPlanReady: true,
    isNamed: true,
  };
  test.each<[Partial<StartFacts>, string | null]>([
    [{}, null],
    [{ isLive: false, verdict: "safe" }, "connection"],
    [{ verdict: "unsafe" }, "Unsafe"],
    [{ verdict: "unknown" }, "Unknown"],
    [{ isPlanReady: false }, "plan"],
    [{ missingCount: 1 }, "One point"],
    [{ missingCount: 3 }, "3 points"],
    [{ isNamed: false }, "name"],
  ])("%j is stopped by %s", (change, word) => {
    const sentence = startObstacle({ ...ready, ...change });
    expect(word === null ? sentence : sentence?.includes(word)).toBe(word === null ? null : true);
  });
});
