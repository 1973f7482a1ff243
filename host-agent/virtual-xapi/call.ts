/**
 * What a call handler gets and gives. Handlers run on the coordinator, where the database lives;
 * whatever must happen on a particular machine goes through a host operation.
 */
import type { CancelSignal, Ports } from "./ports.ts";
import type { Timing } from "./timing.ts";
import type { XapiGeneration } from "./generation.ts";
import type { XapiRecord, XapiValue } from "./value.ts";

export { NULL_REF, VOID, XapiFailure } from "./value.ts";
export type { XapiValue } from "./value.ts";

/**
 * The coordinator's database. Every write bumps the generation counter and wakes event subscribers.
 * Reading is synchronous. Fields derived from a relation (`host.resident_VMs`, `VM.VBDs`,
 * `SR.PBDs`, ...) are kept by the database: write the reference side only (`VM.resident_on`,
 * `VBD.VM`, `PBD.SR`).
 */
export interface DbAccess {
  /** Counter of the last write; strictly rising while this process lives. */
  readonly generation: number;
  exists(ref: string): boolean;
  /** Class of an object, in its canonical case (`VM`, `host_metrics`). */
  classOf(ref: string): string | undefined;
  has(cls: string, ref: string): boolean;
  /** Throws `HANDLE_INVALID [cls, ref]`. Do not mutate. */
  get(cls: string, ref: string): XapiRecord;
  find(cls: string, ref: string): XapiRecord | undefined;
  /** All references of a class in order of creation. */
  refs(cls: string): readonly string[];
  count(cls: string): number;
  /** Throws `UUID_INVALID [cls, uuid]`. */
  byUuid(cls: string, uuid: string): string;
  findByUuid(cls: string, uuid: string): string | undefined;
  byNameLabel(cls: string, label: string): readonly string[];
  /** Typed reads of one field; throw `HANDLE_INVALID` for a stale reference. */
  str(cls: string, ref: string, field: string): string;
  num(cls: string, ref: string, field: string): number;
  bool(cls: string, ref: string, field: string): boolean;
  /** A set of strings or references. */
  set(cls: string, ref: string, field: string): readonly string[];
  /** A map to strings. */
  map(cls: string, ref: string, field: string): Readonly<Record<string, string>>;
  /**
   * Creates an object; fields that are left out take the datamodel's empty value, `uuid` a fresh
   * one. Gives the reference `OpaqueRef:<random>` (or `options.ref`).
   */
  create(cls: string, fields: XapiRecord, options?: { readonly ref?: string }): string;
  /** Writes the given fields; equal values cause no event. Throws `HANDLE_INVALID`. */
  update(cls: string, ref: string, fields: XapiRecord): void;
  /** Adds or replaces one key of a map field (no duplicate check). */
  putKey(cls: string, ref: string, field: string, key: string, value: XapiValue): void;
  /** Removes one key of a map field, or one member of a set field; silent when missing. */
  dropKey(cls: string, ref: string, field: string, key: string): void;
  /** Removes the object. Silent when it is gone already. References to it stay and dangle. */
  destroy(cls: string, ref: string): void;
  /** All writes of `work` or, when it throws, none. `work` must not await. */
  transaction<T>(work: () => T): T;
  /** Marks an object as modified without a change (an artificial event). */
  touch(cls: string, ref: string): void;
  /** Resolves after the next write, or when `signal` cancels. */
  changed(signal?: CancelSignal): Promise<void>;
}

export interface SessionInfo {
  readonly ref: string;
  readonly kind: "pool-user" | "local-host" | "peer";
  readonly userName: string;
  /** Roles granted; `pool-admin` includes all others. */
  readonly role: string;
}

/**
 * The database task of the running call. Without one (a nested or background call) all are no-ops.
 */
export interface TaskHandle {
  /** Null when the call has no task in the database. */
  readonly ref: string | null;
  /** Cancelled through `task.cancel`. */
  readonly signal: CancelSignal;
  /** 0 to 1. */
  progress(fraction: number): void;
  /** Allows `task.cancel` from now on. */
  setCancellable(cancellable: boolean): void;
  /** Throws `TASK_CANCELLED [ref]` when the task has been cancelled. */
  checkCancelled(): void;
}

/**
 * The host's own small key-value file (`local.db`): survives restarts, is not part of the pool
 * database.
 */
export interface LocalDb {
  get(key: LocalKey): string | undefined;
  set(key: LocalKey, value: string): void;
  remove(key: LocalKey): void;
}

export type LocalKey =
  | "ha.armed"
  | "ha.base_t"
  | "ha.peers"
  | "ha.statefile"
  | "ha.disable_failover_decisions"
  | "host_disabled_until_reboot"
  | "host_auto_enable"
  | "host_restarted_cleanly"
  | `x.${string}`;

/** Who this node is. */
export interface NodeIdentity {
  readonly hostUuid: string;
  readonly address: string;
  readonly role: "coordinator" | "supporter";
  /** Address this host believes the coordinator has (its own on the coordinator). */
  readonly coordinatorAddress: string;
  /** When this XAPI process started, ms since the epoch. */
  readonly startedAtMs: number;
  /** When the machine booted, ms since the epoch. */
  readonly bootedAtMs: number;
}

