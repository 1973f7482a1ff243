import type { ConsoleError } from "../../contract/errors.ts";
import type { Connection } from "../../contract/pool.ts";
import { OutcomeUnknown, XapiFailure } from "../pool-session.ts";
import type { PoolRecords, PoolSession } from "../pool-session.ts";
import type { Clock } from "../ports.ts";
import { consoleError, problem } from "../problem.ts";
import { Listeners } from "../streams.ts";
import { nameOf, textOf } from "../verdict/read.ts";
import type { AddressMap, MemberAddress } from "./address.ts";
import { describeFailure, describeNetworkError, networkCode } from "./errors.ts";
import { EventFeed } from "./event-feed.ts";
import type { Credentials } from "./login.ts";
import { membersOf, vouchForMembers } from "./members.ts";
import type { Member } from "./members.ts";
import { namesFrom } from "./names.ts";
import { called, describeOutcome, describeSearch, redStop } from "./outcome-words.ts";
import type { MemberNames, SearchState } from "./outcome-words.ts";
import { NoAnswerInTime, pinnedAgent } from "./pinned-agent.ts";
import { openPoolClient } from "./pool-client.ts";
import type { PoolClient } from "./pool-client.ts";
import { RecordStore } from "./record-store.ts";
import type { RecordChange } from "./record-store.ts";
import { seekCoordinator } from "./seek.ts";
import type { Attempt } from "./seek.ts";
import { runTask } from "./tasks.ts";
import type { TaskOptions } from "./tasks.ts";
import type { LinkTiming } from "./timing.ts";
import type { TrustStore } from "./trust.ts";

export interface PoolLinkOptions {
  readonly poolId: string;
  /** null until the first login has told it */
  readonly poolUuid: string | null;
  readonly members: readonly Member[];
  readonly addressMap: AddressMap;
  readonly trust: TrustStore;
  readonly clock: Clock;
  readonly timing: LinkTiming;
  readonly onFacts: FactsListener;
  /** the hosts of the pool changed: remember them for the next start */
  readonly onMembers: (members: readonly Member[], poolUuid: string) => void;
  /** a mistake in here; the connection ends, the process does not */
  readonly onUnexpected: (error: unknown) => void;
}

/** Told before `onChange`, so that whoever listens there sees facts that are up to date. */
export interface FactsListener {
  replaced(): void;
  changed(changes: readonly RecordChange[]): void;
  connectionChanged(): void;
}

export interface OpenedSession {
  readonly sessionId: string;
  readonly address: MemberAddress;
}

/** How often a password that worked before may be refused until a person is asked. */
const refusedMaxKnown = 3;
const callsAtOnceMax = 20;
const retryLiveMs = 20_000;
const tellStaleMs = 500;
/** How often members that are not trusted yet are looked at again while the pool is live. */
const vouchAgainMs = 60_000;

/**
 * The one connection to a pool, whichever member answers. It believes calls only: every sign of
 * trouble ends the client in use, and all known members are tried until one logs in.
 */
export class PoolLink implements PoolSession {
  readonly poolId: string;
  readonly #options: PoolLinkOptions;
  readonly #store = new RecordStore();
  readonly #listeners = new Listeners();
  #connection: Connection = { status: "disconnected" };
  #freshAtMs: number;
  #hasFacts = false;
  #client: PoolClient | null = null;
  #members: readonly Member[];
  #poolUuid: string | null;
  #credentials: Credentials = { user: "", password: "" };
  #lastCoordinator: MemberAddress | null = null;
  #run: { readonly stop: AbortController; readonly done: Promise<void> } | null = null;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #vouchedAtMs = Number.NEGATIVE_INFINITY;
  #callsOpen = 0;
  readonly #callsWaiting: (() => void)[] = [];
  /** ends the client in use; set while there is one */
  #breakClient: (error: unknown) => void = () => undefined;

  constructor(options: PoolLinkOptions) {
    this.poolId = options.poolId;
    this.#options = options;
    this.#members = options.members;
    this.#poolUuid = options.poolUuid;
    this.#freshAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Connects, with a session that was opened already or by looking for the coordinator. */
  start(credentials: Credentials, opened: OpenedSession | null): void {
    if (this.#run !== null) return;
    this.#credentials = credentials;
    const stop = new AbortController();
    const done = this.#runUntil(stop.signal, opened).catch((error: unknown) => {
      this.#options.onUnexpected(error);
      this.#setConnection({ status: "failed", sinceMs: this.#wallMs(), error: brokenInside });
    });
    this.#run = { stop, done };
  }

