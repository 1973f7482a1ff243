import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HostRoot } from "./host-root.ts";

let folder = "";
let root: HostRoot;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skink-root-"));
  root = new HostRoot(join(folder, "root"));
  mkdirSync(join(folder, "root/opt/skink/releases/1"), { recursive: true });
  symlinkSync("releases/1", join(folder, "root/opt/skink/current"));
  symlinkSync("/etc", join(folder, "root/outside"));
  symlinkSync("../../../../../../../..", join(folder, "root/opt/up"));
  symlinkSync("round", join(folder, "root/round"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("the root of a virtual host", () => {
  it.each([
    ["/etc/passwd", "/etc/passwd"],
    ["etc/passwd", "/etc/passwd"],
    ["/../../../etc/passwd", "/etc/passwd"],
    ["/opt/../../../../etc/passwd", "/etc/passwd"],
    ["//opt//skink/.", "/opt/skink"],
    ["/opt/skink/current/skink", "/opt/skink/releases/1/skink"],
    ["/outside/passwd", "/etc/passwd"],
    ["/opt/up/etc/passwd", "/etc/passwd"],
    ["/", ""],
  ])("finds %s in itself", (path, inside) => {
    expect(root.follow(path)).toBe(join(folder, "root", inside));
  });

  it("means a link itself where it is asked for that", () => {
    expect(root.entry("/opt/skink/current")).toBe(join(folder, "root/opt/skink/current"));
    expect(root.entry("/outside/passwd")).toBe(join(folder, "root/etc/passwd"));
  });

  it.each(["/etc/\0passwd", `/${"a".repeat(2_000)}`])("refuses a path like %j", (path) => {
    expect(() => root.follow(path)).toThrow("EINVAL");
  });

  it("goes round no circle", () => {
    expect(() => root.follow("/round/x")).toThrow("ELOOP");
  });

  it("leaves itself by no path there is", () => {
    const step = fc.constantFrom("..", ".", "opt", "up", "outside", "skink", "current", "", "x");
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const real = root.follow(steps.join("/"));
        return real === root.folder || real.startsWith(`${root.folder}/`);
      }),
    );
  });
});
