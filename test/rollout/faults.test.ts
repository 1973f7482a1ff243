import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { faultTable, openFaultRoom } from "./faults.ts";
import type { FaultKind, FaultRoom, FaultRow } from "./faults.ts";
import { hasOpenSsh } from "./ssh-host.ts";

/*
 * The whole table takes minutes, so a normal run tries one row of each kind and looks that the
 * table in docs/ is whole; SKINK_FAULT_TABLE=write tries every row and writes it.
 */
const document = join(import.meta.dirname, "../../docs/rollout-faults.md");
const isWhole = process.env["SKINK_FAULT_TABLE"] === "write";
const faults: readonly FaultKind[] = ["connection lost", "disk full", "console killed"];

describe.runIf(hasOpenSsh())("a roll-out that is hurt", { timeout: 3_600_000 }, () => {
  let room: FaultRoom;
  beforeAll(async () => {
    room = await openFaultRoom();
  }, 60_000);
  afterAll(() => room.close());

  it.runIf(isWhole)("leaves hosts as before or goes on, in every phase", async () => {
    const rows: FaultRow[] = [];
    for (const kind of ["install", "upgrade"] as const) {
      for (const phase of room.phases(kind)) {
        for (const fault of faults) {
          const row = await room.tryFault(kind, phase, fault);
          process.stderr.write(`${JSON.stringify(row)}\n`);
          rows.push(row);
        }
      }
    }
    writeFileSync(document, faultTable(rows));
    expect(rows.filter(({ outcome }) => outcome === "WRONG")).toEqual([]);
  });

  it.skipIf(isWhole).each([
    ["install", "key", "connection lost", "resumed"],
    ["install", "verify", "disk full", "as before"],
    ["install", "firewall", "console killed", "resumed"],
    ["upgrade", "upload", "disk full", "as before"],
    ["upgrade", "link", "connection lost", "resumed"],
    ["upgrade", "stop", "console killed", "resumed"],
  ] as const)("%s, %s, %s: %s", async (kind, phase, fault, outcome) => {
    expect(await room.tryFault(kind, phase, fault)).toMatchObject({ outcome, detail: "" });
  });

  it("has a row for every phase and fault in the table of docs/, and none that went wrong", () => {
    const text = existsSync(document) ? readFileSync(document, "utf8") : "";
    expect(text).not.toContain("WRONG");
    const missing = (["install", "upgrade"] as const).flatMap((kind) =>
      room
        .phases(kind)
        .flatMap((phase) => faults.map((fault) => `| ${kind} | ${phase} | ${fault} |`))
        .filter((row) => !text.includes(row)),
    );
    expect(missing).toEqual([]);
  });
});
