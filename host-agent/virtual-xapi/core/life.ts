/**
 * One run of XAPI on one host, from start to exit: its state and what is reachable from everywhere.
 */
import type { CallModule, HostContext, LocalDb, NodeIdentity, RoleChange } from "../call.ts";
import type { Database } from "../database/database.ts";
import { dumpDatabase } from "../database/dump.ts";
import type { NodeInspection, NodeOptions } from "../node.ts";
import { createCancelSource, DiskFull, type Ports } from "../ports.ts";
import { XapiFailure, type XapiValue } from "../value.ts";
import { coordinatorContext } from "./context.ts";
import { EventQueue } from "./event-queue.ts";
import { EventEngine } from "./events.ts";
import { guardPorts } from "./guard.ts";
import { LivenessKeeper } from "./liveness.ts";
import { openLocalDb } from "./local-db.ts";
import { MessageStore } from "./messages.ts";
import { CoordinatorConnection, PeerClient } from "./peers.ts";
import { readRole, writeRole, type PoolRole } from "./pool-conf.ts";
import { Registry } from "./registry.ts";
import { SessionStore } from "./sessions.ts";
import { TaskStore } from "./tasks.ts";

/** What only a coordinator has. */
export interface CoordinatorParts {
  readonly db: Database;
  readonly hostRef: string;
  readonly poolRef: string;
  readonly tasks: TaskStore;
  readonly messages: MessageStore;
  readonly events: EventEngine;
  readonly queue: EventQueue;
  readonly liveness: LivenessKeeper;
}

export interface Proposal {
  readonly address: string;
  readonly atMs: number;
}

export const RESTART_CODE = 123;

export class Life {
  readonly options: NodeOptions;
  readonly ports: Ports;
  readonly local: LocalDb;
  readonly role: PoolRole;
  readonly startedAtMs: number;
  readonly peers: PeerClient;
  readonly sessions: SessionStore;
  readonly registry: Registry;
  /** To the coordinator; null on the coordinator itself. */
  readonly connection: CoordinatorConnection | null;
  readonly stopping = createCancelSource();
  coordinator: CoordinatorParts | null = null;
  phase: NodeInspection["phase"] = "starting";
  /** Why everything but emergency calls is refused; null outside of emergency mode. */
  emergency: readonly string[] | null = null;
  /** Start-up is over: the host may be enabled. */
  startupComplete = false;
  /** Disabled by a user since this XAPI started. */
  userDisabled = false;
  /** The machine booted since it last was a member, as opposed to a mere restart of XAPI. */
  readonly freshBoot: boolean;
  proposal: Proposal | null = null;
  #fuseLit = false;
  #ended = false;
  #savedRevision = -1;

