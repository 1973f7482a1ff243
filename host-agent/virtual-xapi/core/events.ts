/** `event.from`: what changed since a token, as one batch per call. */
import type { Database } from "../database/database.ts";
import type { Row } from "../database/table.ts";
import type { XapiGeneration } from "../generation.ts";
import { createCancelSource, type Clock } from "../ports.ts";
import type { Timing } from "../timing.ts";
import { XapiFailure, type XapiRecord, type XapiValue } from "../value.ts";
import type { MessageStore } from "./messages.ts";
import type { SessionStore } from "./sessions.ts";
import {
  isTaskOnly,
  parseSubscription,
  wantsClass,
  wantsObject,
  type Subscription,
} from "./subscription.ts";

export interface EventParts {
  readonly db: Database;
  readonly messages: MessageStore;
  readonly sessions: SessionStore;
  readonly clock: Clock;
  readonly timing: Timing;
  readonly generation: XapiGeneration;
}

export interface Token {
  /** Generation of the database, and of the messages. */
  readonly database: number;
  readonly messages: number;
}

const TOKEN_DIGITS = 20;

/** Throws `EVENT_FROM_TOKEN_PARSE_FAILURE [text]`. The empty text is the beginning. */
function parseToken(text: string): Token {
  if (text === "") return { database: 0, messages: 0 };
  const parts = /^(\d+),(\d+)$/u.exec(text);
  if (parts === null) throw new XapiFailure("EVENT_FROM_TOKEN_PARSE_FAILURE", text);
  return { database: Number(parts[1]), messages: Number(parts[2]) };
}

function formatToken(token: Token): string {
  const pad = (value: number): string => String(value).padStart(TOKEN_DIGITS, "0");
  return `${pad(token.database)},${pad(token.messages)}`;
}

interface Change {
  readonly cls: string;
  readonly ref: string;
  readonly time: number;
  readonly record: XapiRecord | null;
}

interface Found {
  readonly adds: readonly Change[];
  readonly mods: readonly Change[];
  readonly dels: readonly Change[];
  readonly messages: readonly XapiValue[];
  readonly token: Token;
}

function eventOf(operation: string, change: Change): XapiValue {
  return {
    id: String(change.time),
    timestamp: "0.0",
    class: change.cls.toLowerCase(),
    operation,
    ref: change.ref,
    ...(change.record === null ? {} : { snapshot: change.record }),
  };
}

export class EventEngine {
  readonly #parts: EventParts;
  /** Blocked calls by session, to be woken when it ends. */
  readonly #blocked = new Map<string, Set<() => void>>();

  constructor(parts: EventParts) {
    this.#parts = parts;
    parts.sessions.onEnded((ref) => {
      for (const wake of this.#blocked.get(ref) ?? []) wake();
    });
  }

  async from(
    sessionRef: string,
    classes: readonly string[],
    tokenText: string,
    timeoutS: number,
  ): Promise<XapiValue> {
    const { clock, timing, generation } = this.#parts;
    const deadlineMs = clock.nowMs() + timeoutS * 1_000;
    const subscriptions = classes.map(parseSubscription);
    let since = parseToken(tokenText);
    if (generation.eventFromWaitsFirst && !isTaskOnly(subscriptions)) {
      await clock.sleep(timing.eventBatchMs);
      this.#assertSession(sessionRef);
    }
    for (;;) {
      const found = this.#collect(subscriptions, since);
      const empty =
        found.adds.length + found.mods.length + found.dels.length + found.messages.length === 0;
      if (!empty || clock.nowMs() >= deadlineMs) return this.#batch(found);
      since = found.token;
      await this.#wait(sessionRef, deadlineMs);
      this.#assertSession(sessionRef);
      await clock.sleep(timing.eventBatchMs);
      this.#assertSession(sessionRef);
    }
  }

  /** An artificial change of one object; the token to wait for. */
  inject(cls: string, ref: string): string {
    const { db } = this.#parts;
    if (!db.has(cls, ref)) throw new XapiFailure("HANDLE_INVALID", cls, ref);
    const token = formatToken({ database: db.generation, messages: 0 });
    db.touch(cls, ref);
    return token;
  }

  #assertSession(ref: string): void {
    if (this.#parts.sessions.find(ref) === null) throw new XapiFailure("SESSION_INVALID", ref);
  }

  async #wait(sessionRef: string, deadlineMs: number): Promise<void> {
    const { clock, db } = this.#parts;
    const over = createCancelSource();
    const wakers = this.#blocked.get(sessionRef) ?? new Set();
    this.#blocked.set(sessionRef, wakers.add(over.cancel));
    const untilDeadline = clock.sleep(Math.max(0, deadlineMs - clock.nowMs()), over.signal);
    await Promise.race([db.changed(over.signal), untilDeadline]);
    over.cancel();
    wakers.delete(over.cancel);
    if (wakers.size === 0) this.#blocked.delete(sessionRef);
  }

  #collect(subscriptions: readonly Subscription[], since: Token): Found {
    const rows = this.#parts.db
      .writtenSince(since.database)
      .filter((row) => wantsObject(subscriptions, row.cls, row.ref));
    const dels = this.#deletions(subscriptions, since.database);
    const isNew = (row: Row): boolean => row.created > since.database;
    const change = (row: Row): Change => ({
      cls: row.cls,
      ref: row.ref,
      time: isNew(row) ? row.created : row.modified,
      record: row.record,
    });
    const messages = wantsClass(subscriptions, "message")
      ? this.#parts.messages.changesSince(since.messages)
      : { changes: [], last: since.messages };
    const database = Math.max(
      since.database,
      rows.at(-1)?.modified ?? 0,
      ...dels.map((del) => del.time),
    );
    return {
      adds: rows.filter(isNew).map(change),
      mods: rows.filter((row) => !isNew(row)).map(change),
      dels: dels.filter((del) => del.record === null),
      messages: messages.changes.map((message) =>
        eventOf(message.operation, {
          cls: "message",
          ref: message.ref,
          time: 0,
          record: message.operation === "add" ? message.record : null,
        }),
      ),
      token: { database, messages: messages.last },
    };
  }

  #deletions(subscriptions: readonly Subscription[], since: number): readonly Change[] {
    const found: Change[] = [];
    for (const table of this.#parts.db.tables()) {
      if (!wantsClass(subscriptions, table.name)) continue;
      for (const { ref, created, deleted } of this.#parts.db.deletedSince(table.name, since)) {
        // Born and gone since the last look: the client never hears of it.
        const record = created > since ? {} : null;
        if (wantsObject(subscriptions, table.name, ref)) {
          found.push({ cls: table.name, ref, time: deleted, record });
        }
      }
    }
    return found.toSorted((left, right) => left.time - right.time);
  }

  #batch(found: Found): XapiValue {
    const counts: Record<string, number> = {};
    for (const table of this.#parts.db.tables()) counts[table.name.toLowerCase()] = table.rows.size;
    return {
      events: [
        ...found.messages,
        ...found.adds.map((change) => eventOf("add", change)),
        ...found.mods.map((change) => eventOf("mod", change)),
        ...found.dels.map((change) => eventOf("del", change)),
      ],
      valid_ref_counts: counts,
      token: formatToken(found.token),
    };
  }
}
