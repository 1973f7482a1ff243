/** The older event calls: one queue in memory for all sessions that registered. */
import type { Database, Write } from "../database/database.ts";
import type { Clock } from "../ports.ts";
import { XapiFailure, type XapiRecord, type XapiValue } from "../value.ts";
import type { SessionStore } from "./sessions.ts";
import {
  parseSubscription,
  sameSubscription,
  wantsObject,
  type Subscription,
} from "./subscription.ts";

/**
 * Beyond this many characters of queued events the oldest are dropped, and whoever missed them
 * told.
 */
const QUEUE_MOST_CHARACTERS = 10_000_000;

interface Queued {
  readonly id: number;
  readonly cls: string;
  readonly ref: string;
  readonly size: number;
  readonly value: XapiValue;
}

interface Registration {
  subscriptions: readonly Subscription[];
  nextId: number;
}

export class EventQueue {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #registered = new Map<string, Registration>();
  readonly #waiters = new Set<() => void>();
  #queue: Queued[] = [];
  #size = 0;
  #nextId = 0;
  #forgottenId = -1;

  constructor(db: Database, clock: Clock, sessions: SessionStore) {
    this.#db = db;
    this.#clock = clock;
    db.watchWrites((write) => this.#onWrite(write));
    sessions.onEnded((ref) => {
      if (this.#registered.delete(ref)) this.#wake();
    });
  }

  register(sessionRef: string, classes: readonly string[]): void {
    const wanted = classes.map(parseSubscription);
    const registration = this.#registered.get(sessionRef);
    if (registration === undefined) {
      this.#registered.set(sessionRef, { subscriptions: wanted, nextId: this.#nextId });
    } else {
      registration.subscriptions = [...wanted, ...registration.subscriptions];
    }
  }

  unregister(sessionRef: string, classes: readonly string[]): void {
    const unwanted = classes.map(parseSubscription);
    const registration = this.#registered.get(sessionRef);
    if (registration === undefined) return;
    registration.subscriptions = registration.subscriptions.filter(
      (held) => !unwanted.some((gone) => sameSubscription(held, gone)),
    );
  }

  /**
   * Waits for at least one event. Throws `SESSION_NOT_REGISTERED`, `EVENTS_LOST`,
   * `SESSION_INVALID`.
   */
  async next(sessionRef: string): Promise<readonly XapiValue[]> {
    if (!this.#registered.has(sessionRef)) {
      throw new XapiFailure("SESSION_NOT_REGISTERED", sessionRef);
    }
    for (;;) {
      const registration = this.#registered.get(sessionRef);
      if (registration === undefined) throw new XapiFailure("SESSION_INVALID", sessionRef);
      const from = registration.nextId;
      registration.nextId = this.#nextId;
      if (from < this.#nextId) {
        if (this.#forgottenId >= from) throw new XapiFailure("EVENTS_LOST");
        const mine = this.#queue.filter(
          (event) =>
            event.id >= from && wantsObject(registration.subscriptions, event.cls, event.ref),
        );
        if (mine.length > 0) return mine.map((event) => event.value);
      }
      await this.#something();
    }
  }

  /** The id the next event will have. */
  currentId(): number {
    return this.#nextId;
  }

  /** Keeps waiting clients and the connections to them alive. */
  heartbeat(): void {
    const ref = this.#db.refs("pool")[0];
    if (ref !== undefined) this.#add("mod", "pool", ref, this.#db.get("pool", ref));
  }

  #onWrite({ operation, row }: Write): void {
    this.#add(operation, row.cls, row.ref, operation === "del" ? null : row.record);
  }

  #add(operation: string, cls: string, ref: string, record: XapiRecord | null): void {
    const wanted = [...this.#registered.values()].some((registration) =>
      wantsObject(registration.subscriptions, cls, ref),
    );
    if (!wanted) return;
    const value: XapiValue = {
      id: String(this.#nextId),
      timestamp: `${Math.floor(this.#clock.nowMs() / 1_000)}.`,
      class: cls.toLowerCase(),
      operation,
      ref,
      ...(record === null ? {} : { snapshot: record }),
    };
    const size = JSON.stringify(value).length;
    this.#queue.push({ id: this.#nextId, cls, ref, size, value });
    this.#nextId += 1;
    this.#size += size;
    this.#trim();
    this.#wake();
  }

  #trim(): void {
    let dropped = 0;
    while (this.#size > QUEUE_MOST_CHARACTERS && dropped < this.#queue.length) {
      const oldest = this.#queue[dropped];
      if (oldest === undefined) break;
      this.#size -= oldest.size;
      this.#forgottenId = oldest.id;
      dropped += 1;
    }
    if (dropped > 0) this.#queue = this.#queue.slice(dropped);
  }

  #something(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.add(resolve);
    });
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }
}