  constructor(options: NodeOptions, modulesOf: (life: Life) => readonly CallModule[]) {
    this.options = options;
    this.ports = guardPorts(options.ports, () => this.#ended);
    this.local = openLocalDb(this.ports.disk);
    this.role = readRole(this.ports.disk);
    this.startedAtMs = this.ports.clock.nowMs();
    this.freshBoot = this.local.get("x.booted_at") !== String(options.bootedAtMs);
    this.peers = new PeerClient(this.ports, options);
    this.sessions = new SessionStore({
      db: () => this.coordinator?.db ?? null,
      clock: this.ports.clock,
      dice: this.ports.dice,
      timing: options.timing,
    });
    this.registry = new Registry(modulesOf(this), options.generation.version);
    this.connection =
      this.role.type === "supporter"
        ? new CoordinatorConnection({
            peers: this.peers,
            ports: this.ports,
            timing: options.timing,
            address: this.role.address,
          })
        : null;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get fuseLit(): boolean {
    return this.#fuseLit;
  }

  get coordinatorAddress(): string {
    return this.role.type === "supporter" ? this.role.address : this.options.address;
  }

  get identity(): NodeIdentity {
    return {
      hostUuid: this.options.hostUuid,
      address: this.options.address,
      role: this.role.type === "supporter" ? "supporter" : "coordinator",
      coordinatorAddress: this.coordinatorAddress,
      startedAtMs: this.startedAtMs,
      bootedAtMs: this.options.bootedAtMs,
    };
  }

  log(level: "info" | "warn" | "error", message: string): void {
    this.ports.log.write({ level, message });
  }

  /** Makes the restored database this run's truth. */
  attachDatabase(db: Database, hostRef: string, poolRef: string): CoordinatorParts {
    const { clock, dice, disk } = this.ports;
    const { timing, generation } = this.options;
    const messages = new MessageStore({ db, disk, clock, dice });
    const parts: CoordinatorParts = {
      db,
      hostRef,
      poolRef,
      messages,
      tasks: new TaskStore({ db: () => db, clock, timing }),
      events: new EventEngine({
        db,
        messages,
        sessions: this.sessions,
        clock,
        timing,
        generation,
      }),
      queue: new EventQueue(db, clock, this.sessions),
      liveness: new LivenessKeeper({
        db,
        ports: this.ports,
        timing,
        generation,
        peers: this.peers,
        hostRef,
        alert: (about, name, body) => this.alertHost(about, name, body),
      }),
    };
    this.coordinator = parts;
    return parts;
  }

  /** Throws `HOST_IS_SLAVE` on a supporter. */
  needCoordinator(): CoordinatorParts {
    if (this.coordinator === null) {
      throw new XapiFailure("HOST_IS_SLAVE", this.coordinatorAddress);
    }
    return this.coordinator;
  }

  alertHost(hostRef: string, name: string, body: string): void {
    const uuid = this.coordinator?.db.str("host", hostRef, "uuid") ?? "";
    this.coordinator?.messages.create({ name, priority: 4, cls: "Host", objUuid: uuid, body });
  }

  hostContext(): HostContext {
    return {
      ports: this.ports,
      timing: this.options.timing,
      generation: this.options.generation,
      node: this.identity,
      local: this.local,
      stopping: this.stopping.signal,
      askCoordinator: (op, args) => this.askCoordinator(op, args),
      askMember: (address, op, args, timeoutMs) =>
        this.peers.ask(address, "host-op", [op, ...args], timeoutMs),
      changeRole: (role) => this.changeRole(role),
    };
  }

  async askCoordinator(op: string, args: readonly XapiValue[]): Promise<XapiValue> {
    if (this.connection !== null) {
      return await this.connection.request("coordinator-op", [op, ...args]);
    }
    const handler = this.registry.coordinatorOp(op);
    if (handler === undefined) throw new XapiFailure("INTERNAL_ERROR", `no operation ${op}`);
    const ctx = coordinatorContext(this, { method: op });
    return await handler(ctx, args, ctx.hostRef);
  }

  /** Writes the role and restarts after the fuse. The role takes effect with the restart. */
  changeRole(change: RoleChange): void {
    const same =
      change.type === "supporter" &&
      this.role.type === "supporter" &&
      change.address === this.role.address;
    if (same) return;
    this.local.set(
      "x.became_coordinator",
      String(change.type === "coordinator" && this.role.type !== "coordinator"),
    );
    writeRole(this.ports.disk, change);
    this.lightFuse(RESTART_CODE);
  }

  /** Leaves after the fuse has burnt; a second fuse changes nothing. */
  lightFuse(code: number, fuseMs?: number): void {
    if (this.#fuseLit) return;
    this.#fuseLit = true;
    const { timing } = this.options;
    const delayMs = fuseMs ?? Math.max(timing.fuseMs, timing.fuseMinimumMs);
    void this.ports.clock.sleep(delayMs).then(() => this.exit(code));
  }

  exit(code: number): void {
    if (this.#ended) return;
    this.saveDatabase();
    const { power } = this.options.ports;
    this.end();
    power.exitXapi(code);
  }

  /** Writes `state.db` when something changed since the last time. */
  saveDatabase(): void {
    const db = this.coordinator?.db;
    if (db === undefined || db.savedRevision === this.#savedRevision) return;
    try {
      this.ports.disk.write("state.db", dumpDatabase(db));
      this.#savedRevision = db.savedRevision;
    } catch (error) {
      if (!(error instanceof DiskFull)) throw error;
      this.log("error", "state.db could not be written: no space left");
    }
  }

  /** From now on nothing of this run has any effect. */
  end(): void {
    this.#ended = true;
    this.stopping.cancel();
  }

  /** The host is a member since this boot: a later start of XAPI is a mere restart. */
  noteJoined(): void {
    this.startupComplete = true;
    try {
      this.local.set("x.booted_at", String(this.options.bootedAtMs));
    } catch (error) {
      if (!(error instanceof DiskFull)) throw error;
    }
  }

  inspect(): NodeInspection {
    return {
      role: this.role.type,
      phase: this.#ended ? "stopped" : this.phase,
      emergencyReason: this.emergency?.[0] ?? null,
      coordinatorAddress: this.coordinatorAddress,
      databaseGeneration: this.coordinator?.db.generation ?? 0,
      sessions: this.sessions.count,
      localSessions: this.sessions.localCount,
      objects: this.coordinator?.db.objectCount ?? 0,
      fuseLit: this.#fuseLit,
    };
  }
}
