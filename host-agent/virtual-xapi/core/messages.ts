/**
 * Alerts. They are files on the coordinator's own disk and no part of the database: a hand-over or
 * a fail-over leaves behind what had not been copied.
 */
import type { Database } from "../database/database.ts";
import { DiskFull, type Clock, type Dice, type Disk } from "../ports.ts";
import { NULL_REF, XapiFailure, type XapiRecord } from "../value.ts";
import { formatDatetime, parseDatetime } from "../wire/coerce.ts";

const FILE = "messages";
const MESSAGES_MOST = 10_000;
const DELETIONS_MOST = 512;
const DELETIONS_KEPT = 256;

interface Stored {
  readonly ref: string;
  readonly generation: number;
  readonly record: XapiRecord;
}

interface Removed {
  readonly ref: string;
  readonly generation: number;
}

export interface NewMessage {
  readonly name: string;
  readonly priority: number;
  readonly cls: string;
  readonly objUuid: string;
  readonly body: string;
}

export type MessageChange =
  | { readonly operation: "add"; readonly ref: string; readonly record: XapiRecord }
  | { readonly operation: "del"; readonly ref: string };

export interface MessageParts {
  readonly db: Database;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly dice: Dice;
}

/** Classes a message can be about, by the datamodel's `cls` value. */
const tableOfClass: Readonly<Record<string, string>> = {
  VM: "VM",
  Host: "host",
  SR: "SR",
  Pool: "pool",
  VMPP: "VMPP",
  VMSS: "VMSS",
  PVS_proxy: "PVS_proxy",
  VDI: "VDI",
  Certificate: "Certificate",
};

export class MessageStore {
  readonly #parts: MessageParts;
  #stored: Stored[];
  #removed: readonly Removed[] = [];

  constructor(parts: MessageParts) {
    this.#parts = parts;
    const text = parts.disk.read(FILE) ?? "";
    this.#stored = text === "" ? [] : text.split("\n").map((line) => JSON.parse(line) as Stored);
  }

  get count(): number {
    return this.#stored.length;
  }

  /** The null reference when the disk is full. Throws `UUID_INVALID [class, uuid]`. */
  create(message: NewMessage): string {
    this.#assertObject(message.cls, message.objUuid);
    const { db, clock, dice } = this.#parts;
    const generation = db.generation + 1;
    const ref = `OpaqueRef:${dice.uuid()}`;
    const record: XapiRecord = {
      uuid: dice.uuid(),
      name: message.name,
      priority: message.priority,
      cls: message.cls,
      obj_uuid: message.objUuid,
      timestamp: formatDatetime(clock.nowMs()),
      body: message.body,
    };
    const grown = [...this.#stored, { ref, generation, record }].slice(-MESSAGES_MOST);
    if (!this.#save(grown)) return NULL_REF;
    db.nextGeneration();
    return ref;
  }

  record(ref: string): XapiRecord {
    const found = this.#stored.find((message) => message.ref === ref);
    if (found === undefined) throw new XapiFailure("HANDLE_INVALID", "message", ref);
    return found.record;
  }

  refByUuid(uuid: string): string {
    const found = this.#stored.find((message) => message.record["uuid"] === uuid);
    if (found === undefined) throw new XapiFailure("UUID_INVALID", "message", uuid);
    return found.ref;
  }

  refs(): readonly string[] {
    return this.#stored.map((message) => message.ref);
  }

  /** Newest first. */
  all(): Readonly<Record<string, XapiRecord>> {
    return this.#where(() => true);
  }

  since(datetime: string): Readonly<Record<string, XapiRecord>> {
    const from = parseDatetime(datetime);
    return this.#where((record) => parseDatetime(String(record["timestamp"])) > from);
  }

  about(cls: string, objUuid: string, datetime: string): Readonly<Record<string, XapiRecord>> {
    this.#assertObject(cls, objUuid);
    const from = parseDatetime(datetime);
    return this.#where(
      (record) =>
        record["cls"] === cls &&
        record["obj_uuid"] === objUuid &&
        parseDatetime(String(record["timestamp"])) > from,
    );
  }

  destroy(refs: readonly string[]): void {
    for (const ref of refs) this.record(ref);
    const doomed = new Set(refs);
    this.#save(this.#stored.filter((message) => !doomed.has(message.ref)));
    const removed = refs.map((ref) => ({ ref, generation: this.#parts.db.nextGeneration() }));
    const grown = [...this.#removed, ...removed];
    this.#removed = grown.length > DELETIONS_MOST ? grown.slice(-DELETIONS_KEPT) : grown;
  }

  /** Changes after a generation, and the generation reached. */
  changesSince(generation: number): {
    readonly changes: readonly MessageChange[];
    readonly last: number;
  } {
    const created = this.#stored.filter((message) => message.generation > generation);
    const removed = this.#removed.filter((message) => message.generation > generation);
    const last = Math.max(generation, ...[...created, ...removed].map((item) => item.generation));
    return {
      changes: [
        ...created.map(({ ref, record }) => ({ operation: "add" as const, ref, record })),
        ...removed.map(({ ref }) => ({ operation: "del" as const, ref })),
      ],
      last,
    };
  }

  /** The file as supporters get it once a day. */
  copy(): string {
    return this.#parts.disk.read(FILE) ?? "";
  }

  #where(matches: (record: XapiRecord) => boolean): Readonly<Record<string, XapiRecord>> {
    const found = this.#stored.filter((message) => matches(message.record)).toReversed();
    return Object.fromEntries(found.map(({ ref, record }) => [ref, record]));
  }

  #assertObject(cls: string, uuid: string): void {
    const table = tableOfClass[cls] ?? cls;
    if (this.#parts.db.findByUuid(table, uuid) === undefined) {
      throw new XapiFailure("UUID_INVALID", table, uuid);
    }
  }

  #save(messages: Stored[]): boolean {
    try {
      this.#parts.disk.write(FILE, messages.map((message) => JSON.stringify(message)).join("\n"));
    } catch (error) {
      if (error instanceof DiskFull) return false;
      throw error;
    }
    this.#stored = messages;
    return true;
  }
}

/** A supporter keeps the copy for the day it is promoted. */
export function storeMessageCopy(disk: Disk, text: string): void {
  disk.write(FILE, text);
}
