import { describe, expect, test } from "vitest";
import { clampTimeoutS, haTiming, timeoutSentences, timeoutWarning } from "./timeout-words.ts";

describe("the HA timeout in words", () => {
  // Rows of the published derivation: T, network beat, statefile beat, wait for fencing.
  test.each([
    [60, 3, 3, 18],
    [30, 3, 2, 18],
    [10, 2, 2, 17],
  ])("T = %d s beats every %d and %d s and waits %d s", (timeoutS, network, statefile, wait) => {
    const timing = haTiming(timeoutS);
    expect([timing.heartbeatEveryS, timing.statefileEveryS, timing.fenceWaitS]).toEqual([
      network,
      statefile,
      wait,
    ]);
  });

  test("the default says when VMs of a lost host start", () => {
    expect(timeoutSentences(60)[2]).toContain("78 to 100 s");
  });

  test.each([
    [10, "Short"],
    [29, "Short"],
    [30, null],
    [180, null],
    [181, "Long"],
  ])("%d s is warned about as %s", (timeoutS, word) => {
    expect(timeoutWarning(timeoutS)?.split(":")[0] ?? null).toBe(word);
  });

  test.each([
    [4, 10],
    [60.4, 60],
    [6000, 600],
  ])("a typed %d is used as %d", (typed, used) => expect(clampTimeoutS(typed)).toBe(used));
});
