#!/usr/bin/env node
/*
 * The way in, in plain JavaScript for the Node that happens to be there (20.19 or later): installs
 * the packages when they are missing or do not match the lock file, then runs the command in a new
 * process on the Node that the lock file names. Nothing here may be imported from a package.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const modules = path.join(root, "node_modules");
const stampFile = path.join(modules, ".skink-install");
const node24 = path.join(
  modules,
  "node",
  "bin",
  process.platform === "win32" ? "node.exe" : "node",
);

/** Every command: its file, arguments before the person's, whether it needs the window built. */
const verbs = {
  start: { file: "main/shells/command.ts", first: ["start"], needsBuild: true },
  demo: { file: "main/shells/command.ts", first: ["demo"], needsBuild: true },
  serve: { file: "main/shells/command.ts", first: ["serve"], needsBuild: true },
  test: { file: "build/test.ts", first: [], needsBuild: true },
  bench: { file: "build/bench/main.ts", first: [], needsBuild: true },
  look: { file: "build/look.ts", first: [], needsBuild: true },
  lab: { file: "build/lab/main.ts", first: [], needsBuild: false },
  package: { file: "build/package.ts", first: [], needsBuild: true },
  "build:agent": { file: "build/build-agent.ts", first: [], needsBuild: false },
  check: { file: "build/check.ts", first: [], needsBuild: false },
};

const say = (sentence) => process.stderr.write(`${sentence}\n`);

class Refusal extends Error {
  constructor(sentence, code = 1) {
    super(sentence);
    this.code = code;
  }
}

/** The one process that runs now; signals go on to it. */
let child = null;
let wantedEnd = null;

function passOn(signal) {
  wantedEnd ??= signal;
  child?.kill(signal);
}

/** Resolves with the exit code; output of helpers goes to standard error. */
function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    child = spawn(program, args, { cwd: root, stdio: "inherit", ...options });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      child = null;
      resolve(code ?? (signal === "SIGINT" ? 130 : 143));
    });
  });
}

// ---- the lock: one command at a time installs and builds

const lockFolder = path.join(root, ".cache", "bootstrap.lock");
let holdsLock = false;

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** True when whoever took the lock cannot be at work any more. */
function isAbandoned() {
  try {
    return !isAlive(Number(fs.readFileSync(path.join(lockFolder, "pid"), "utf8")));
  } catch {
    // Its owner has not written its number yet, or has just let go.
    const made = fs.statSync(lockFolder, { throwIfNoEntry: false });
    return made !== undefined && Date.now() - made.mtimeMs > 5000;
  }
}

function tryLock() {
  try {
    fs.mkdirSync(lockFolder);
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    return false;
  }
  fs.writeFileSync(path.join(lockFolder, "pid"), String(process.pid));
  holdsLock = true;
  return true;
}

async function lock() {
  fs.mkdirSync(path.dirname(lockFolder), { recursive: true });
  const giveUpAt = Date.now() + 15 * 60_000;
  let hasTold = false;
  while (!tryLock()) {
    if (wantedEnd !== null) throw new Refusal("Stopped.", 130);
    if (Date.now() > giveUpAt) {
      throw new Refusal(
        `Another command has been preparing for 15 minutes. Remove ${lockFolder} if not.`,
      );
    }
    if (isAbandoned()) {
      // A rename succeeds for one of several that see this at once.
      const aside = `${lockFolder}.${process.pid}`;
      try {
        fs.renameSync(lockFolder, aside);
        fs.rmSync(aside, { recursive: true, force: true });
      } catch {
        // Somebody else took it away.
      }
      continue;
    }
    if (!hasTold) say("Another command is installing or building here; waiting for it.");
    hasTold = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function unlock() {
  if (holdsLock) fs.rmSync(lockFolder, { recursive: true, force: true });
  holdsLock = false;
}

// ---- packages

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8"));
  } catch {
    return null;
  }
}

/** npm's own list of what it installed, against the lock file: also right after `npm ci` by hand. */
function matchesLock() {
  const wanted = readJson(path.join(root, "package-lock.json"))?.packages ?? {};
  const present = readJson(path.join(modules, ".package-lock.json"))?.packages;
  if (present === undefined) return false;
  return Object.entries(wanted).every(([name, entry]) => {
    if (name === "" || entry.optional || entry.devOptional) return true;
    return present[name]?.version === entry.version;
  });
}

