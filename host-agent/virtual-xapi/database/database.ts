/**
 * The coordinator's database: in memory, one generation per write, rows that are replaced and never
 * mutated. Clients' event tokens are generations of this counter.
 */
import type { DbAccess } from "../call.ts";
import type { CancelSignal } from "../ports.ts";
import { type XapiRecord, type XapiValue, NULL_REF, XapiFailure } from "../value.ts";
import { tablesIn } from "../datamodel/datamodel.ts";
import { emptyRecord } from "../datamodel/records.ts";
import { relationsOf } from "./relations.ts";
import { Table, type Deletion, type Row } from "./table.ts";

export interface DatabaseOptions {
  /** Full XAPI version: decides tables and fields. */
  readonly version: string;
  readonly newUuid: () => string;
  /** Generation of the restored copy; 0 for a new database. */
  readonly generation?: number;
}

interface Change {
  readonly generation: number;
  readonly row: Row;
}

export interface Write {
  readonly operation: "add" | "mod" | "del";
  readonly row: Row;
}

/** Deep equality of two values. */
export function sameValue(left: XapiValue | undefined, right: XapiValue | undefined): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object") return false;
  const a = Object.entries(left);
  const b = right as { readonly [key: string]: XapiValue };
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  return a.length === Object.keys(b).length && a.every(([key, value]) => sameValue(value, b[key]));
}

export class Database implements DbAccess {
  readonly version: string;
  readonly #tables = new Map<string, Table>();
  readonly #classByRef = new Map<string, Row>();
  readonly #empty = new Map<string, XapiRecord>();
  readonly #newUuid: () => string;
  readonly #waiters = new Set<() => void>();
  readonly #undo: (() => void)[] = [];
  #watcher: ((write: Write) => void) | null = null;
  #changes: Change[] = [];
  #generation: number;
  #depth = 0;
  #savedRevision = 0;

  constructor(options: DatabaseOptions) {
    this.version = options.version;
    this.#newUuid = options.newUuid;
    this.#generation = options.generation ?? 0;
    for (const name of tablesIn(options.version)) {
      if (name !== "message") this.#tables.set(name, new Table(name));
    }
  }

  get generation(): number {
    return this.#generation;
  }

  /** Rises with every write that a saved copy must hold. */
  get savedRevision(): number {
    return this.#savedRevision;
  }

  get objectCount(): number {
    return this.#classByRef.size;
  }

  tables(): IterableIterator<Table> {
    return this.#tables.values();
  }

  hasTable(cls: string): boolean {
    return this.#tables.has(cls);
  }

  exists(ref: string): boolean {
    return this.#classByRef.has(ref);
  }

  classOf(ref: string): string | undefined {
    return this.#classByRef.get(ref)?.cls;
  }

  has(cls: string, ref: string): boolean {
    return this.#classByRef.get(ref)?.cls === cls;
  }

  row(cls: string, ref: string): Row | undefined {
    const row = this.#classByRef.get(ref);
    return row?.cls === cls ? row : undefined;
  }

  find(cls: string, ref: string): XapiRecord | undefined {
    return this.row(cls, ref)?.record;
  }

  get(cls: string, ref: string): XapiRecord {
    return this.#need(cls, ref).record;
  }

