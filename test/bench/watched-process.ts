import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Observation } from "./observe.ts";

const root = join(import.meta.dirname, "../..");
const endTimeoutMs = 20_000;

export interface Memory {
  readonly rssBytes: number;
  readonly rssMaxBytes: number;
}

/** A Node process that runs a file of this repo with the observer loaded before it. */
export interface WatchedProcess {
  /** resolves with the first message or line of output that `pick` makes something of */
  wait<T>(what: string, pick: (news: unknown) => T | undefined): Promise<T>;
  /** milliseconds since the epoch at which the first answer to a login was complete */
  readonly loginAnswered: Promise<number>;
  /** when answers to event calls were complete, oldest first */
  readonly eventsAnsweredAtMs: readonly number[];
  memory(): Promise<Memory>;
  send(message: object): void;
  stop(): Promise<void>;
}

const waitTimeoutMs = 60_000;

export function startWatched(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): WatchedProcess {
  const observer = join(root, "test/bench/observe.ts");
  const flags = JSON.parse(readFileSync(join(root, "build/node-flags.json"), "utf8")) as string[];
  const program = [...flags, "--import", observer, join(root, file), ...args];
  const child = spawn(process.execPath, program, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const listeners = new Set<(news: unknown) => void>();
  const publish = (news: unknown): void => {
    for (const listener of listeners) {
      listener(news);
    }
  };
  let rest = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(publish);
  });
  child.on("message", publish);
  const eventsAnsweredAtMs: number[] = [];
  listeners.add((news) => {
    const observation = asObservation(news);
    if (observation?.kind === "events-answered") {
      eventsAnsweredAtMs.push(observation.atMs);
    }
  });
  const wait = waiting(file, child, listeners);
  const loginAnswered = wait("the answer to its login", (news) => {
    const observation = asObservation(news);
    return observation?.kind === "login-answered" ? observation.atMs : undefined;
  });
  loginAnswered.catch(() => undefined);
  return {
    wait,
    loginAnswered,
    eventsAnsweredAtMs,
    async memory() {
      const answer = wait("its memory", (news) => {
        const observation = asObservation(news);
        return observation?.kind === "memory" ? observation : undefined;
      });
      child.send("memory");
      const { rssBytes, rssMaxBytes } = await answer;
      return { rssBytes, rssMaxBytes };
    },
    send: (message) => void child.send(message),
    stop: () => endOf(child),
  };
}

function waiting(
  file: string,
  child: ChildProcess,
  listeners: Set<(news: unknown) => void>,
): WatchedProcess["wait"] {
  return (what, pick) =>
    new Promise((resolve, reject) => {
      const finish = (end: () => void): void => {
        clearTimeout(timer);
        listeners.delete(listener);
        child.off("exit", gone);
        end();
      };
      const listener = (news: unknown): void => {
        const picked = pick(news);
        if (picked !== undefined) {
          finish(() => resolve(picked));
        }
      };
      const gone = (): void => finish(() => reject(new Error(`${file} ended before ${what}`)));
      const timer = setTimeout(() => {
        finish(() => reject(new Error(`${file}: ${what} did not come in ${waitTimeoutMs} ms`)));
      }, waitTimeoutMs);
      listeners.add(listener);
      child.on("exit", gone);
    });
}

function asObservation(news: unknown): Observation | null {
  return typeof news === "object" && news !== null && "kind" in news ? (news as Observation) : null;
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), endTimeoutMs);
  await ended;
  clearTimeout(timer);
}
