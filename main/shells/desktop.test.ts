import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DESKTOP_READY, findDesktop, launchDesktop } from "./desktop.ts";

let root = "";
let electron = "";
const tmpBefore = process.env["TMPDIR"];

beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), "skink desktop "));
  electron = path.join(root, "node_modules", "electron");
  mkdirSync(electron, { recursive: true });
  mkdirSync(path.join(root, "tmp"));
  process.env["TMPDIR"] = path.join(root, "tmp");
});
afterEach(() => {
  if (tmpBefore === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = tmpBefore;
  rmSync(root, { recursive: true, force: true });
});

const withBundle = () => {
  mkdirSync(path.join(root, "dist", "electron"), { recursive: true });
  writeFileSync(path.join(root, "dist", "electron", "main.mjs"), "");
};
const withInstaller = (script: string) => {
  writeFileSync(path.join(electron, "package.json"), `{"type":"commonjs"}`);
  writeFileSync(path.join(electron, "install.js"), script);
};
const find = (settings: Partial<Parameters<typeof findDesktop>[0]> = {}) =>
  findDesktop({
    root,
    env: { DISPLAY: ":0" },
    platform: "linux",
    isRoot: false,
    fetchLimitMs: 5000,
    ...settings,
  });

const brings = `
const fs = require("node:fs");
fs.mkdirSync(__dirname + "/dist");
fs.writeFileSync(__dirname + "/dist/electron", "");
fs.writeFileSync(__dirname + "/path.txt", "electron");
`;

describe("looking for Electron", () => {
  test("fetches nothing where nobody could see a window", async () => {
    withBundle();
    withInstaller(brings);
    for (const env of [{}, { DISPLAY: "" }]) {
      const desktop = await find({ env });
      expect(desktop.status === "absent" && desktop.sentence).toBe(
        "There is no display for a desktop window. The console runs in the browser instead.",
      );
    }
    expect((await find({ isRoot: true })).status).toBe("absent");
    expect(existsSync(path.join(electron, "path.txt"))).toBe(false);
  });

  test("knows a display by either system of Linux, and a remote login on macOS", async () => {
    withBundle();
    withInstaller(brings);
    expect((await find({ env: { WAYLAND_DISPLAY: "wayland-0" } })).status).toBe("present");
    const remote = { SSH_CONNECTION: "10.0.0.1 1 10.0.0.2 22" };
    expect((await find({ env: remote, platform: "darwin" })).status).toBe("absent");
  });

  test("takes the binary that is there, or fetches it", async () => {
    withBundle();
    withInstaller(brings);
    const fetched = await find();
    const binary = path.join(electron, "dist", "electron");
    expect(fetched).toEqual({ status: "present", binary });
    withInstaller("process.exit(1)");
    expect(await find()).toEqual({ status: "present", binary });
  });

  test("gives up a fetch that takes too long and throws half of it away", async () => {
    withBundle();
    withInstaller(`
      require("node:fs").writeFileSync(require("node:os").tmpdir() + "/half", "");
      setInterval(() => {}, 1000);
    `);
    const desktop = await find({ fetchLimitMs: 500 });
    expect(desktop.status === "absent" && desktop.sentence).toContain("did not arrive within 1 s.");
    expect(readdirSync(path.join(root, "tmp"))).toEqual([]);
  });

  test("says so when the fetch fails", async () => {
    withBundle();
    withInstaller("process.exit(1)");
    expect((await find()).status).toBe("absent");
  });
});

describe.skipIf(process.platform === "win32")("running Electron", () => {
  const program = (script: string) => {
    const file = path.join(root, "an electron");
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
    return file;
  };

  test("is ready when the shell says so; other lines are passed on", async () => {
    const lines: string[] = [];
    const script = `echo hello; echo "${DESKTOP_READY}"; echo "$1"; exec sleep 60`;
    const run = launchDesktop(program(script), ["--skink-demo=two"], (line) => lines.push(line));
    expect(await run.ready).toBe(true);
    run.stop();
    await run.ended;
    expect(lines).toEqual(["hello", "--skink-demo=two"]);
  });

  test("is not ready when it ends first, or is no program", async () => {
    const early = launchDesktop(program("echo no sandbox; exit 1"), [], () => undefined);
    expect(await early.ready).toBe(false);
    const none = launchDesktop(path.join(root, "missing"), [], () => undefined);
    expect(await none.ready).toBe(false);
    await none.ended;
  });
});
