import type { Connection } from "../contract/pool.ts";

/** A XAPI record as it came over the wire; `$`-fields of the client are not part of it. */
export type XapiRecord = Readonly<Record<string, unknown>>;

/** The classes the console keeps, with the class names of XAPI. */
export type XapiClass =
  | "pool"
  | "host"
  | "host_metrics"
  | "VM"
  | "VM_metrics"
  | "VM_appliance"
  | "VBD"
  | "VDI"
  | "SR"
  | "PBD"
  | "VIF"
  | "PIF"
  | "network"
  | "PCI"
  | "VGPU"
  | "VUSB"
  | "task";

/**
 * Everything known of one pool: class, reference, record. Not a copy; do not keep it over an await.
 */
export interface PoolRecords {
  all(className: XapiClass): ReadonlyMap<string, XapiRecord>;
  get(className: XapiClass, ref: string): XapiRecord | undefined;
  byUuid(className: XapiClass, uuid: string): { ref: string; record: XapiRecord } | undefined;
}

/** A failure XAPI reported: its code and parameters, never parsed from prose. */
export class XapiFailure extends Error {
  readonly code: string;
  readonly params: readonly string[];
  constructor(code: string, params: readonly string[]) {
    super(`${code}(${params.join(", ")})`);
    this.name = "XapiFailure";
    this.code = code;
    this.params = params;
  }
}

/**
 * The line broke, or the session died, before an answer came: the call may or may not have taken
 * effect. Look at the facts before doing it again.
 */
export class OutcomeUnknown extends Error {
  readonly method: string;
  constructor(method: string, cause: unknown) {
    super(`no answer to ${method}`, { cause });
    this.name = "OutcomeUnknown";
    this.method = method;
  }
}

/**
 * One pool, whichever member answers and however often the client underneath is rebuilt.
 * Everything that acts on a pool goes through this.
 */
export interface PoolSession {
  readonly poolId: string;
  connection(): Connection;
  records(): PoolRecords;
  /** monotonic time of the last proof that the facts are current (an event or an answered poll) */
  freshAtMs(): number;
  /** called after every batch of events and every change of the connection */
  onChange(listener: () => void): () => void;
  /** one call, session reference left out; throws XapiFailure or OutcomeUnknown */
  call(method: string, ...args: readonly unknown[]): Promise<unknown>;
  /**
   * Starts `Async.<method>` and waits for its task. Throws XapiFailure when the task failed, and
   * OutcomeUnknown when the task vanished (coordinator restarted) or the signal aborted the wait.
   */
  callTask(
    method: string,
    args: readonly unknown[],
    options?: { onProgress?: (progress: number) => void; signal?: AbortSignal },
  ): Promise<string>;
  /** resolves when the connection is live and facts are complete again; rejects at the deadline */
  untilLive(timeoutMs: number): Promise<void>;
  /**
   * resolves once the predicate holds on live facts; rejects at the deadline with what was missing
   */
  untilFacts(
    what: string,
    predicate: (records: PoolRecords) => boolean,
    timeoutMs: number,
  ): Promise<void>;
}