  /** One more way in, which somebody typed. */
  addAddress(address: MemberAddress): void {
    if (this.#members.some((member) => member.address.text === address.text)) return;
    this.#members = [...this.#members, { address, name: null }];
  }

  /** Logs out and keeps what was known. */
  async stop(): Promise<void> {
    const run = this.#run;
    this.#run = null;
    run?.stop.abort();
    await run?.done;
    this.#setConnection({ status: "disconnected" });
  }

  connection(): Connection {
    return this.#connection;
  }

  records(): PoolRecords {
    return this.#store;
  }

  freshAtMs(): number {
    return this.#freshAtMs;
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  memberNames(): MemberNames {
    const byAddress = new Map(this.#members.map(({ address, name }) => [address.text, name]));
    return {
      hostName: (address) => byAddress.get(address.text) ?? null,
      objects: namesFrom(this.#store),
    };
  }

  async call(method: string, ...args: readonly unknown[]): Promise<unknown> {
    try {
      return await this.#callOnce(method, args);
    } catch (error) {
      const wasRefusedUnread =
        error instanceof XapiFailure &&
        (error.code === "SESSION_INVALID" || error.code === "HOST_IS_SLAVE");
      if (!wasRefusedUnread) throw error;
      // XAPI checks the session before it does anything, so the call may be repeated as it is.
      this.#breakClient(error);
      await this.untilLive(retryLiveMs).catch(() => {
        throw error;
      });
      return this.#callOnce(method, args);
    }
  }

  callTask(method: string, args: readonly unknown[], options?: TaskOptions): Promise<string> {
    const lookMs = this.#options.timing.taskLookMs;
    return runTask(this, { method, args, lookMs }, this.#options.clock, options);
  }

  untilLive(timeoutMs: number): Promise<void> {
    return this.#until("The pool did not answer", () => true, timeoutMs);
  }

  untilFacts(
    what: string,
    predicate: (records: PoolRecords) => boolean,
    timeoutMs: number,
  ): Promise<void> {
    return this.#until(what, predicate, timeoutMs);
  }

  async #until(
    what: string,
    predicate: (records: PoolRecords) => boolean,
    timeoutMs: number,
  ): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    for (;;) {
      const isLive = this.#connection.status === "live" && this.#client !== null;
      if (isLive && predicate(this.#store)) return;
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) {
        throw problem(
          "deadline",
          `Waited ${Math.round(timeoutMs / 1000)} s in vain: ${what}.`,
          "Look at the current state before doing anything again.",
        );
      }
      const changed = new AbortController();
      const stop = this.#listeners.add(() => changed.abort());
      await clock.sleep(leftMs, changed.signal).finally(stop);
    }
  }

  async #callOnce(method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#callsOpen >= callsAtOnceMax) {
      await new Promise<void>((resolve) => this.#callsWaiting.push(resolve));
    }
    this.#callsOpen += 1;
    try {
      const client = this.#client;
      if (client === null || this.#connection.status !== "live") {
        throw new XapiFailure("NOT_CONNECTED", []);
      }
      return await client.call(method, args);
    } finally {
      this.#callsOpen -= 1;
      this.#callsWaiting.shift()?.();
    }
  }

  async #runUntil(signal: AbortSignal, opened: OpenedSession | null): Promise<void> {
    let next = opened;
    let refusedMax = opened === null ? 1 : refusedMaxKnown;
    this.#setConnecting(opened?.address.text ?? this.#members[0]?.address.text ?? "");
    while (!signal.aborted) {
      if (next === null) {
        const found = await this.#seek(signal, refusedMax);
        if (found === null) return;
        next = found;
      }
      const broken = await this.#use(next, signal);
      if (signal.aborted) return;
      if (this.#connection.status === "live") refusedMax = refusedMaxKnown;
      this.#setStale({
        error: this.#describeBreak(broken, next.address),
        tried: [],
        nextTryAtMs: this.#wallMs(),
      });
      next = null;
    }
  }

  /** Null when it was stopped or a person has to give a password. */
  async #seek(signal: AbortSignal, refusedMax: number): Promise<OpenedSession | null> {
    const { clock, timing } = this.#options;
    const dispatcher = pinnedAgent({ ...this.#pins(), connectMs: timing.connectMs });
    try {
      const result = await seekCoordinator({
        dispatcher,
        clock,
        timing,
        credentials: this.#credentials,
        poolUuid: this.#poolUuid,
        members: this.#seekOrder(),
        refusedMax,
        onAttempt: (attempts, nextTryAtMs) => this.#tookAttempt(attempts, nextTryAtMs),
        signal,
      });
      if (result.type === "session") return result;
      if (result.type === "needs-password") this.#setNeedsPassword();
      return null;
    } finally {
      // Hanging attempts end here; nobody waits for them.
      void dispatcher.destroy().catch(() => undefined);
    }
  }

  #seekOrder(): MemberAddress[] {
    const addresses = this.#members.map((member) => member.address);
    const last = this.#lastCoordinator;
    if (last === null) return addresses;
    return [last, ...addresses.filter((address) => address.text !== last.text)];
  }

  #tookAttempt(attempts: readonly Attempt[], nextTryAtMs: number): void {
    const names = this.memberNames();
    const state: SearchState = {
      attempts,
      memberCount: this.#members.length,
      lastCoordinator: this.#lastCoordinator,
      lastHeardMs: this.#lastHeardMs(),
    };
    const stop = redStop(state, names);
    if (stop !== null) {
      const known = this.#connection;
      const sinceMs = known.status === "changed-certificate" ? known.sinceMs : this.#wallMs();
      this.#setConnection({ status: "changed-certificate", sinceMs, ...stop });
      return;
    }
    this.#setStale({
      error: describeSearch(state, names),
      tried: attempts.flatMap(({ address, outcome }) =>
        outcome.type === "session"
          ? []
          : [
              {
                address: address.text,
                name: names.hostName(address) ?? "",
                sentence: describeOutcome(address, outcome, names).sentence,
              },
            ],
      ),
      nextTryAtMs,
    });
  }

  /** Works with one session until it breaks; gives what broke it. */
  async #use(opened: OpenedSession, signal: AbortSignal): Promise<unknown> {
    const { timing } = this.#options;
    let client: PoolClient;
    try {
      client = await openPoolClient({ ...opened, pins: this.#pins(), timing, signal });
    } catch (error) {
      return error;
    }
    if (signal.aborted) {
      await client.close();
      return new OutcomeUnknown("session.open", signal.reason);
    }
    this.#client = client;
    const late = setTimeout(() => {
      if (this.#connection.status !== "live") this.#breakClient(new NoAnswerInTime("the pool"));
    }, timing.firstPictureMs);
    const broken = await new Promise<unknown>((resolve) => {
      this.#breakClient = (error) => {
        // At once, so that nobody takes what was live a moment ago for live.
        if (this.#client === client) this.#client = null;
        resolve(error);
      };
      signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
      this.#feed(client).run().catch(resolve);
    });
    clearTimeout(late);
    this.#breakClient = () => undefined;
    this.#client = null;
    const closed = client.close();
    if (signal.aborted) await closed;
    return broken;
  }

  #feed(client: PoolClient): EventFeed {
    const { clock, timing, onFacts } = this.#options;
    const isCurrent = (): boolean => this.#client === client;
    return new EventFeed({
      client,
      store: this.#store,
      timing,
      listener: {
        answered: () => {
          if (isCurrent()) this.#freshAtMs = clock.monotonicMs();
        },
        complete: () => {
          if (!isCurrent()) return;
          this.#hasFacts = true;
          this.#freshAtMs = clock.monotonicMs();
          this.#becomeLive(client);
        },
        changed: (changes) => {
          if (!isCurrent()) return;
          onFacts.changed(changes);
          if (
            changes.some((change) => change.className === "host" || change.className === "pool")
          ) {
            this.#learnMembers(client);
          }
          this.#listeners.call();
        },
      },
    });
  }

  #becomeLive(client: PoolClient): void {
    const [pool] = this.#store.all("pool").values();
    const poolUuid = textOf(pool, "uuid");
    if (this.#poolUuid !== null && this.#poolUuid !== poolUuid) {
      this.#breakClient(new XapiFailure("POOL_UUID_DIFFERS", [poolUuid]));
      return;
    }
    this.#poolUuid = poolUuid;
    this.#lastCoordinator = client.address;
    this.#connection = {
      status: "live",
      sinceMs: this.#wallMs(),
      viaName: nameOf(this.#store.get("host", textOf(pool, "master"))),
      viaAddress: client.address.text,
    };
    this.#options.onFacts.replaced();
    this.#vouchedAtMs = Number.NEGATIVE_INFINITY;
    this.#learnMembers(client);
    this.#options.onFacts.connectionChanged();
    this.#listeners.call();
  }

  #learnMembers(client: PoolClient): void {
    const found = membersOf(this.#store, client.address.port);
    const texts = new Set(found.map((member) => member.address.text));
    // An address that somebody typed, such as a DNS name, stays a way in.
    const typed = this.#members.filter(
      ({ address, name }) => name === null && !texts.has(address.text),
    );
    const next = [...found, ...typed];
    const isSame = JSON.stringify(next) === JSON.stringify(this.#members);
    this.#members = next;
    if (!isSame && this.#poolUuid !== null) this.#options.onMembers(next, this.#poolUuid);
    const nowMs = this.#options.clock.monotonicMs();
    if (isSame && nowMs - this.#vouchedAtMs < vouchAgainMs) return;
    this.#vouchedAtMs = nowMs;
    vouchForMembers({
      ...this.#options,
      records: this.#store,
      port: client.address.port,
      call: (method, args) => client.call(method, args),
    }).catch((error: unknown) => {
      // The connection broke meanwhile; the next one does it again.
      if (!(error instanceof OutcomeUnknown)) this.#options.onUnexpected(error);
    });
  }

  #pins(): {
    trusted: (address: MemberAddress) => string | null;
    addressMap: AddressMap;
  } {
    return {
      trusted: (address) => this.#options.trust.find(address)?.fingerprint ?? null,
      addressMap: this.#options.addressMap,
    };
  }

  #describeBreak(error: unknown, address: MemberAddress): ConsoleError {
    const names = this.memberNames();
    if (error instanceof XapiFailure) {
      return describeFailure(error.code, error.params, names.objects);
    }
    const who = called(address, names);
    const cause = error instanceof OutcomeUnknown ? error.cause : error;
    if (networkCode(cause) !== null) return describeNetworkError(cause, who);
    return describeNetworkError(new NoAnswerInTime(who), who);
  }

  #setConnecting(address: string): void {
    this.#setConnection({ status: "connecting", sinceMs: this.#wallMs(), address });
  }

  #setStale(search: Omit<Extract<Connection, { status: "stale" }>, "status" | "sinceMs">): void {
    const known = this.#connection;
    const nowMs = this.#options.clock.monotonicMs();
    const isSame = known.status === "stale" && known.error.sentence === search.error.sentence;
    const sinceMs =
      known.status === "stale" ? known.sinceMs : (this.#lastHeardMs() ?? this.#wallMs());
    // Many members are tried many times a second; nobody reads that fast.
    if (isSame && nowMs - this.#toldAtMs < tellStaleMs) {
      this.#connection = { status: "stale", sinceMs, ...search };
      return;
    }
    this.#toldAtMs = nowMs;
    this.#setConnection({ status: "stale", sinceMs, ...search });
  }

  #setNeedsPassword(): void {
    const error = consoleError(
      "wrong-password",
      `The pool refused the password of ${this.#credentials.user}.`,
      "Enter the password again.",
    );
    this.#run = null;
    this.#setConnection({ status: "needs-password", sinceMs: this.#wallMs(), error });
  }

  #setConnection(connection: Connection): void {
    this.#connection = connection;
    this.#options.onFacts.connectionChanged();
    this.#listeners.call();
  }

  #wallMs(): number {
    return this.#options.clock.wallMs();
  }

  #lastHeardMs(): number | null {
    if (!this.#hasFacts) return null;
    return Math.round(this.#wallMs() - (this.#options.clock.monotonicMs() - this.#freshAtMs));
  }
}

const brokenInside = consoleError(
  "internal",
  "The console failed while it followed this pool, in a way nobody foresaw.",
  "Disconnect and connect again; if it happens again, restart the console and report it.",
);
