import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureBuilt } from "./stale.ts";

let root = "";
let builds = 0;
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), "skink stale "));
  mkdirSync(path.join(root, "source", "deep"), { recursive: true });
  writeFileSync(path.join(root, "source", "deep", "a.ts"), "1");
  builds = 0;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const source = (name: string) => path.join(root, "source", name);
const built = () => readFileSync(path.join(root, "dist", "window", "built"), "utf8");
const ensure = (fails = false) =>
  ensureBuilt(
    root,
    {
      name: "window",
      inputs: ["source", "no-such-file"],
      build: (folder) => {
        builds += 1;
        mkdirSync(folder);
        if (fails) return Promise.reject(new Error("does not compile"));
        writeFileSync(path.join(folder, "built"), readFileSync(source("deep/a.ts"), "utf8"));
        return Promise.resolve();
      },
    },
    () => undefined,
  );

test("builds once, and again when a source changed, came or went", async () => {
  await ensure();
  await ensure();
  expect(builds).toBe(1);
  writeFileSync(source("deep/a.ts"), "2");
  await ensure();
  expect([builds, built()]).toEqual([2, "2"]);
  writeFileSync(source("b.ts"), "");
  await ensure();
  rmSync(source("b.ts"));
  await ensure();
  expect(builds).toBe(4);
});

test("does not build for a test or a README", async () => {
  await ensure();
  writeFileSync(source("deep/a.test.ts"), "");
  writeFileSync(source("README.md"), "");
  await ensure();
  expect(builds).toBe(1);
});

test("leaves the old build in place when the new one fails, and tries again", async () => {
  await ensure();
  writeFileSync(source("deep/a.ts"), "broken");
  await expect(ensure(true)).rejects.toThrow("does not compile");
  expect(built()).toBe("1");
  await ensure();
  expect(built()).toBe("broken");
  expect(readdirSync(path.join(root, "dist")).sort()).toEqual(["window", "window.inputs"]);
});
