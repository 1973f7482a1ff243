/** One class of the database: its rows, its uuid index and its log of deletions. */
import type { XapiRecord } from "../value.ts";

export interface Row {
  readonly ref: string;
  readonly cls: string;
  /** Replaced as a whole by every write, so an older record stays as it was. */
  record: XapiRecord;
  /** Generations of the first and the latest write. */
  readonly created: number;
  modified: number;
  /** The row's line in the dump, until the next write. */
  line: string | null;
}

export interface Deletion {
  readonly ref: string;
  readonly created: number;
  readonly deleted: number;
}

/** Classes that live in memory only. */
const FLEETING: ReadonlySet<string> = new Set(["session", "task"]);

/**
 * The log is cut to `DELETIONS_KEPT` when it grows past `DELETIONS_MOST`; what falls out is lost.
 */
const DELETIONS_MOST = 512;
const DELETIONS_KEPT = 256;

export class Table {
  readonly name: string;
  /** Sessions and tasks: in memory only, and no reason to save anything. */
  readonly fleeting: boolean;
  /** Counts the writes to this table. */
  revision = 0;
  readonly rows = new Map<string, Row>();
  deletions: readonly Deletion[] = [];
  readonly #byUuid = new Map<string, string>();

  constructor(name: string) {
    this.name = name;
    this.fleeting = FLEETING.has(name);
  }

  add(row: Row): void {
    this.rows.set(row.ref, row);
    const uuid = row.record["uuid"];
    if (typeof uuid === "string" && uuid !== "") this.#byUuid.set(uuid, row.ref);
  }

  remove(row: Row): void {
    this.rows.delete(row.ref);
    const uuid = row.record["uuid"];
    if (typeof uuid === "string" && this.#byUuid.get(uuid) === row.ref) this.#byUuid.delete(uuid);
  }

  refByUuid(uuid: string): string | undefined {
    return this.#byUuid.get(uuid);
  }

  logDeletion(row: Row, generation: number): void {
    const grown = [...this.deletions, { ref: row.ref, created: row.created, deleted: generation }];
    this.deletions = grown.length > DELETIONS_MOST ? grown.slice(-DELETIONS_KEPT) : grown;
  }
}
