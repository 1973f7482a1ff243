import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { faultTable, openFaultRoom } from "./faults.ts";
import type { FaultKind, FaultRoom, FaultRow } from "./faults.ts";
import { hasOpenSsh } from "./ssh-host.ts";

/*
 * The whole table takes a quarter of an hour, so a normal run tries one row of each kind and looks
 * that the table in docs/ is whole. SKINK_FAULT_TABLE=write tries every row and writes it; a word
 * such as install/link tries the rows of that phase and writes them into the table that is there.
 */
const document = join(import.meta.dirname, "../../docs/rollout-faults.md");
const asked = process.env["SKINK_FAULT_TABLE"] ?? "";
const isWriting = asked !== "";
const faults: readonly FaultKind[] = ["connection lost", "disk full", "console killed"];

function readTable(): string {
  return existsSync(document) ? readFileSync(document, "utf8") : "";
}

type Row = Pick<FaultRow, "kind" | "phase" | "fault">;

function everyRow(room: FaultRoom): readonly Row[] {
  return (["install", "upgrade"] as const).flatMap((kind) =>
    room.phases(kind).flatMap((phase) => faults.map((fault) => ({ kind, phase, fault }))),
  );
}

function rowIn(
  text: string,
  kind: FaultRow["kind"],
  phase: string,
  fault: FaultKind,
): FaultRow | null {
  const start = `| ${kind} | ${phase} | ${fault} | `;
  const row = text.split("\n").find((one) => one.startsWith(start));
  const [ended = "", outcome = ""] = row?.slice(start.length).split(" | ") ?? [];
  const found = outcomes.find((one) => outcome.startsWith(one));
  return found === undefined ? null : { kind, phase, fault, ended, outcome: found, detail: "" };
}

const outcomes = ["as before", "resumed", "not hurt", "WRONG"] as const;

describe.runIf(hasOpenSsh())("a roll-out that is hurt", { timeout: 3_600_000 }, () => {
  let room: FaultRoom;
  beforeAll(async () => {
    room = await openFaultRoom();
  }, 60_000);
  afterAll(() => room.close());

  it.runIf(isWriting)("leaves hosts as before or goes on, in every phase", async () => {
    const rows: FaultRow[] = [];
    for (const { kind, phase, fault } of everyRow(room)) {
      const isAsked = asked === "write" || asked.split(",").includes(`${kind}/${phase}`);
      const known = isAsked ? null : rowIn(readTable(), kind, phase, fault);
      rows.push(known ?? (await room.tryFault(kind, phase, fault)));
      process.stderr.write(`${JSON.stringify(rows.at(-1))}\n`);
    }
    writeFileSync(document, faultTable(rows));
    expect(rows.filter(({ outcome }) => outcome === "WRONG")).toEqual([]);
  });

  it.skipIf(isWriting).each([
    ["install", "key", "connection lost", "resumed"],
    ["install", "verify", "disk full", "as before"],
    ["install", "firewall", "console killed", "resumed"],
    ["upgrade", "upload", "disk full", "as before"],
    ["upgrade", "link", "connection lost", "resumed"],
    ["upgrade", "stop", "console killed", "resumed"],
  ] as const)("%s, %s, %s: %s", async (kind, phase, fault, outcome) => {
    expect(await room.tryFault(kind, phase, fault)).toMatchObject({ outcome, detail: "" });
    expect(rowIn(readTable(), kind, phase, fault)?.outcome).toBe(outcome);
  });

  it("has a row for every phase and fault in the table of docs/, and none that went wrong", () => {
    const text = readTable();
    expect(text).not.toContain("WRONG");
    const missing = everyRow(room).filter(
      ({ kind, phase, fault }) => rowIn(text, kind, phase, fault) === null,
    );
    expect(missing).toEqual([]);
  });
});
