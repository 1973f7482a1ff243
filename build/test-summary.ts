export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Counts out of Vitest's JSON report. A file that could not be loaded and an error outside of every
 * test count as one failure each: nothing that went wrong may end as "0 failed".
 */
export function countTests(report: string | null, exitCode: number): TestCounts {
  const parsed = report === null ? {} : (JSON.parse(report) as Record<string, unknown>);
  const passed = numberIn(parsed, "numPassedTests");
  const skipped = numberIn(parsed, "numPendingTests") + numberIn(parsed, "numTodoTests");
  const failed = numberIn(parsed, "numFailedTests") + emptyFailures(parsed["testResults"]);
  return { passed, skipped, failed: failed === 0 && exitCode !== 0 ? 1 : failed };
}

export function summaryLine({ passed, failed, skipped }: TestCounts): string {
  const tail = skipped > 0 ? `, ${skipped} skipped` : "";
  return `${passed} passed, ${failed} failed${tail}`;
}

/** Files that failed although none of their tests did. */
function emptyFailures(files: unknown): number {
  if (!Array.isArray(files)) return 0;
  return (files as readonly Record<string, unknown>[]).filter((file) => {
    const tests = (file["assertionResults"] ?? []) as readonly { readonly status: string }[];
    return file["status"] === "failed" && !tests.some((test) => test.status === "failed");
  }).length;
}

function numberIn(report: Record<string, unknown>, key: string): number {
  const value = report[key];
  return typeof value === "number" ? value : 0;
}
