/**
 * `state.db` as text: a header line, then one JSON line per object. Lines are kept per row until
 * the row changes, so that saving a large pool after a small change costs little.
 */
import { emptyRecord } from "../datamodel/records.ts";
import type { XapiRecord, XapiValue } from "../value.ts";
import { Database, sameValue, type DatabaseOptions } from "./database.ts";
import { isDerived } from "./relations.ts";
import type { Row, Table } from "./table.ts";

/** Classes whose allowed operations a starting node computes afresh; the others keep theirs. */
const RECOMPUTED = new Set(["pool", "host", "VM", "VM_appliance"]);

function isFleeting(cls: string, field: string): boolean {
  return field === "current_operations" || (field === "allowed_operations" && RECOMPUTED.has(cls));
}

interface Header {
  readonly format: 1;
  readonly generation: number;
  readonly version: string;
}

type Line = readonly [cls: string, ref: string, created: number, modified: number, XapiRecord];

class Corrupt extends Error {
  override readonly name = "Corrupt";
}

function persistent(cls: string, record: XapiRecord, empty: XapiRecord): XapiRecord {
  const kept = Object.entries(record).filter(
    ([field, value]) =>
      !isFleeting(cls, field) && !isDerived(cls, field) && !sameValue(value, empty[field]),
  );
  return Object.fromEntries(kept);
}

function headerLine(generation: number, version: string): string {
  return JSON.stringify({ format: 1, generation, version } satisfies Header);
}

/** The text of a table at a revision: most tables do not change between two saves. */
const texts = new WeakMap<Table, { readonly revision: number; readonly text: string }>();

function dumpTable(table: Table, version: string): string {
  const known = texts.get(table);
  if (known?.revision === table.revision) return known.text;
  const empty = emptyRecord(table.name, version);
  const lines: string[] = [];
  for (const row of table.rows.values()) {
    row.line ??= JSON.stringify([
      row.cls,
      row.ref,
      row.created,
      row.modified,
      persistent(row.cls, row.record, empty),
    ] satisfies Line);
    lines.push(row.line);
  }
  const text = lines.join("\n");
  texts.set(table, { revision: table.revision, text });
  return text;
}

/** The last whole text: copies to all members at one moment share it. */
const dumps = new WeakMap<Database, { readonly generation: number; readonly text: string }>();

export function dumpDatabase(database: Database): string {
  const known = dumps.get(database);
  if (known?.generation === database.generation) return known.text;
  const saved = [...database.tables()].filter((table) => !table.fleeting && table.rows.size > 0);
  const text = [
    headerLine(database.generation, database.version),
    ...saved.map((table) => dumpTable(table, database.version)),
  ].join("\n");
  dumps.set(database, { generation: database.generation, text });
  return text;
}

function parseLine<T>(text: string | undefined): T {
  try {
    return JSON.parse(text ?? "") as T;
  } catch {
    throw new Corrupt("the database copy is damaged");
  }
}

/** Generation of a copy without restoring it; 0 when there is none. */
export function dumpedGeneration(text: string | undefined): number {
  if (text === undefined || text === "") return 0;
  return parseLine<Header>(text.slice(0, text.indexOf("\n"))).generation;
}

/** Throws when the text is no copy. Rows of classes unknown to `options.version` are dropped. */
export function restoreDatabase(
  text: string,
  options: Omit<DatabaseOptions, "generation">,
): Database {
  const [head, ...lines] = text.split("\n");
  const header = parseLine<Header>(head);
  if (header.format !== 1) throw new Corrupt("the database copy has an unknown format");
  const database = new Database({ ...options, generation: header.generation });
  const empties = new Map<string, XapiRecord>();
  for (const line of lines) {
    const [cls, ref, created, modified, fields] = parseLine<Line>(line);
    if (!database.hasTable(cls)) continue;
    const empty = empties.get(cls) ?? emptyRecord(cls, options.version);
    empties.set(cls, empty);
    const record = { ...empty, ...fields };
    database.restoreRow({ ref, cls, record, created, modified, line } satisfies Row);
  }
  database.finishRestore();
  return database;
}

/** A fresh database copy out of plain tables: class to reference to record. What presets write. */
export function dumpTables(
  tables: Readonly<Record<string, Readonly<Record<string, XapiRecord>>>>,
  version: string,
): string {
  const lines: string[] = [];
  let generation = 0;
  for (const [cls, rows] of Object.entries(tables)) {
    const empty = emptyRecord(cls, version);
    for (const [ref, record] of Object.entries(rows)) {
      generation += 1;
      const fields: XapiValue = persistent(cls, record, empty);
      lines.push(JSON.stringify([cls, ref, generation, generation, fields] satisfies Line));
    }
  }
  return [headerLine(generation, version), ...lines].join("\n");
}
