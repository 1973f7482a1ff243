import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/*
 * The way in, on a small project of its own in a path with spaces: its npm is a script that does
 * what `npm ci` leaves behind, and notes each time it ran.
 */
const root = fileURLToPath(new URL("..", import.meta.url));

/** The oldest Node at hand, because that is what a person's machine may have. */
function personsNode(): string {
  for (const folder of (process.env["PATH"] ?? "").split(path.delimiter)) {
    const file = path.join(folder, "node");
    if (folder.includes("node_modules") || !existsSync(file)) continue;
    const version = String(spawnSync(file, ["--version"]).stdout);
    if (version.startsWith("v20.") || version.startsWith("v22.")) return file;
  }
  return process.execPath;
}

const fakeNpm = `
const fs = require("node:fs");
const path = require("node:path");
const note = (line) => fs.appendFileSync("npm.log", line + "\\n");
note("start " + process.argv.slice(2).join(" "));
console.log("npm talks on standard output");
if (process.env.FAKE_NPM_FAILS) {
  console.error("npm error: the registry cannot be reached");
  process.exit(1);
}
setTimeout(() => {
  fs.rmSync("node_modules", { recursive: true, force: true });
  fs.mkdirSync("node_modules/node/bin", { recursive: true });
  fs.symlinkSync(process.env.FAKE_NODE_24, "node_modules/node/bin/node");
  fs.copyFileSync("package-lock.json", "node_modules/.package-lock.json");
  note("end");
}, 300);
`;

const command = `
const args = process.argv.slice(2);
console.log(JSON.stringify({ args, version: process.version }));
if (process.argv.includes("--wait")) {
  process.on("SIGTERM", () => process.exit(7));
  process.on("disconnect", () => {
    require("node:fs").writeFileSync("orphan.txt", "");
    process.exit(0);
  });
  setInterval(() => {}, 1000);
}
if (process.argv.includes("--fail")) process.exitCode = 5;
`;

let folder = "";
const children: ChildProcess[] = [];

function writeLock(version: string): void {
  const packages = {
    "": { name: "small" },
    "node_modules/node": { version },
    "node_modules/elsewhere": { version: "1.0.0", optional: true },
  };
  writeFileSync(path.join(folder, "package-lock.json"), JSON.stringify({ packages }));
}

beforeEach(() => {
  folder = path.join(mkdtempSync(path.join(os.tmpdir(), "skink-way-in-")), "a path with spaces");
  mkdirSync(path.join(folder, "build"), { recursive: true });
  mkdirSync(path.join(folder, "main", "shells"), { recursive: true });
  copyFileSync(path.join(root, "build", "run.mjs"), path.join(folder, "build", "run.mjs"));
  writeFileSync(path.join(folder, "npm-cli.js"), fakeNpm);
  writeFileSync(path.join(folder, "build", "prepare.ts"), `console.log("prepared");`);
  writeFileSync(path.join(folder, "main", "shells", "command.ts"), command);
  writeFileSync(path.join(folder, "build", "check.ts"), command);
  writeFileSync(path.join(folder, "package.json"), `{"type":"commonjs"}`);
  writeLock("1.0.0");
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(path.dirname(folder), { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(personsNode(), [path.join(folder, "build", "run.mjs"), ...args], {
    cwd: os.tmpdir(),
    env: {
      ...process.env,
      npm_execpath: path.join(folder, "npm-cli.js"),
      npm_lifecycle_event: undefined,
      FAKE_NODE_24: process.execPath,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
  const sees = async (text: string) => {
    while (!stdout.includes(text)) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  return { child, ended, sees };
}

const run = (args: readonly string[], env?: NodeJS.ProcessEnv) => start(args, env).ended;
const npmLog = () => {
  const file = path.join(folder, "npm.log");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
};

describe("the way in", () => {
  test("installs, builds and starts the command on Node 24, from any folder", async () => {
    const { code, stdout, stderr } = await run(["demo", "--json", "a b"]);
    expect(code).toBe(0);
    const told = JSON.parse(stdout) as { args: string[]; version: string };
    expect(told.args).toEqual(["demo", "--json", "a b"]);
    expect(told.version).toBe(process.version);
    expect(stderr).toContain("Installing packages");
    expect(stderr).toContain("npm talks on standard output");
    expect(stderr).toContain("prepared");
    expect(npmLog()).toHaveLength(2);
    expect(npmLog()[0]).toContain("ci --include=dev");
  });

  test("installs once, and again when the lock file names other packages", async () => {
    await run(["demo"]);
    await run(["demo"]);
    expect(npmLog()).toHaveLength(2);
    writeLock("2.0.0");
    await run(["demo"]);
    expect(npmLog()).toHaveLength(4);
  });

  test("believes an npm ci by hand", async () => {
    mkdirSync(path.join(folder, "node_modules", "node", "bin"), { recursive: true });
    symlinkSync(process.execPath, path.join(folder, "node_modules", "node", "bin", "node"));
    const lock = path.join(folder, "package-lock.json");
    copyFileSync(lock, path.join(folder, "node_modules", ".package-lock.json"));
    expect((await run(["check"])).code).toBe(0);
    expect(npmLog()).toEqual([]);
  });

  test("says in a sentence that npm failed, and starts nothing", async () => {
    const { code, stdout, stderr } = await run(["demo"], { FAKE_NPM_FAILS: "1" });
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain("the registry cannot be reached");
    expect(stderr).toContain("The packages could not be installed");
    expect((await run(["demo"])).code).toBe(0);
  });

  test("lets two at once install once and both start", async () => {
    const [first, second] = await Promise.all([run(["demo"]), run(["start"])]);
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(npmLog().map((line) => line.split(" ")[0])).toEqual(["start", "end"]);
    expect(first.stderr + second.stderr).toContain("waiting for it");
  });

  test("does not wait for one that was killed while it prepared", async () => {
    const lock = path.join(folder, ".cache", "bootstrap.lock");
    mkdirSync(lock, { recursive: true });
    const gone = spawnSync(process.execPath, ["--version"]).pid;
    writeFileSync(path.join(lock, "pid"), String(gone));
    expect((await run(["demo"])).code).toBe(0);
    expect(existsSync(lock)).toBe(false);
  });

  test("does not build for the check", async () => {
    const { stderr, code } = await run(["check", "--fail"]);
    expect(stderr).not.toContain("prepared");
    expect(code).toBe(5);
  });

  test("says so when the build fails", async () => {
    writeFileSync(path.join(folder, "build", "prepare.ts"), "process.exitCode = 1;");
    const { code, stderr, stdout } = await run(["demo"]);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain("The window could not be built");
  });

  test.each([[["fly"]], [[]], [["toString"]]])("knows no command %j", async (args) => {
    const { code, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stderr).toContain("is not a command. Commands are start, demo,");
    expect(npmLog()).toEqual([]);
  });

  test("passes an end on and waits for the command", async () => {
    const { child, ended, sees } = start(["demo", "--wait"]);
    await sees("--wait");
    child.kill("SIGTERM");
    expect((await ended).code).toBe(7);
  });

  test("tells the command even when it is killed", async () => {
    const { child, sees } = start(["demo", "--wait"]);
    await sees("--wait");
    child.kill("SIGKILL");
    const sign = path.join(folder, "orphan.txt");
    while (!existsSync(sign)) await new Promise((resolve) => setTimeout(resolve, 20));
  });
});
