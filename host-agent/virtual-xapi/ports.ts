/**
 * Everything a virtual XAPI node needs from outside. The simulator supplies virtual ports, the demo
 * and the lab supply real ones; the node code is the same. Times are milliseconds unless a name
 * says otherwise.
 */
import type { XapiValue } from "./value.ts";

/** The smallest cancel signal the room needs; an `AbortSignal` is wrapped by whoever has one. */
export interface CancelSignal {
  readonly cancelled: boolean;
  /**
   * Calls back once when cancelled (at once when it already is); returns the way to unsubscribe.
   */
  onCancel(listener: () => void): () => void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch on this host's own clock. */
  nowMs(): number;
  /** Resolves after `ms`, or at once when `signal` cancels. Never rejects. */
  sleep(ms: number, signal?: CancelSignal): Promise<void>;
}

export interface Dice {
  /** A fresh RFC 4122 identifier in lower case. */
  uuid(): string;
  /** Uniform in [0, 1). */
  fraction(): number;
}

/** Thrown by `Disk.write` when nothing more fits. */
export class DiskFull extends Error {
  override readonly name = "DiskFull";
}

/**
 * This host's durable files, by name: `pool.conf`, `state.db`, `local.db`, `messages`. Synchronous
 * and atomic per file; survives XAPI restarts and power loss.
 */
export interface Disk {
  read(name: string): string | undefined;
  /** Replaces the file. Throws `DiskFull`; the old content then stays. */
  write(name: string, text: string): void;
  remove(name: string): void;
}

/** One host's question to another, over the pool-internal channel. JSON-serialisable. */
export interface PeerRequest {
  /** Name of the operation, e.g. `pool.hello`, `db.backup`, `host-op`. */
  readonly op: string;
  readonly args: readonly XapiValue[];
  /** Uuid of the asking host. */
  readonly from: string;
  /** Shared by all hosts of one pool; a host refuses a request with another secret. */
  readonly poolSecret: string;
}

export type PeerReply =
  | { readonly status: "success"; readonly value: XapiValue }
  | { readonly status: "failure"; readonly code: string; readonly params: readonly string[] };

/**
 * Connection refused, reset, timed out, or no route. Not raised by a silent cut without
 * `timeoutMs`.
 */
export class PeerUnreachable extends Error {
  override readonly name = "PeerUnreachable";
}

export interface PeerLink {
  /**
   * Asks the node that listens on `address`. Rejects with `PeerUnreachable`; without `timeoutMs` it
   * may stay pending for ever when the link is cut silently or the peer hangs.
   */
  request(
    address: string,
    request: PeerRequest,
    options?: { readonly timeoutMs?: number },
  ): Promise<PeerReply>;
}

export interface DomainSpec {
  readonly vmUuid: string;
  readonly memoryBytes: number;
  readonly vcpus: number;
  /** Starts paused when true; `unpause` lets it run. */
  readonly paused: boolean;
  /** False when the guest has no agent: it ignores a polite shutdown request. */
  readonly cooperative?: boolean;
}

export interface Domain extends DomainSpec {
  readonly domid: number;
  /**
   * While a migration runs, the receiving host holds the guest under a temporary uuid that no
   * database knows; `commitIncoming` gives it its real one. Null otherwise.
   */
  readonly incomingFor: string | null;
}

/** What a guest did by itself. */
export interface DomainEvent {
  readonly type: "shutdown" | "reboot" | "crash";
  readonly vmUuid: string;
}

/** Raised when the host cannot build the domain. */
export class DomainFailure extends Error {
  override readonly name = "DomainFailure";
  readonly reason: "exists" | "not-enough-memory" | "unknown";