/** The coordinator's opinion of the members' liveness. */
export interface Liveness {
  /** `host_metrics.live` of the host; false when the reference dangles. */
  isLive(hostRef: string): boolean;
  /**
   * Contact test of `declare_dead` and `power_state_reset`: false without any contact when the
   * database says not live; otherwise the host is asked, with no deadline, and any failure counts
   * as not alive.
   */
  isAlive(hostRef: string): Promise<boolean>;
  /** Runs the clean-shutdown hooks and sets `live=false` at once; only a hello lifts it. */
  announceShutdown(hostRef: string): Promise<void>;
  /** Sets `live` from another source of truth (native HA). */
  set(hostRef: string, live: boolean): void;
  /** While native HA decides, the timers do not. */
  setNativeHa(active: boolean): void;
}

/** What an operation on one particular host gets. No database here: pass in what is needed. */
export interface HostContext {
  readonly ports: Ports;
  readonly timing: Timing;
  readonly generation: XapiGeneration;
  readonly node: NodeIdentity;
  readonly local: LocalDb;
  /** Cancelled when this XAPI stops. */
  readonly stopping: CancelSignal;
  /**
   * Runs an entry of `CoordinatorOpTable` on the coordinator (directly when that is this host). On
   * a supporter with an unreachable coordinator it retries without limit, i.e. hangs.
   */
  askCoordinator(op: string, args: readonly XapiValue[]): Promise<XapiValue>;
  /**
   * Runs an entry of `HostOpTable` on the member at `address`, past the coordinator. Throws
   * `XapiFailure` and `PeerUnreachable`.
   */
  askMember(
    address: string,
    op: string,
    args: readonly XapiValue[],
    timeoutMs: number,
  ): Promise<XapiValue>;
  /** Writes `pool.conf` and leaves for a restart after the fuse. */
  changeRole(role: RoleChange): void;
}

export type RoleChange =
  | { readonly type: "coordinator" }
  | { readonly type: "supporter"; readonly address: string };

export interface CallContext extends HostContext {
  readonly db: DbAccess;
  readonly session: SessionInfo;
  readonly task: TaskHandle;
  /** Name as called, without `Async.`. */
  readonly method: string;
  readonly liveness: Liveness;
  /** References of this host and of the one pool record. */
  readonly hostRef: string;
  readonly poolRef: string;
  /**
   * Runs an entry of `HostOpTable` on a member. `HOST_OFFLINE [host]` when it is not live,
   * `CANNOT_CONTACT_HOST [host]` when it cannot be reached while asking.
   */
  onHost(
    hostRef: string,
    op: string,
    args: readonly XapiValue[],
    options?: { readonly timeoutMs?: number; readonly evenIfOffline?: boolean },
  ): Promise<XapiValue>;
  /** Another call in the same session and task: full defaults, no role check. */
  call(method: string, args: readonly XapiValue[]): Promise<XapiValue>;
  /** Work that goes on after the call has answered; failures are logged. */
  spawn(name: string, work: () => Promise<void>): void;
  /** Stores an alert as XAPI does; never throws. */
  alert(message: AlertMessage): void;
}

export interface AlertMessage {
  readonly name: string;
  /** 1 critical to 5 information. */
  readonly priority: number;
  readonly cls: string;
  readonly objUuid: string;
  readonly body: string;
}

/**
 * `args` exclude the session, are checked against the datamodel, and have all defaults filled in.
 */
export type CallHandler = (
  ctx: CallContext,
  args: readonly XapiValue[],
) => XapiValue | Promise<XapiValue>;

/** By public name, e.g. `VM.start`. The `Async.` form comes by itself. */
type CallTable = Readonly<Record<string, CallHandler>>;

/** Runs on the host it is sent to; the answer must be JSON-serialisable. Throws `XapiFailure`. */
export type HostOp = (
  host: HostContext,
  args: readonly XapiValue[],
) => XapiValue | Promise<XapiValue>;

export type HostOpTable = Readonly<Record<string, HostOp>>;

/** Runs on the coordinator on behalf of a member; `fromHostRef` is the asking host. */
export type CoordinatorOp = (
  ctx: CallContext,
  args: readonly XapiValue[],
  fromHostRef: string,
) => XapiValue | Promise<XapiValue>;

export type CoordinatorOpTable = Readonly<Record<string, CoordinatorOp>>;

/** A loop that runs beside the calls from the end of start-up until the node stops. */
export interface NodeService {
  readonly name: string;
  readonly runsOn: "coordinator" | "every-host";
  /** `coordinator` gives a context with database access on the coordinator, null elsewhere. */
  run(host: HostContext, coordinator: (() => CallContext) | null): Promise<void>;
}

/** What one file of `calls/` exports; `calls/all.ts` lists them. */
export interface CallModule {
  readonly calls?: CallTable;
  /** Answered by any member from its own state, also without a coordinator (emergency calls). */
  readonly localCalls?: LocalCallTable;
  readonly hostOps?: HostOpTable;
  readonly coordinatorOps?: CoordinatorOpTable;
  readonly services?: readonly NodeService[];
  /**
   * Methods of the datamodel's hidden set or of newer releases that this module answers, with their
   * parameter types, when the generated table lacks them. E.g. `{'pool.hello': ['string',
   * 'string']}`.
   */
  readonly hidden?: Readonly<Record<string, HiddenSignature>>;
}

export interface HiddenSignature {
  readonly params: readonly HiddenParam[];
  /** Datamodel type of the result; `void` for nothing. */
  readonly result: string;
}

interface HiddenParam {
  readonly name: string;
  readonly type: string;
  /** Present when the parameter may be left out. */
  readonly fallback?: XapiValue;
}

/**
 * Runs on the host that was asked. The session is a local one, or the pool's own between members.
 */
export type LocalCall = (
  host: HostContext,
  args: readonly XapiValue[],
  session: SessionInfo,
) => XapiValue | Promise<XapiValue>;

type LocalCallTable = Readonly<Record<string, LocalCall>>;
