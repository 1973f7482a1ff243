import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";

/*
 * Everything that can be said about the sources without running them. Each step is a program of its
 * own; as many run at once as there are cores, the longest first, and each prints in one piece.
 * `npm run check -- lint tidy` runs only those.
 */

interface Step {
  readonly name: string;
  /** what it looks for, for the summary */
  readonly what: string;
  /** JavaScript file and its arguments, run by this Node */
  readonly command: readonly [string, ...string[]];
  /** shown under a failure */
  readonly mend: string;
}

const packages = join(import.meta.dirname, "../node_modules");

const steps: readonly Step[] = [
  {
    name: "types",
    what: "every room with the globals it may use",
    command: [join(packages, "typescript/bin/tsc"), "-b"],
    mend: "npx tsc -b",
  },
  {
    name: "lint",
    what: "doors between rooms, promises, switches, shape",
    command: [join(packages, "oxlint/bin/oxlint"), "."],
    mend: "npx oxlint --fix mends some",
  },
  {
    name: "unused",
    what: "files, exports and packages nobody uses",
    command: [join(packages, "knip/bin/knip.js"), "--config", "build/knip.json", "--no-progress"],
    mend: "delete what it names, or name its entry in build/knip.json",
  },
  {
    name: "format",
    what: "oxfmt",
    command: [join(packages, "oxfmt/bin/oxfmt"), "--check", "."],
    mend: "npx oxfmt .",
  },
  {
    name: "tidy",
    what: "READMEs, sizes, units, words, paths",
    command: [join(import.meta.dirname, "tidy.ts")],
    mend: "each line says what to do",
  },
];

interface Outcome {
  readonly step: Step;
  readonly passed: boolean;
  readonly tookMs: number;
}

function runStep(step: Step): Promise<Outcome> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, step.command, {
      cwd: join(import.meta.dirname, ".."),
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    const keep = (chunk: Buffer): void => {
      said += chunk.toString();
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const settle = (passed: boolean): void => {
      if (!passed) {
        console.log(`\n── ${step.name} ──\n${said.trimEnd()}\nMend: ${step.mend}`);
      }
      resolve({ step, passed, tookMs: performance.now() - startedMs });
    };
    child.on("error", (error) => {
      said += `${step.command[0]} could not be started: ${error.message}`;
      settle(false);
    });
    child.on("close", (code) => settle(code === 0));
  });
}

async function runAll(chosen: readonly Step[]): Promise<Outcome[]> {
  const waiting = [...chosen];
  const outcomes: Outcome[] = [];
  const lane = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      outcomes.push(await runStep(step));
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, availableParallelism()) }, lane));
  return chosen.flatMap((step) => outcomes.filter((outcome) => outcome.step === step));
}

const names = process.argv.slice(2);
const strangers = names.filter((name) => !steps.some((step) => step.name === name));
if (strangers.length > 0) {
  const known = steps.map((step) => step.name).join(", ");
  console.error(`There is no check named ${strangers.join(", ")}. There are: ${known}.`);
  process.exit(2);
}
const chosen = names.length === 0 ? steps : steps.filter((step) => names.includes(step.name));
const startedMs = performance.now();
const outcomes = await runAll(chosen);
console.log("");
for (const { step, passed, tookMs } of outcomes) {
  const seconds = (tookMs / 1000).toFixed(1).padStart(5);
  console.log(`${passed ? "passed" : "FAILED"}  ${step.name.padEnd(7)} ${seconds} s  ${step.what}`);
}
const failed = outcomes.filter((outcome) => !outcome.passed).length;
const tookS = ((performance.now() - startedMs) / 1000).toFixed(1);
console.log(`check: ${outcomes.length - failed} passed, ${failed} failed in ${tookS} s`);
process.exitCode = failed === 0 ? 0 : 1;
