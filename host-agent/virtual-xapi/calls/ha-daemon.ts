/**
 * The HA daemon of a host: heartbeats over the network and through the statefile, the live set, the rule
 * who survives, and the choice of a new coordinator. It knows no database: the coordinator may be gone.
 */
import type { HostContext } from "../call.ts";
import { StorageUnreachable, type Ports } from "../ports.ts";

/** A member as the daemon's configuration lists it; its position breaks ties. */
export interface HaPeer {
  readonly uuid: string;
  readonly address: string;
}

export interface HaStatefile {
  readonly srUuid: string;
  readonly vdiUuid: string;
  /** Disk with the pool's current database, for whoever takes over. */
  readonly redoLogUuid: string;
}

/** What a host writes into its slot. */
interface Slot {
  readonly beat: number;
  readonly sees: readonly string[];
  readonly excluded: boolean;
  /** Uuid of the host that this one holds for the coordinator. */
  readonly coordinator: string;
}

interface PeerView {
  heardAtMs: number;
  /** Whether it said that it reads the statefile. */
  seesStatefile: boolean;
  slot: Slot | null;
  slotChangedAtMs: number;
}

export type PeerState = "live" | "lost" | "failed" | "excluded";

export interface HeartbeatReply {
  readonly seesStatefile: boolean;
  readonly excluded: boolean;
}

const MS_PER_S = 1_000;
/** The statefile watchdog waits this much longer than the heartbeat's. */
const STATEFILE_GRACE_MS = 15_000;
const BOOT_KEY = "x.ha_joined_boot";

const daemons = new WeakMap<Ports, HaDaemon>();

/** The daemon of this run of XAPI. */
export function daemonOf(host: HostContext): HaDaemon {
  const known = daemons.get(host.ports);
  if (known !== undefined) {
    return known;
  }
  const daemon = new HaDaemon(host);
  daemons.set(host.ports, daemon);
  return daemon;
}

export class HaDaemon {
  readonly #host: HostContext;
  readonly #views = new Map<string, PeerView>();
  #beat = 0;
  #statefileSeenAtMs: number;
  /** Off until the next start, although armed. */
  #suspended = false;
  #excluded = false;
  #joined = false;
  #fenced = false;

  constructor(host: HostContext) {
    this.#host = host;
    this.#statefileSeenAtMs = this.#nowMs();
  }

  get isArmed(): boolean {
    return this.#host.local.get("ha.armed") === "true";
  }

  get isActive(): boolean {
    return this.isArmed && !this.#suspended && !this.#excluded;
  }

  /** Part of the live set since it booted: bound to fence itself when it falls out. */
  get hasJoined(): boolean {
    return this.#joined;
  }

