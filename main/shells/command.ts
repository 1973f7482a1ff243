import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { DemoFacts } from "./demo-setup.ts";
import { findDesktop, hasDisplay, launchDesktop } from "./desktop.ts";
import { type Options, parseOptions, usage } from "./options.ts";
import { type Served, serve } from "./serve.ts";

/*
 * `skink demo`, `skink start`, `skink serve`: what a person starts. Standard output carries the
 * link, or with --json its one line and nothing else; everything besides goes to standard error.
 */
const root = fileURLToPath(new URL("../..", import.meta.url));
const FETCH_LIMIT_MS = 10_000;
/** Longer than any orderly end takes; a hanging peer must not keep a terminal. */
const STOP_LIMIT_MS = 15_000;

const tell = (sentence: string): void => void process.stderr.write(`${sentence}\n`);

interface EndWanted {
  readonly wanted: Promise<void>;
  isWanted(): boolean;
}

/** When the person, the system or the starting process wants an end. */
function watchForEnd(): EndWanted {
  let isWanted = false;
  const wanted = new Promise<void>((resolve) => {
    const end = () => {
      if (!isWanted) setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
      isWanted = true;
      resolve();
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
    // The process that started this one is gone, even if it was killed.
    process.on("disconnect", end);
  });
  return { wanted, isWanted: () => isWanted };
}

async function runDesktop(options: Options, end: EndWanted): Promise<boolean> {
  const desktop = await findDesktop({
    root,
    env: process.env,
    platform: process.platform,
    isRoot: process.getuid?.() === 0,
    fetchLimitMs: FETCH_LIMIT_MS,
  });
  if (desktop.status === "absent") {
    tell(desktop.sentence);
    return false;
  }
  const demo = options.verb === "demo" ? [`--skink-demo=${options.preset}`] : [];
  const run = launchDesktop(desktop.binary, [`${root}dist/electron`, ...demo], tell);
  void end.wanted.then(() => run.stop());
  const isReady = await run.ready;
  if (!isReady && !end.isWanted()) {
    tell("Electron ended before its window was up. The console runs in the browser instead.");
    return false;
  }
  await run.ended;
  return true;
}

async function runBrowser(options: Options, end: EndWanted): Promise<number> {
  const serving = serve({ options, root, timing: "real", log: tell });
  const served = await Promise.race([serving, end.wanted]);
  if (served === undefined) {
    // What is half started cannot be stopped in order; all of it ends when this process is gone.
    serving.catch(() => undefined);
    tell("Stopped while starting.");
    return 130;
  }
  announce(options, served);
  await end.wanted;
  await served.stop();
  return 0;
}

function announce(options: Options, served: Served): void {
  const url = served.newLink();
  if (options.json && served.demoFacts !== null) {
    process.stdout.write(`${JSON.stringify({ url, ...served.demoFacts })}\n`);
  } else {
    if (served.demoFacts !== null) process.stdout.write(demoLines(served.demoFacts));
    process.stdout.write(`Console: ${url}\n`);
    tell("The link works once, within 60 seconds. Ctrl-C ends everything.");
  }
  offerNewLinks(served, options.json);
  if (options.open && hasDisplay(process.env, process.platform)) openBrowser(url);
}

function demoLines(facts: DemoFacts): string {
  const hosts = facts.hosts.map((host, index) => {
    const role = index === 0 ? "  (coordinator)" : "";
    return `  ${host.name}  ${host.xapiUrl}  ssh port ${host.sshPort}${role}\n`;
  });
  const shown = hosts.length > 4 ? [...hosts.slice(0, 3), `  … ${hosts.length} hosts\n`] : hosts;
  return `Demo pool, user ${facts.user}, password ${facts.password}\n${shown.join("")}`;
}

/** Enter in a terminal, a signal where there is none. */
function offerNewLinks(served: Served, isQuiet: boolean): void {
  const print = () => (isQuiet ? process.stderr : process.stdout).write(`${served.newLink()}\n`);
  if (process.platform !== "win32") process.on("SIGUSR2", print);
  if (!process.stdin.isTTY || !isInForeground()) {
    tell(`For a new link: kill -USR2 ${process.pid}`);
    return;
  }
  tell("For a new link press Enter.");
  createInterface({ input: process.stdin }).on("line", print);
  process.stdin.unref();
}

/** A background job that reads from its terminal is stopped by the system. */
function isInForeground(): boolean {
  try {
    const stat = readFileSync("/proc/self/stat", "utf8");
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return group === foreground;
  } catch {
    // No /proc on this system.
    return true;
  }
}

function openBrowser(url: string): void {
  const [program, args] = openers[process.platform] ?? ["xdg-open", []];
  const child = spawn(program, [...args, url], { stdio: "ignore", detached: true });
  // Without the program the link is on the terminal.
  child.on("error", () => undefined);
  child.unref();
}

const openers: Partial<Record<NodeJS.Platform, readonly [string, readonly string[]]>> = {
  darwin: ["open", []],
  win32: ["rundll32", ["url.dll,FileProtocolHandler"]],
};

async function main(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(args);
  if (parsed.status === "help") {
    process.stdout.write(usage);
    return 0;
  }
  if (parsed.status === "refused") {
    tell(parsed.sentence);
    return 2;
  }
  const { options } = parsed;
  const end = watchForEnd();
  if (options.verb === "serve" || options.json || !options.open) {
    tell("The console runs in the browser, as asked.");
  } else if (await runDesktop(options, end)) {
    return 0;
  }
  return runBrowser(options, end);
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    tell(error instanceof Error ? error.message : String(error));
    process.exit(1);
  },
);