function lockHash() {
  const text = fs.readFileSync(path.join(root, "package-lock.json"));
  return createHash("sha256").update(text).digest("hex");
}

function isInstalled() {
  const hasStamp = fs.existsSync(stampFile) && fs.readFileSync(stampFile, "utf8") === lockHash();
  if (!hasStamp && !matchesLock()) return false;
  if (runtime() === null) return false;
  if (!hasStamp) fs.writeFileSync(stampFile, lockHash());
  return true;
}

/** Node 24 from the packages, or the present one where that has none for this machine. */
function runtime() {
  if (fs.existsSync(node24)) return node24;
  return Number(process.versions.node.split(".")[0]) >= 24 ? process.execPath : null;
}

async function install() {
  say("Installing packages (npm ci), about a minute the first time ...");
  const startedAt = Date.now();
  const timer = setInterval(() => {
    say(`  still installing, ${Math.round((Date.now() - startedAt) / 1000)} s`);
  }, 15_000);
  const npmCli = process.env.npm_execpath;
  const isScript = npmCli !== undefined && /npm-cli\.c?js$/.test(npmCli);
  const [program, first] = isScript ? [process.execPath, [npmCli]] : ["npm", []];
  const args = [...first, "ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  try {
    const shell = !isScript && process.platform === "win32";
    const code = await run(program, args, { stdio: ["ignore", 2, 2], shell });
    if (wantedEnd !== null) throw new Refusal("Stopped before the packages were installed.", 130);
    if (code !== 0) throw new Refusal(npmFailed);
  } catch (error) {
    if (error.code === "ENOENT")
      throw new Refusal("npm is not on the PATH. Install npm 10 or later.");
    throw error;
  } finally {
    clearInterval(timer);
  }
  if (runtime() === null) {
    throw new Refusal(
      "npm brought no Node 24 for this machine. Install Node 24 and start again with it.",
    );
  }
  fs.writeFileSync(stampFile, lockHash());
  say(`Packages installed in ${Math.round((Date.now() - startedAt) / 1000)} s.`);
}

const npmFailed =
  "The packages could not be installed; npm says why above. Without a connection to the npm registry, " +
  "run `npm ci` once where there is one and copy node_modules here.";

// ---- the command

/** npm may be killed without its shell passing that on: whoever started this has then changed. */
function watchParent() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== parent) passOn("SIGTERM");
  }, 500);
  timer.unref();
}

async function prepare(needsBuild) {
  await lock();
  try {
    if (!isInstalled()) await install();
    if (!needsBuild) return;
    const code = await run(runtime(), [path.join(root, "build", "prepare.ts")], {
      stdio: ["ignore", 2, 2],
      env: environment(),
    });
    if (wantedEnd !== null) throw new Refusal("Stopped.", 130);
    if (code !== 0) throw new Refusal("The window could not be built; the reason is above.");
  } finally {
    unlock();
  }
}

function environment() {
  const bin = path.join(modules, ".bin");
  return { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH ?? ""}` };
}

async function main(args) {
  const [name, ...rest] = args;
  if (name === "--help" || name === "help") {
    say(`Commands: ${Object.keys(verbs).join(", ")}. start, demo and serve take --help.`);
    return 0;
  }
  if (!Object.hasOwn(verbs, name ?? "")) {
    throw new Refusal(
      `"${name ?? ""}" is not a command. Commands are ${Object.keys(verbs).join(", ")}.`,
      2,
    );
  }
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Refusal(`Node ${process.versions.node} is too old. Install Node 20.19 or later.`);
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => passOn(signal));
  process.on("exit", unlock);
  watchParent();
  const verb = verbs[name];
  await prepare(verb.needsBuild);
  const file = path.join(root, ...verb.file.split("/"));
  // The channel is not used: its end tells the command that this process is gone.
  const stdio = verb.first.length > 0 ? ["inherit", "inherit", "inherit", "ipc"] : "inherit";
  // A small young generation: a pool of 5,000 VMs leaves a third less memory behind for it.
  const flags = verb.first.length > 0 ? readJson(path.join(root, "build", "node-flags.json")) : [];
  return run(runtime(), [...(flags ?? []), file, ...verb.first, ...rest], {
    stdio,
    env: environment(),
  });
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error) => {
    say(error instanceof Refusal ? error.message : `${error.stack ?? error}`);
    process.exit(error instanceof Refusal ? error.code : 1);
  },
);
