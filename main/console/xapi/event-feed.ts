import { z } from "zod";
import { XapiFailure } from "../pool-session.ts";
import type { XapiClass, XapiRecord } from "../pool-session.ts";
import type { PoolClient } from "./pool-client.ts";
import { keptClasses } from "./record-store.ts";
import type { RecordChange, RecordStore } from "./record-store.ts";
import type { LinkTiming } from "./timing.ts";

export interface FeedListener {
  /** every answered event call: proof that the facts are as old as this moment */
  answered(): void;
  /** the first picture is complete; everything in the store was replaced */
  complete(): void;
  /** what one answer changed, at least one object */
  changed(changes: readonly RecordChange[]): void;
}

/**
 * Checked and passed on as it is: a copy made key by key takes seven times the memory (6.3 kB per
 * VM).
 */
const recordSchema = z.custom<XapiRecord>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
);

const eventsSchema = z.object({
  token: z.string(),
  events: z.array(
    z.object({
      class: z.string(),
      operation: z.enum(["add", "mod", "del"]),
      ref: z.string(),
      snapshot: recordSchema.optional(),
    }),
  ),
  valid_ref_counts: z.record(z.string(), z.unknown()),
});
type Events = z.infer<typeof eventsSchema>;

const classByLowerCase = new Map(keptClasses.map((name) => [name.toLowerCase(), name]));

/** XAPI shortens its list of deletions without saying so; a count that is off twice is believed. */
const offCountsMax = 2;
/** More would only hold more unread answers in memory: XAPI makes them one after the other. */
const listsAtOnce = 2;
/** The floating point number must not look like an integer to an XML encoder. */
const aFraction = 0.001;

/**
 * Keeps a store equal to a pool's database through one session. Runs until something fails; a
 * failed feed is not continued, because a token means nothing to another session or another
 * coordinator.
 *
 * The event call is also the watchdog: it is open all the time, answers within `eventWaitMs` when
 * nothing happens, and already runs while the first picture is still being listed.
 */
export class EventFeed {
  readonly #client: PoolClient;
  readonly #store: RecordStore;
  readonly #timing: LinkTiming;
  readonly #listener: FeedListener;
  #classes: readonly XapiClass[] = keptClasses;
  /** null once the first picture is complete */
  #waiting: Events[] | null = [];
  readonly #offCounts = new Map<XapiClass, { readonly off: number; readonly times: number }>();

  constructor(options: {
    readonly client: PoolClient;
    readonly store: RecordStore;
    readonly timing: LinkTiming;
    readonly listener: FeedListener;
  }) {
    this.#client = options.client;
    this.#store = options.store;
    this.#timing = options.timing;
    this.#listener = options.listener;
  }

  /** Rejects with XapiFailure or OutcomeUnknown when the session ended or its peer fell silent. */
  async run(): Promise<never> {
    const first = await this.#events(["pool"], "", 0);
    const loop = this.#loop(first.token);
    await Promise.race([this.#firstPicture(), loop]);
    return loop;
  }

  async #firstPicture(): Promise<void> {
    const waitingClasses = [...this.#classes];
    const unknown = new Set<XapiClass>();
    const listNext = async (): Promise<void> => {
      for (let name = waitingClasses.shift(); name !== undefined; name = waitingClasses.shift()) {
        if (!(await this.#list(name))) unknown.add(name);
      }
    };
    await Promise.all(Array.from({ length: listsAtOnce }, listNext));
    this.#classes = this.#classes.filter((name) => !unknown.has(name));
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const events of waiting) this.#apply(events);
    this.#listener.complete();
  }

  /** False when this XAPI is too old to know the class. */
  async #list(className: XapiClass): Promise<boolean> {
    try {
      const records = await this.#client.call(`${className}.get_all_records`, []);
      this.#store.replaceClass(className, records as Record<string, XapiRecord>);
      return true;
    } catch (error) {
      if (error instanceof XapiFailure && error.code === "MESSAGE_METHOD_UNKNOWN") return false;
      throw error;
    }
  }

  async #loop(firstToken: string): Promise<never> {
    let token = firstToken;
    for (;;) {
      const events = await this.#events(this.#classes, token, this.#timing.eventWaitMs);
      token = events.token;
      this.#listener.answered();
      if (this.#waiting === null) {
        const changes = this.#apply(events);
        if (changes.length > 0) this.#listener.changed(changes);
        await this.#compareCounts(events);
      } else {
        this.#waiting.push(events);
      }
    }
  }

  async #events(classes: readonly string[], token: string, waitMs: number): Promise<Events> {
    const waitS = waitMs / 1000 + aFraction;
    const answer = await this.#client.call("event.from", [classes, token, waitS]);
    return eventsSchema.parse(answer);
  }

  #apply(events: Events): RecordChange[] {
    const changes: RecordChange[] = [];
    for (const event of events.events) {
      const className = classByLowerCase.get(event.class.toLowerCase());
      if (className === undefined) continue;
      const change = this.#store.put(
        className,
        event.ref,
        event.operation === "del" ? undefined : event.snapshot,
      );
      if (change.before !== undefined || change.after !== undefined) changes.push(change);
    }
    return changes;
  }

  async #compareCounts(events: Events): Promise<void> {
    for (const className of this.#classes) {
      const count = events.valid_ref_counts[className.toLowerCase()];
      const off = this.#store.all(className).size - Number(count ?? Number.NaN);
      if (Number.isNaN(off) || off === 0) {
        this.#offCounts.delete(className);
        continue;
      }
      const known = this.#offCounts.get(className);
      const times = known?.off === off ? known.times + 1 : 1;
      this.#offCounts.set(className, { off, times });
      // Once per difference: a peer that counts in another way must not be listed for ever.
      if (times === offCountsMax) await this.#listAgain(className);
    }
  }

  async #listAgain(className: XapiClass): Promise<void> {
    const answer = await this.#client.call(`${className}.get_all_records`, []);
    const records = answer as Record<string, XapiRecord>;
    const changes: RecordChange[] = [];
    for (const ref of this.#store.all(className).keys()) {
      if (!Object.hasOwn(records, ref)) changes.push(this.#store.put(className, ref, undefined));
    }
    for (const [ref, record] of Object.entries(records)) {
      changes.push(this.#store.put(className, ref, record));
    }
    if (changes.length > 0) this.#listener.changed(changes);
  }
}
