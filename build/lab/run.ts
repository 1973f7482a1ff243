import { spawn } from "node:child_process";
import { Refusal } from "./plan.ts";

export interface RunOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  /** what it prints goes to standard error as well */
  readonly isShown?: boolean;
}

export interface Ran {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs a program to its end; a program that is not there is code 127. */
export function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ["pipe", "pipe", "pipe"],
      env: options.env ?? process.env,
      ...(options.timeoutMs === undefined
        ? {}
        : { timeout: options.timeoutMs, killSignal: "SIGKILL" as const }),
    });
    let output = "";
    let errors = "";
    child.stdout.on("data", (part: Buffer) => (output += part.toString()));
    child.stderr.on("data", (part: Buffer) => (errors += part.toString()));
    if (options.isShown === true) {
      child.stdout.pipe(process.stderr, { end: false });
      child.stderr.pipe(process.stderr, { end: false });
    }
    child.on("error", (error) => resolve({ code: 127, output, errors: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, output, errors }));
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
  });
}

/** Runs a program that has to succeed. Rejects with what it printed. */
export async function must(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, output, errors } = await run(program, args, options);
  if (code === 0) return output;
  const said = (errors.trim() || output.trim()).split("\n").slice(-5).join(" / ");
  throw new Refusal(`${program} ${args.slice(0, 3).join(" ")} failed with code ${code}: ${said}`);
}

/** A list of commands for one shell, stopped at the first that fails. */
export function script(text: string, timeoutMs = 30_000): Promise<string> {
  return must("sh", ["-e"], { input: text, timeoutMs });
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asks until the answer is true. False when `timeoutMs` have passed. */
export async function until(
  isDone: () => boolean | Promise<boolean>,
  timeoutMs: number,
  pollMs = 50,
): Promise<boolean> {
  const endMs = performance.now() + timeoutMs;
  while (performance.now() < endMs) {
    if (await isDone()) return true;
    await sleep(pollMs);
  }
  return false;
}