  refs(cls: string): readonly string[] {
    return [...(this.#tables.get(cls)?.rows.keys() ?? [])];
  }

  count(cls: string): number {
    return this.#tables.get(cls)?.rows.size ?? 0;
  }

  findByUuid(cls: string, uuid: string): string | undefined {
    return this.#tables.get(cls)?.refByUuid(uuid);
  }

  byUuid(cls: string, uuid: string): string {
    const ref = this.findByUuid(cls, uuid);
    if (ref === undefined) throw new XapiFailure("UUID_INVALID", cls, uuid);
    return ref;
  }

  byNameLabel(cls: string, label: string): readonly string[] {
    const rows = [...(this.#tables.get(cls)?.rows.values() ?? [])];
    return rows.filter((row) => row.record["name_label"] === label).map((row) => row.ref);
  }

  str(cls: string, ref: string, field: string): string {
    const value = this.get(cls, ref)[field];
    return typeof value === "string" ? value : "";
  }

  num(cls: string, ref: string, field: string): number {
    const value = this.get(cls, ref)[field];
    return typeof value === "number" ? value : 0;
  }

  bool(cls: string, ref: string, field: string): boolean {
    return this.get(cls, ref)[field] === true;
  }

  set(cls: string, ref: string, field: string): readonly string[] {
    const value = this.get(cls, ref)[field];
    return Array.isArray(value) ? (value as readonly string[]) : [];
  }

  map(cls: string, ref: string, field: string): Readonly<Record<string, string>> {
    const value = this.get(cls, ref)[field];
    const isMap = typeof value === "object" && !Array.isArray(value);
    return isMap ? (value as Readonly<Record<string, string>>) : {};
  }

  create(cls: string, fields: XapiRecord, options: { readonly ref?: string } = {}): string {
    const table = this.#table(cls);
    const ref = options.ref ?? `OpaqueRef:${this.#newUuid()}`;
    const uuid = fields["uuid"] ?? this.#newUuid();
    const record: XapiRecord = { ...this.#emptyOf(cls), ...fields, uuid };
    const generation = this.#bump();
    const row: Row = { ref, cls, record, created: generation, modified: generation, line: null };
    table.add(row);
    this.#classByRef.set(ref, row);
    this.#note(row);
    this.#revise(table);
    this.#watcher?.({ operation: "add", row });
    this.#remember(() => {
      table.remove(row);
      this.#classByRef.delete(ref);
    });
    for (const { field, parent, setField } of relationsOf(cls)) {
      this.#join(parent, record[field], setField, ref);
    }
    return ref;
  }

  update(cls: string, ref: string, fields: XapiRecord): void {
    const row = this.#need(cls, ref);
    const changed = Object.keys(fields).filter((key) => !sameValue(row.record[key], fields[key]));
    if (changed.length === 0) return;
    const before = row.record;
    this.#write(row, { ...before, ...fields });
    for (const { field, parent, setField } of relationsOf(cls)) {
      if (!changed.includes(field)) continue;
      this.#leave(parent, before[field], setField, ref);
      this.#join(parent, fields[field], setField, ref);
    }
  }

  // oxlint-disable-next-line max-params -- one key of one field of one object
  putKey(cls: string, ref: string, field: string, key: string, value: XapiValue): void {
    const map = this.map(cls, ref, field);
    this.update(cls, ref, { [field]: { ...map, [key]: value } });
  }

  dropKey(cls: string, ref: string, field: string, key: string): void {
    const value = this.get(cls, ref)[field];
    if (Array.isArray(value)) {
      this.update(cls, ref, { [field]: value.filter((member) => member !== key) });
      return;
    }
    const rest = Object.entries(this.map(cls, ref, field)).filter(([name]) => name !== key);
    this.update(cls, ref, { [field]: Object.fromEntries(rest) });
  }

  destroy(cls: string, ref: string): void {
    const row = this.row(cls, ref);
    if (row === undefined) return;
    const table = this.#table(cls);
    const deletionsBefore = table.deletions;
    table.remove(row);
    this.#classByRef.delete(ref);
    table.logDeletion(row, this.#bump());
    this.#revise(table);
    this.#watcher?.({ operation: "del", row });
    this.#remember(() => {
      table.add(row);
      table.deletions = deletionsBefore;
      this.#classByRef.set(ref, row);
    });
    for (const { field, parent, setField } of relationsOf(cls)) {
      this.#leave(parent, row.record[field], setField, ref);
    }
  }

  transaction<T>(work: () => T): T {
    const start = this.#undo.length;
    this.#depth += 1;
    try {
      return work();
    } catch (error) {
      for (const undo of this.#undo.splice(start).reverse()) undo();
      for (const table of this.#tables.values()) this.#revise(table);
      throw error;
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0) this.#undo.length = 0;
    }
  }

  touch(cls: string, ref: string): void {
    const row = this.#need(cls, ref);
    this.#write(row, row.record);
  }

  changed(signal?: CancelSignal): Promise<void> {
    return new Promise((resolve) => {
      let unsubscribe = (): void => {};
      const done = (): void => {
        this.#waiters.delete(done);
        unsubscribe();
        resolve();
      };
      this.#waiters.add(done);
      if (signal !== undefined) unsubscribe = signal.onCancel(done);
    });
  }

  /** Tells of every single write as it happens; at most one watcher. */
  watchWrites(watcher: (write: Write) => void): void {
    this.#watcher = watcher;
  }

  /** A generation for something that is kept outside of the tables; wakes whoever waits. */
  nextGeneration(): number {
    return this.#bump();
  }

  /** Puts a row back as it was dumped, without a new generation. */
  restoreRow(row: Row): void {
    this.#table(row.cls).add(row);
    this.#classByRef.set(row.ref, row);
    this.#changes.push({ generation: row.modified, row });
  }

  /** After all rows: the derived sets are rebuilt in bulk and the change log is put in order. */
  finishRestore(): void {
    this.#changes.sort((left, right) => left.generation - right.generation);
    const sets = new Map<Row, Record<string, string[]>>();
    for (const row of this.#classByRef.values()) {
      for (const { field, parent, setField } of relationsOf(row.cls)) {
        const owner = this.row(parent, String(row.record[field]));
        if (owner === undefined) continue;
        const fields = sets.get(owner) ?? {};
        (fields[setField] ??= []).push(row.ref);
        sets.set(owner, fields);
      }
    }
    for (const [row, fields] of sets) row.record = { ...row.record, ...fields };
  }

  /** Rows written after `generation`, each once, oldest write first. */
  writtenSince(generation: number): readonly Row[] {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#changes[middle]?.generation ?? 0) > generation) high = middle;
      else low = middle + 1;
    }
    const recent = this.#changes.slice(low);
    return recent.filter((change) => this.#isCurrent(change)).map((change) => change.row);
  }

  deletedSince(cls: string, generation: number): readonly Deletion[] {
    const all = this.#tables.get(cls)?.deletions ?? [];
    return all.filter((deletion) => deletion.deleted > generation);
  }

  #isCurrent({ generation, row }: Change): boolean {
    return row.modified === generation && this.#classByRef.get(row.ref) === row;
  }

  #table(cls: string): Table {
    const table = this.#tables.get(cls);
    if (table === undefined) throw new XapiFailure("INTERNAL_ERROR", `no table ${cls}`);
    return table;
  }

  #need(cls: string, ref: string): Row {
    const row = this.row(cls, ref);
    if (row === undefined) throw new XapiFailure("HANDLE_INVALID", cls, ref);
    return row;
  }

