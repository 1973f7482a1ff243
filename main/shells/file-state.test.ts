import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { configFolder, fileState } from "./file-state.ts";

let base = "";
beforeEach(() => {
  base = mkdtempSync(path.join(os.tmpdir(), "skink state "));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

test("a document comes back from another store on the same folder", async () => {
  const folder = path.join(base, "deep", "skink");
  const pools = [{ name: "Łódź", address: "10.0.0.1" }];
  await fileState(folder).write("pools", pools);
  expect(await fileState(folder).read("pools")).toEqual(pools);
  expect(await fileState(folder).read("certificates")).toBeNull();
});

test("nobody else on the machine may read it", async () => {
  const folder = path.join(base, "skink");
  await fileState(folder).write("pools", []);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(statSync(path.join(folder, "pools.json")).mode & 0o777).toBe(0o600);
});

test("of many writes at once the last one stands, and nothing lies around", async () => {
  const store = fileState(base);
  await Promise.all(Array.from({ length: 20 }, (_, count) => store.write("pools", { count })));
  expect(await store.read("pools")).toEqual({ count: 19 });
  expect(readdirSync(base)).toEqual(["pools.json"]);
});

test("a failed write leaves the old document, and later writes work", async () => {
  const store = fileState(base);
  await store.write("pools", "old");
  const loop: unknown[] = [];
  loop.push(loop);
  expect(() => store.write("pools", loop)).toThrow();
  expect(await store.read("pools")).toBe("old");
  await store.write("pools", "new");
  expect(await store.read("pools")).toBe("new");
});

test("a damaged document is an error and not an empty one", async () => {
  writeFileSync(path.join(base, "certificates.json"), '{"half":');
  await expect(fileState(base).read("certificates")).rejects.toThrow("is damaged");
});

test.each(["../pools", "a/b", "", "Pools", "a.json"])("%j names no document", (name) => {
  expect(() => fileState(base).read(name)).toThrow("names no document");
});

test.runIf(process.platform === "linux")("the folder follows XDG_CONFIG_HOME if absolute", () => {
  expect(configFolder({ XDG_CONFIG_HOME: "/etc/x" })).toBe("/etc/x/skink");
  expect(configFolder({ XDG_CONFIG_HOME: "x" })).toBe(path.join(os.homedir(), ".config/skink"));
  expect(configFolder({})).toBe(path.join(os.homedir(), ".config/skink"));
});
