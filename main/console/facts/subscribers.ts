import type { HostSummary, PoolFactsItem, SrSummary, VmSummary } from "../../contract/pool.ts";
import { problem } from "../problem.ts";
import type { OpenStream } from "../streams.ts";

/** The rows as they are now; a subscriber reads them when its pipe has room. */
export interface Rows {
  readonly hosts: ReadonlyMap<string, HostSummary>;
  readonly vms: ReadonlyMap<string, VmSummary>;
  readonly srs: ReadonlyMap<string, SrSummary>;
}

type Snapshot = Extract<PoolFactsItem, { kind: "snapshot" }>;
type Patch = Extract<PoolFactsItem, { kind: "patch" }>;

/** What is not a row, read at the moment of sending. */
export type Head = Pick<Snapshot, "atMs" | "connection" | "pool" | "run">;

export type RowKind = keyof Rows;

interface Pending {
  isSnapshot: boolean;
  connection: boolean;
  pool: boolean;
  run: boolean;
  readonly hosts: Set<string>;
  readonly vms: Set<string>;
  readonly srs: Set<string>;
}

/**
 * Marks per subscriber what it has not seen yet, by uuid only. However long it does not read, it is
 * owed at most one row of each object.
 */
export class Subscribers {
  readonly #rows: Rows;
  readonly #head: () => Head;
  readonly #pending = new Map<Pending, () => void>();
  #isEnded = false;

  constructor(rows: Rows, head: () => Head) {
    this.#rows = rows;
    this.#head = head;
  }

  open(): OpenStream<PoolFactsItem> {
    return (wake) => {
      const pending: Pending = {
        isSnapshot: true,
        connection: false,
        pool: false,
        run: false,
        hosts: new Set(),
        vms: new Set(),
        srs: new Set(),
      };
      this.#pending.set(pending, wake);
      return {
        take: () => this.#take(pending),
        close: () => this.#pending.delete(pending),
      };
    };
  }

  /** Ends all streams: the pool is forgotten. */
  end(): void {
    this.#isEnded = true;
    for (const wake of this.#pending.values()) wake();
  }

  mark(kind: RowKind, uuid: string): void {
    for (const pending of this.#pending.keys()) pending[kind].add(uuid);
  }

  markHead(part: "connection" | "pool" | "run"): void {
    for (const pending of this.#pending.keys()) pending[part] = true;
  }

  markSnapshot(): void {
    for (const pending of this.#pending.keys()) pending.isSnapshot = true;
  }

  wake(): void {
    for (const [pending, wake] of this.#pending) if (isOwed(pending)) wake();
  }

  #take(pending: Pending): PoolFactsItem | null {
    if (this.#isEnded) {
      throw problem(
        "unknown-pool",
        "This console does not know that pool any more.",
        "Choose a pool from the list, or connect to it again.",
      );
    }
    if (!isOwed(pending)) return null;
    const head = this.#head();
    const item = pending.isSnapshot ? this.#snapshot(head) : this.#patch(head, pending);
    pending.isSnapshot = false;
    pending.connection = false;
    pending.pool = false;
    pending.run = false;
    for (const kind of ["hosts", "vms", "srs"] as const) pending[kind].clear();
    return item;
  }

  #snapshot(head: Head): Snapshot {
    return {
      kind: "snapshot",
      ...head,
      hosts: [...this.#rows.hosts.values()],
      vms: [...this.#rows.vms.values()],
      srs: [...this.#rows.srs.values()],
    };
  }

  #patch(head: Head, pending: Pending): Patch {
    const hosts = changesOf(this.#rows.hosts, pending.hosts);
    const vms = changesOf(this.#rows.vms, pending.vms);
    const srs = changesOf(this.#rows.srs, pending.srs);
    return {
      kind: "patch",
      atMs: head.atMs,
      ...(pending.connection ? { connection: head.connection } : {}),
      ...(pending.pool && head.pool !== null ? { pool: head.pool } : {}),
      ...(pending.run ? { run: head.run } : {}),
      ...(hosts === null ? {} : { hosts }),
      ...(vms === null ? {} : { vms }),
      ...(srs === null ? {} : { srs }),
    };
  }
}

function isOwed(pending: Pending): boolean {
  return (
    pending.isSnapshot ||
    pending.connection ||
    pending.pool ||
    pending.run ||
    pending.hosts.size + pending.vms.size + pending.srs.size > 0
  );
}

function changesOf<Row>(
  rows: ReadonlyMap<string, Row>,
  uuids: ReadonlySet<string>,
): { upsert: Row[]; removeUuids: string[] } | null {
  if (uuids.size === 0) return null;
  const upsert: Row[] = [];
  const removeUuids: string[] = [];
  for (const uuid of uuids) {
    const row = rows.get(uuid);
    if (row === undefined) removeUuids.push(uuid);
    else upsert.push(row);
  }
  return { upsert, removeUuids };
}
