import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ensureChromium } from "./chromium.ts";
import { whyImpossible } from "./lab/needs.ts";
import { countTests, summaryLine } from "./test-summary.ts";

/*
 * `npm test`: everything that needs no special hardware. The window is built by then. Arguments go
 * on to Vitest; the last line counts what passed and failed, and no test at all is a failure.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const tell = (sentence: string): void => void process.stderr.write(`${sentence}\n`);

function runVitest(report: string, chromium: string | null): Promise<number> {
  const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
  const args = [
    vitest,
    "run",
    `--config=${path.join(root, "build", "vitest.config.ts")}`,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ];
  const env = { ...process.env, SKINK_CHROMIUM: chromium ?? "" };
  const child = spawn(process.execPath, args, { cwd: root, stdio: "inherit", env });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}

const chromium = ensureChromium(tell);
const folder = mkdtempSync(path.join(os.tmpdir(), "skink-test-"));
const report = path.join(folder, "report.json");
let text: string | null = null;
let code = 1;
try {
  code = await runVitest(report, chromium.status === "present" ? chromium.binary : null);
  text = readFileSync(report, "utf8");
} catch (error) {
  tell(`Vitest left no report: ${error instanceof Error ? error.message : String(error)}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (chromium.status === "absent") tell(chromium.sentence);
const withoutLab = whyImpossible();
if (withoutLab !== null) tell(`The tests on lab hosts were left out. ${withoutLab}`);
const counts = countTests(text, code);
process.stdout.write(`${summaryLine(counts)}\n`);
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
