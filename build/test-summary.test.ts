import { describe, expect, test } from "vitest";
import { countTests, summaryLine } from "./test-summary.ts";

const report = (fields: object) => JSON.stringify({ numPassedTests: 0, ...fields });

describe("the last line of npm test", () => {
  test("counts what passed, failed and was skipped", () => {
    const fields = { numPassedTests: 7, numFailedTests: 2, numPendingTests: 1, numTodoTests: 1 };
    expect(summaryLine(countTests(report(fields), 1))).toBe("7 passed, 2 failed, 2 skipped");
  });

  test("leaves out what is zero only for skipped", () => {
    expect(summaryLine(countTests(report({ numPassedTests: 7 }), 0))).toBe("7 passed, 0 failed");
  });

  test("counts a file that could not be loaded", () => {
    const testResults = [
      { status: "failed", assertionResults: [] },
      { status: "failed", assertionResults: [{ status: "failed" }] },
      { status: "passed", assertionResults: [{ status: "passed" }] },
    ];
    const fields = { numPassedTests: 1, numFailedTests: 1, testResults };
    expect(countTests(report(fields), 1).failed).toBe(2);
  });

  test("never says 0 failed when the runner failed", () => {
    expect(countTests(report({ numPassedTests: 7 }), 1).failed).toBe(1);
    expect(countTests(null, 1)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});