  constructor(reason: "exists" | "not-enough-memory" | "unknown", message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The real guests of this host: they survive a XAPI restart and die with the power. */
export interface Domains {
  list(): readonly Domain[];
  find(vmUuid: string): Domain | undefined;
  /** Physical memory of this host that no guest (nor dom0) holds now. */
  freeMemoryBytes(): number;
  /** Throws `DomainFailure` (`exists`, `not-enough-memory`). */
  create(spec: DomainSpec): Domain;
  /** Throws `DomainFailure` (`unknown`), like the next three. */
  unpause(vmUuid: string): void;
  pause(vmUuid: string): void;
  /** Asks the guest to power off; it answers later with a `shutdown` event, or never. */
  requestShutdown(vmUuid: string): void;
  /** No error when there is none. */
  destroy(vmUuid: string): void;
  /** Receives a migrating guest, paused, under `temporaryUuid`. */
  createIncoming(temporaryUuid: string, spec: DomainSpec): Domain;
  /** The incoming guest takes its real uuid and runs (unless the spec said paused). */
  commitIncoming(temporaryUuid: string): Domain;
  /** Tells what guests do by themselves; returns the way to unsubscribe. */
  watch(listener: (event: DomainEvent) => void): () => void;
}

/** One open tapdisk of this host. */
export interface AttachedDisk {
  readonly vdiUuid: string;
  readonly srUuid: string;
  readonly vmUuid: string;
  readonly mode: "RW" | "RO";
}

/** The storage behind the SR cannot be reached from this host now. */
export class StorageUnreachable extends Error {
  override readonly name = "StorageUnreachable";
}

export interface Storage {
  /** Whether this host reaches the SR now (physically; a PBD may still claim otherwise). */
  reaches(srUuid: string): boolean;
  /** The truth about open disks on this host: what a second writer would collide with. */
  attached(): readonly AttachedDisk[];
  /** Throws `StorageUnreachable`. */
  attach(disk: AttachedDisk): void;
  /** No error when it is not attached. */
  detach(vdiUuid: string, vmUuid: string): void;
  /** All slots of a shared HA statefile, by host uuid. Throws `StorageUnreachable`. */
  readStatefile(srUuid: string, vdiUuid: string): Readonly<Record<string, string>>;
  /** Writes this host's slot; the others stay. Throws `StorageUnreachable`. */
  writeStatefile(srUuid: string, vdiUuid: string, hostUuid: string, text: string): void;
}

export interface Power {
  /** Begins an orderly operating-system reboot; services stop in their usual order first. */
  reboot(): void;
  /** Begins an orderly operating-system power-off. */
  halt(): void;
  /** The watchdog's reset: immediate, nothing is flushed. */
  fence(): void;
  /** Ends XAPI with this exit code. 123 asks the service manager for a restart; 0 stays down. */
  exitXapi(code: number): void;
  /** Restarts all toolstack services, guests unaffected. */
  restartToolstack(): void;
  /** Whether the board controller of another host accepted the power-on command. */
  powerOnPeer(hostUuid: string): Promise<boolean>;
}

/**
 * The hypervisor's watchdog of this host: once armed it resets the machine unless it is fed in
 * time, also when XAPI hangs or is gone.
 */
export interface Watchdog {
  /**
   * Arms, or feeds. The machine is reset `timeoutMs` from now unless this is called again before.
   */
  feed(timeoutMs: number): void;
  disarm(): void;
}

export interface PluginResult {
  readonly status: "ok" | "missing" | "failed";
  /** Standard output (the answer when `ok`). */
  readonly stdout: string;
  readonly stderr: string;
}

/** Scripts of `/etc/xapi.d` on this host. */
export interface Plugins {
  run(plugin: string, fn: string, args: Readonly<Record<string, string>>): Promise<PluginResult>;
  /**
   * Runs one hook directory in alphabetical order; gives the first exit code other than 0 and 1.
   */
  runHook(
    directory: string,
    args: Readonly<Record<string, string>>,
  ): Promise<{ readonly script: string; readonly code: number; readonly stdout: string } | null>;
}

/**
 * What the node tells the machine's log. Never holds a password, a secret or a session reference.
 */
export interface Log {
  write(line: { readonly level: "info" | "warn" | "error"; readonly message: string }): void;
}

export interface Ports {
  readonly clock: Clock;
  readonly dice: Dice;
  readonly disk: Disk;
  readonly peers: PeerLink;
  readonly domains: Domains;
  readonly storage: Storage;
  readonly power: Power;
  readonly plugins: Plugins;
  readonly log: Log;
  /** Absent where nothing outlives XAPI; native HA then fences from within XAPI only. */
  readonly watchdog?: Watchdog;
}

/** A lapse of time that can be called off: `sleep` on any clock plus a cancel switch. */
export interface CancelSource {
  readonly signal: CancelSignal;
  cancel(): void;
}

export function createCancelSource(): CancelSource {
  const listeners = new Set<() => void>();
  let cancelled = false;
  return {
    signal: {
      get cancelled() {
        return cancelled;
      },
      onCancel(listener) {
        if (cancelled) {
          listener();
          return () => {};
        }
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    cancel() {
      if (cancelled) return;
      cancelled = true;
      for (const listener of listeners) listener();
      listeners.clear();
    },
  };
}