  #emptyOf(cls: string): XapiRecord {
    const cached = this.#empty.get(cls);
    if (cached !== undefined) return cached;
    const empty = emptyRecord(cls, this.version);
    this.#empty.set(cls, empty);
    return empty;
  }

  #bump(): number {
    this.#generation += 1;
    for (const wake of this.#waiters) wake();
    return this.#generation;
  }

  #note(row: Row): void {
    this.#changes.push({ generation: row.modified, row });
    if (this.#changes.length > 2 * this.#classByRef.size + 1_000) {
      this.#changes = this.#changes.filter((change) => this.#isCurrent(change));
    }
  }

  #revise(table: Table): void {
    table.revision += 1;
    if (!table.fleeting) this.#savedRevision += 1;
  }

  #remember(undo: () => void): void {
    if (this.#depth > 0) this.#undo.push(undo);
  }

  #write(row: Row, record: XapiRecord): void {
    const before = row.record;
    row.record = record;
    row.modified = this.#bump();
    row.line = null;
    this.#note(row);
    this.#revise(this.#table(row.cls));
    this.#watcher?.({ operation: "mod", row });
    this.#remember(() => {
      row.record = before;
      row.line = null;
    });
  }

  #join(parent: string, owner: XapiValue | undefined, setField: string, member: string): void {
    if (typeof owner !== "string" || owner === NULL_REF) return;
    const row = this.row(parent, owner);
    if (row === undefined) return;
    const members = row.record[setField];
    const list = Array.isArray(members) ? (members as readonly string[]) : [];
    if (!list.includes(member)) this.#write(row, { ...row.record, [setField]: [...list, member] });
  }

  #leave(parent: string, owner: XapiValue | undefined, setField: string, member: string): void {
    const row = typeof owner === "string" ? this.row(parent, owner) : undefined;
    const members = row?.record[setField];
    if (row === undefined || !Array.isArray(members) || !members.includes(member)) return;
    const rest = members.filter((ref) => ref !== member);
    this.#write(row, { ...row.record, [setField]: rest });
  }
}
