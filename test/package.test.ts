import { spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/* The desktop program as a folder, and its main bundle run with a double in Electron's place. */
const root = fileURLToPath(new URL("..", import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(process.execPath, [...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  child.stderr.on("data", (chunk) => (output += String(chunk)));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, output })));
}

/** The paths in an archive, out of its header: sizes, then JSON. */
function pathsIn(archive: string): string[] {
  const bytes = readFileSync(archive);
  const header = bytes.subarray(16, 16 + bytes.readUInt32LE(12)).toString("utf8");
  const found: string[] = [];
  interface Entry {
    readonly files?: Readonly<Record<string, Entry>>;
  }
  const walk = (folder: string, entry: Entry) => {
    for (const [name, inner] of Object.entries(entry.files ?? {})) {
      if (inner.files === undefined) found.push(`${folder}${name}`);
      else walk(`${folder}${name}/`, inner);
    }
  };
  walk("", JSON.parse(header) as Entry);
  return found;
}

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(path.join(os.tmpdir(), "skink package "));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.runIf(process.platform === "linux")("npm run package -- --dir", () => {
  let app = "";
  let output = "";

  beforeAll(async () => {
    const out = path.join(scratch, "out");
    const ended = await run([`${root}build/run.mjs`, "package", "--dir", "--out", out]);
    output = ended.output;
    expect(ended.code, output).toBe(0);
    app = path.join(out, "linux-unpacked");
  });

  test("puts the program in an archive and the demo's programs beside it", () => {
    const paths = pathsIn(path.join(app, "resources", "app.asar"));
    expect(paths).toEqual(
      expect.arrayContaining(["main.mjs", "package.json", "preload.cjs", "renderer/index.html"]),
    );
    expect(paths.some((file) => /^renderer\/assets\/.+\.js$/.test(file))).toBe(true);
    expect(paths.filter((file) => /node_modules|\.ts$|^demo\//.test(file))).toEqual([]);
    const resources = path.join(app, "resources");
    expect(readdirSync(path.join(resources, "demo"))).toEqual(
      expect.arrayContaining(["undertaker.mjs", "xapi-host.mjs"]),
    );
    const node = statSync(path.join(resources, "node", "node"));
    expect(node.mode & 0o111).not.toBe(0);
  });

  test("sets the fuses: no Node by flag or environment, only its own archive", () => {
    const bytes = readFileSync(path.join(app, "skink"));
    const sentinel = "dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX";
    const wire = bytes.indexOf(sentinel) + sentinel.length + 2;
    const fuses = bytes.subarray(wire, wire + 8).toString("latin1");
    // run as Node, cookie encryption, NODE_OPTIONS, --inspect, archive integrity, only the archive,
    // own V8 snapshot, privileges for file:
    expect(fuses).toBe("01001100");
  });

  test.runIf(!existsSync(`${root}node_modules/electron/path.txt`))(
    "says that it is a stand-in where Electron is absent",
    async () => {
      expect(output).toContain("a stand-in package without Electron, for tests only");
      expect(existsSync(path.join(app, "STAND-IN.txt"))).toBe(true);
      const started = await new Promise<number | null>((resolve) => {
        spawn(path.join(app, "skink"), { stdio: "ignore" }).once("close", resolve);
      });
      expect(started).toBe(1);
    },
  );

  test("wants to be told --dir", async () => {
    const ended = await run([`${root}build/run.mjs`, "package"]);
    expect(ended.code).toBe(2);
    expect(ended.output).toContain("Say --dir");
  });
});

/** Electron as far as the main script needs it before a window is on the screen. */
const double = `
import { EventEmitter } from "node:events";
const say = (line) => console.log("double: " + line);
const noop = () => {};
export const app = Object.assign(new EventEmitter(), {
  isPackaged: false,
  enableSandbox: () => say("sandbox"),
  requestSingleInstanceLock: () => true,
  setPath: noop,
  quit: noop,
  exit: (code) => process.exit(code),
  whenReady: async () => say("ready"),
});
export const protocol = { registerSchemesAsPrivileged: () => say("schemes"), handle: noop };
export const ipcMain = new EventEmitter();
export const safeStorage = {};
export const session = { defaultSession: {
  setPermissionRequestHandler: noop,
  setPermissionCheckHandler: noop,
  setDevicePermissionHandler: noop,
} };
export class MessageChannelMain {}
export class BrowserWindow {
  webContents = {};
  async loadURL(url) {
    say("window " + url);
    setTimeout(() => app.emit("before-quit", { preventDefault: noop }), 100);
  }
}
`;

const hooks = (file: string) => `
import { registerHooks } from "node:module";
registerHooks({
  resolve: (name, context, next) =>
    name === "electron" ? { url: ${JSON.stringify(file)}, shortCircuit: true } : next(name, context),
});
`;

test("the main bundle starts, with the demo pool out of its own bundles, and ends", async () => {
  const electron = path.join(scratch, "electron.mjs");
  const hook = path.join(scratch, "hook.mjs");
  writeFileSync(electron, double);
  writeFileSync(hook, hooks(pathToFileURL(electron).href));
  const main = path.join(root, "dist", "electron", "main.mjs");
  const tmp = mkdtempSync(path.join(scratch, "tmp-"));
  const args = ["--import", pathToFileURL(hook).href, main, "--skink-demo=two"];
  const { code, output } = await run(args, { TMPDIR: tmp });
  const lines = output.split("\n").filter((line) => /^double|^skink/.test(line));
  expect(lines, output).toEqual([
    "double: sandbox",
    "double: schemes",
    "double: ready",
    "double: window app://skink/",
    "skink: window ready",
  ]);
  expect(code).toBe(0);
  expect(readdirSync(tmp)).toEqual([]);
});