  get baseTimeoutMs(): number {
    const seconds = Number(this.#host.local.get("ha.base_t") ?? Number.NaN);
    return Number.isNaN(seconds) ? this.#host.timing.haTimeoutMs : seconds * MS_PER_S;
  }

  get peers(): readonly HaPeer[] {
    return JSON.parse(this.#host.local.get("ha.peers") ?? "[]") as readonly HaPeer[];
  }

  get statefile(): HaStatefile | null {
    const text = this.#host.local.get("ha.statefile");
    return text === undefined ? null : (JSON.parse(text) as HaStatefile);
  }

  get seesStatefile(): boolean {
    return this.#nowMs() - this.#statefileSeenAtMs < this.baseTimeoutMs;
  }

  configure(setup: {
    readonly peers: readonly HaPeer[];
    readonly statefile: HaStatefile;
    readonly baseTimeoutS: number;
  }): void {
    const { local } = this.#host;
    local.set("ha.peers", JSON.stringify(setup.peers));
    local.set("ha.statefile", JSON.stringify(setup.statefile));
    local.set("ha.base_t", String(setup.baseTimeoutS));
  }

  /** Begins to take part. Throws `StorageUnreachable`. */
  join(): void {
    this.#reset();
    this.#writeSlot();
    this.#readSlots();
    this.#host.local.set("ha.armed", "true");
    this.#markJoined();
  }

  disarm(): void {
    const { local } = this.#host;
    for (const key of ["ha.armed", "ha.base_t", "ha.peers", "ha.statefile"] as const) {
      local.remove(key);
    }
    this.#host.ports.watchdog?.disarm();
    this.#joined = false;
    this.#views.clear();
  }

  /** Until the next start of XAPI. */
  suspend(): void {
    this.#suspended = true;
    this.#host.ports.watchdog?.disarm();
  }

  /** Leaves the live set for an orderly stop, so that nobody takes it for a failure. */
  exclude(): void {
    if (!this.isArmed) {
      return;
    }
    this.#excluded = true;
    this.#host.ports.watchdog?.disarm();
    this.#tryStatefile(() => this.#writeSlot());
  }

  heardFrom(uuid: string): HeartbeatReply {
    const view = this.#views.get(uuid);
    if (view !== undefined) {
      view.heardAtMs = this.#nowMs();
    }
    return { seesStatefile: this.seesStatefile, excluded: this.#excluded };
  }

  /** Reads the statefile now. */
  probeStatefile(): boolean {
    return this.#tryStatefile(() => this.#readSlots());
  }

  stateOf(uuid: string): PeerState {
    const view = this.#views.get(uuid);
    if (view === undefined || uuid === this.#host.node.hostUuid) {
      return "live";
    }
    if (view.slot?.excluded === true) {
      return "excluded";
    }
    const nowMs = this.#nowMs();
    if (nowMs - view.heardAtMs < this.baseTimeoutMs) {
      return "live";
    }
    return nowMs - view.slotChangedAtMs < this.baseTimeoutMs ? "lost" : "failed";
  }

  /** Uuids of the hosts a member sees, by its slot. */
  seenBy(uuid: string): readonly string[] {
    return uuid === this.#host.node.hostUuid
      ? this.#mySight()
      : (this.#views.get(uuid)?.slot?.sees ?? []);
  }

  peerSeesStatefile(uuid: string): boolean {
    if (uuid === this.#host.node.hostUuid) {
      return this.seesStatefile;
    }
    const view = this.#views.get(uuid);
    return view !== undefined && this.#nowMs() - view.slotChangedAtMs < this.baseTimeoutMs;
  }

  /** One round: beat, look, judge. */
  async beat(): Promise<void> {
    if (!this.isActive || this.#fenced) {
      return;
    }
    if (this.#views.size === 0) {
      this.#reset();
      this.#recallJoin();
    }
    this.#feedWatchdog();
    this.#beat += 1;
    this.#tryStatefile(() => {
      this.#writeSlot();
      this.#readSlots();
    });
    await this.#askPeers();
    if (!this.isActive) {
      return;
    }
    this.#judge();
    if (!this.#fenced && this.#joined) {
      this.#considerCoordinator();
    }
  }

  #nowMs(): number {
    return this.#host.ports.clock.nowMs();
  }

  #reset(): void {
    const nowMs = this.#nowMs();
    this.#views.clear();
    this.#statefileSeenAtMs = nowMs;
    this.#suspended = false;
    this.#excluded = false;
    for (const peer of this.#others()) {
      this.#views.set(peer.uuid, {
        heardAtMs: nowMs,
        seesStatefile: true,
        slot: null,
        slotChangedAtMs: nowMs,
      });
    }
  }

  #others(): readonly HaPeer[] {
    return this.peers.filter((peer) => peer.uuid !== this.#host.node.hostUuid);
  }

  /** A mere restart of XAPI keeps the membership, a boot does not. */
  #recallJoin(): void {
    this.#joined = this.#host.local.get(BOOT_KEY) === String(this.#host.node.bootedAtMs);
  }

  #markJoined(): void {
    this.#joined = true;
    this.#host.local.set(BOOT_KEY, String(this.#host.node.bootedAtMs));
  }

  #feedWatchdog(): void {
    if (this.#joined) {
      this.#host.ports.watchdog?.feed(this.baseTimeoutMs + STATEFILE_GRACE_MS);
    }
  }

  #mySight(): readonly string[] {
    const { hostUuid } = this.#host.node;
    return this.peers
      .map((peer) => peer.uuid)
      .filter((uuid) => uuid === hostUuid || this.stateOf(uuid) === "live");
  }

  #coordinatorUuid(): string {
    const { coordinatorAddress } = this.#host.node;
    return this.peers.find((peer) => peer.address === coordinatorAddress)?.uuid ?? "";
  }

  #writeSlot(): void {
    const statefile = this.statefile;
    if (statefile === null) {
      return;
    }
    const slot: Slot = {
      beat: this.#beat,
      sees: this.#mySight(),
      excluded: this.#excluded,
      coordinator: this.#coordinatorUuid(),
    };
    const { storage } = this.#host.ports;
    const text = JSON.stringify({ ...slot, atMs: this.#nowMs() });
    storage.writeStatefile(statefile.srUuid, statefile.vdiUuid, this.#host.node.hostUuid, text);
  }

  #readSlots(): void {
    const statefile = this.statefile;
    if (statefile === null) {
      return;
    }
    const { storage } = this.#host.ports;
    const slots = storage.readStatefile(statefile.srUuid, statefile.vdiUuid);
    const nowMs = this.#nowMs();
    this.#statefileSeenAtMs = nowMs;
    for (const [uuid, view] of this.#views) {
      const text = slots[uuid];
      if (text === undefined) {
        continue;
      }
      const slot = JSON.parse(text) as Slot & { readonly atMs: number };
      const before = view.slot as (Slot & { readonly atMs?: number }) | null;
      if (before?.atMs !== slot.atMs) {
        // The first sight of an old slot proves nothing about its writer.
        view.slotChangedAtMs = before === null ? view.slotChangedAtMs : nowMs;
        view.slot = slot;
      }
    }
  }

  #tryStatefile(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (cause) {
      if (cause instanceof StorageUnreachable) {
        return false;
      }
      throw cause;
    }
  }

  async #askPeers(): Promise<void> {
    const { haHeartbeatMs } = this.#host.timing;
    const args = [this.#host.node.hostUuid];
    const asks = this.#others().map(async (peer) => {
      try {
        const value = await this.#host.askMember(peer.address, "ha.heartbeat", args, haHeartbeatMs);
        const reply = value as unknown as HeartbeatReply;
        const view = this.#views.get(peer.uuid);
        if (view !== undefined) {
          view.heardAtMs = this.#nowMs();
          view.seesStatefile = reply.seesStatefile;
        }
      } catch {
        // Silence is the message: the time of the last answer stays.
      }
    });
    await Promise.all(asks);
  }

  /** Fences this host when the rule says that it does not survive. */
  #judge(): void {
    const nowMs = this.#nowMs();
    const isSilent = (view: PeerView): boolean =>
      nowMs - view.heardAtMs >= this.baseTimeoutMs && view.slot?.excluded !== true;
    const silent = [...this.#views].filter(([, view]) => isSilent(view));
    if (!this.#joined) {
      if (silent.length < this.#views.size && this.seesStatefile) {
        this.#markJoined();
      }
      return;
    }
    if (!this.seesStatefile) {
      const othersSeeIt = [...this.#views.values()].some(
        (view) => !isSilent(view) && view.seesStatefile,
      );
      if (othersSeeIt || silent.length > 0) {
        this.#fence("it lost the statefile");
      }
      return;
    }
    const partitioned = silent.some(([uuid]) => this.stateOf(uuid) === "lost");
    if (partitioned && !this.#isInBestPartition()) {
      this.#fence("it is cut off from the larger part of the pool");
    }
  }

  /** Groups of hosts that see each other; the largest survives, then the one with the first host. */
  #isInBestPartition(): boolean {
    const { hostUuid } = this.#host.node;
    const order = this.peers
      .map((peer) => peer.uuid)
      .filter((uuid) => !["failed", "excluded"].includes(this.stateOf(uuid)));
    const sees = (one: string, other: string): boolean =>
      this.seenBy(one).includes(other) && this.seenBy(other).includes(one);
    const groups: string[][] = [];
    for (const uuid of order) {
      const home = groups.find((group) => group.some((member) => sees(member, uuid)));
      if (home === undefined) {
        groups.push([uuid]);
      } else {
        home.push(uuid);
      }
    }
    const best = groups.reduce<readonly string[]>(
      (winner, group) => (group.length > winner.length ? group : winner),
      [],
    );
    return best.includes(hostUuid);
  }

  #fence(reason: string): void {
    this.#fenced = true;
    this.#host.ports.log.write({ level: "error", message: `fencing this host: ${reason}` });
    this.#host.ports.power.fence();
  }

  /** Follows a claim, or claims the role itself when it is the first one left. */
  #considerCoordinator(): void {
    const current = this.#coordinatorUuid();
    const { hostUuid } = this.#host.node;
    if (current === hostUuid || current === "") {
      return;
    }
    const isGone = this.stateOf(current) === "failed" || this.stateOf(current) === "excluded";
    const live = this.peers.filter(
      (peer) => peer.uuid === hostUuid || this.stateOf(peer.uuid) === "live",
    );
    const claimant = live.find(
      (peer) => this.#views.get(peer.uuid)?.slot?.coordinator === peer.uuid,
    );
    if (claimant !== undefined && claimant.uuid !== current) {
      this.#host.changeRole({ type: "supporter", address: claimant.address });
      return;
    }
    if (isGone && claimant === undefined && live[0]?.uuid === hostUuid) {
      this.#takeOver();
    }
  }

  /** The database of the redo log is current, unlike this host's own copy. */
  #takeOver(): void {
    const statefile = this.statefile;
    const { storage, disk } = this.#host.ports;
    this.#tryStatefile(() => {
      if (statefile !== null) {
        const logs = storage.readStatefile(statefile.srUuid, statefile.redoLogUuid);
        const text = logs["database"];
        if (text !== undefined) {
          disk.write("state.db", text);
        }
      }
    });
    this.#host.changeRole({ type: "coordinator" });
  }
}
