/**
 * Sessions of the pool (rows of the coordinator's database) and of this host alone (memory only).
 */
import type { SessionInfo } from "../call.ts";
import type { Database } from "../database/database.ts";
import type { Clock, Dice } from "../ports.ts";
import type { Timing } from "../timing.ts";
import { NULL_REF, XapiFailure } from "../value.ts";
import { formatDatetime, parseDatetime } from "../wire/coerce.ts";

/** Most sessions of one originator, of one user, and of nobody in particular. */
const SESSION_CAPS = { originator: 500, userName: 500, anonymous: 400 } as const;

export interface NewSession {
  readonly userName: string;
  readonly originator: string;
  readonly role: string;
  /** Between members of the pool, not for clients. */
  readonly pool: boolean;
  readonly localSuperuser: boolean;
  readonly hostRef: string;
}

interface Grant {
  readonly userName: string;
  readonly role: string;
  readonly pool: boolean;
}

export interface SessionParts {
  readonly db: () => Database | null;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly timing: Timing;
}

export class SessionStore {
  readonly #parts: SessionParts;
  readonly #grants = new Map<string, Grant>();
  readonly #local = new Set<string>();
  readonly #listeners = new Set<(ref: string) => void>();

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#grants.size;
  }

  get localCount(): number {
    return this.#local.size;
  }

  /** Tells of every pool session that ends, whatever the cause. */
  onEnded(listener: (ref: string) => void): void {
    this.#listeners.add(listener);
  }

  create(spec: NewSession): string {
    const now = formatDatetime(this.#parts.clock.nowMs());
    const ref = this.#db().create("session", {
      this_host: spec.hostRef,
      this_user: NULL_REF,
      last_active: now,
      validation_time: now,
      pool: spec.pool,
      is_local_superuser: spec.localSuperuser,
      auth_user_name: spec.localSuperuser ? "" : spec.userName,
      originator: spec.originator,
    });
    this.#grants.set(ref, { userName: spec.userName, role: spec.role, pool: spec.pool });
    return ref;
  }

  createLocal(): string {
    const ref = `OpaqueRef:${this.#parts.dice.uuid()}`;
    this.#local.add(ref);
    return ref;
  }

  isLocal(ref: string): boolean {
    return this.#local.has(ref);
  }

  endLocal(ref: string): void {
    this.#local.delete(ref);
  }

  /** The session behind a reference, or null when there is none (any more). */
  find(ref: string): SessionInfo | null {
    if (this.#local.has(ref)) {
      return { ref, kind: "local-host", userName: "root", role: "pool-admin" };
    }
    const grant = this.#grants.get(ref);
    if (grant === undefined) return null;
    const kind = grant.pool ? "peer" : "pool-user";
    return { ref, kind, userName: grant.userName, role: grant.role };
  }

  /** Finds the session and notes that it is in use, at most every `sessionTouchMs`. */
  check(ref: string): SessionInfo {
    const info = this.find(ref);
    if (info === null) throw new XapiFailure("SESSION_INVALID", ref);
    if (info.kind !== "local-host") this.#touch(ref);
    return info;
  }

  end(ref: string): void {
    this.#grants.delete(ref);
    this.#parts.db()?.destroy("session", ref);
    for (const listener of this.#listeners) listener(ref);
  }

  /** One pass of the collector: idle sessions, then those beyond the caps, longest idle first. */
  collect(): void {
    const groups = new Map<string, string[]>();
    for (const ref of this.#grants.keys()) {
      const key = this.#groupOf(ref);
      groups.set(key, [...(groups.get(key) ?? []), ref]);
    }
    for (const [key, refs] of groups) this.#collectGroup(key, refs);
  }

  #collectGroup(key: string, refs: readonly string[]): void {
    const now = this.#parts.clock.nowMs();
    const idle = (ref: string): number =>
      now - parseDatetime(this.#db().str("session", ref, "last_active"));
    const disposable = refs.filter((ref) => !this.#hasPendingTask(ref));
    const old = disposable.filter((ref) => idle(ref) >= this.#parts.timing.sessionIdleMs);
    const young = disposable
      .filter((ref) => !old.includes(ref))
      .toSorted((left, right) => idle(left) - idle(right));
    const cap = key.startsWith("user:") ? SESSION_CAPS.userName : SESSION_CAPS.originator;
    const unlucky = young.slice(key === "anonymous" ? SESSION_CAPS.anonymous : cap);
    for (const ref of [...old, ...unlucky]) this.end(ref);
  }

  #groupOf(ref: string): string {
    const db = this.#db();
    const user = db.str("session", ref, "auth_user_name");
    const originator = db.str("session", ref, "originator");
    if (this.#grants.get(ref)?.pool === true) return "pool";
    if (user !== "" && user !== "root") return `user:${user}`;
    return originator === "" ? "anonymous" : `originator:${originator}`;
  }

  #hasPendingTask(ref: string): boolean {
    const db = this.#db();
    const tasks = db.set("session", ref, "tasks");
    return tasks.some((task) => db.find("task", task)?.["status"] === "pending");
  }

  #touch(ref: string): void {
    const db = this.#db();
    const now = this.#parts.clock.nowMs();
    const last = parseDatetime(db.str("session", ref, "last_active"));
    if (now - last > this.#parts.timing.sessionTouchMs) {
      db.update("session", ref, { last_active: formatDatetime(now) });
    }
  }

  #db(): Database {
    const db = this.#parts.db();
    if (db === null) throw new XapiFailure("INTERNAL_ERROR", "no database here");
    return db;
  }
}
