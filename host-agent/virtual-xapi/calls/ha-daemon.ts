/**
 * The HA daemon of a host: heartbeats over the network and through the statefile, the live set, the
 * rule who survives, and the choice of a new coordinator. It knows no database: the coordinator may
 * be gone.
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
  /** The writer's clock: two slots are the same only if this is. */
  readonly atMs: number;
  readonly sees: readonly string[];
  readonly excluded: boolean;
  /** Uuid of the host that this one holds for the coordinator. */
  readonly coordinator: string;
}

interface PeerView {
  heardAtMs: number;
  /** Heard at all since this daemon watches; the clock above starts with a guess. */
  heard: boolean;
  /** Whether it said that it reads the statefile. */
  seesStatefile: boolean;
  slot: Slot | null;
  slotChangedAtMs: number;
  /** Whether the slot changed under this daemon's eyes; an old one proves nothing. */
  slotIsFresh: boolean;
}

export type PeerState = "live" | "lost" | "failed" | "excluded";

export interface HeartbeatReply {
  readonly seesStatefile: boolean;
  readonly excluded: boolean;
}

const MS_PER_S = 1_000;
/**
 * Hosts notice a fault some beats apart: nobody judges before all had time to write what they see.
 */
const SETTLE_BEATS = 4;
/**
 * A silent host counts as failed only this much later than it must have fenced itself: its guests
 * may be started elsewhere then.
 */
const FAILED_BEATS = 2 * SETTLE_BEATS;
/** A returning host looks on this long, so that it knows whose word is fresh. */
const JOIN_BEATS = 3;
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
  #faultSinceMs: number | null = null;
  #beatsUnjoined = 0;
  #peers: readonly HaPeer[] | null = null;

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
    this.#peers ??= JSON.parse(this.#host.local.get("ha.peers") ?? "[]") as readonly HaPeer[];
    return this.#peers;
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
    this.#peers = null;
    local.set("ha.statefile", JSON.stringify(setup.statefile));
    local.set("ha.base_t", String(setup.baseTimeoutS));
  }

  /** Begins to take part. Throws `StorageUnreachable`. */
  join(): void {
    this.#reset();
    this.#joined = true;
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
    this.#peers = null;
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
      view.heard = true;
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
    const failedAfterMs = this.baseTimeoutMs + FAILED_BEATS * this.#host.timing.haHeartbeatMs;
    const lastSignMs = Math.max(view.heardAtMs, view.slotChangedAtMs);
    return nowMs - lastSignMs < failedAfterMs ? "lost" : "failed";
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
      // Who has not joined is nobody yet: its word would keep others waiting.
      if (this.#joined) {
        this.#writeSlot();
      }
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
        heard: false,
        seesStatefile: true,
        slot: null,
        slotChangedAtMs: nowMs,
        slotIsFresh: false,
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
      this.#host.ports.watchdog?.feed(this.baseTimeoutMs);
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
      atMs: this.#nowMs(),
      sees: this.#mySight(),
      excluded: this.#excluded,
      coordinator: this.#coordinatorUuid(),
    };
    const { storage } = this.#host.ports;
    const text = JSON.stringify(slot);
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
      const slot = JSON.parse(text) as Slot;
      const before = view.slot;
      if (before?.atMs !== slot.atMs) {
        if (before !== null) {
          view.slotChangedAtMs = nowMs;
          view.slotIsFresh = true;
        }
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
          view.heard = true;
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
      const heard = [...this.#views.values()].some((view) => view.heard && !isSilent(view));
      this.#beatsUnjoined += 1;
      if (heard && this.seesStatefile && this.#beatsUnjoined > JOIN_BEATS) {
        this.#joinOrYield();
      }
      return;
    }
    const reason = this.#faultOf(
      silent.map(([uuid]) => uuid),
      isSilent,
    );
    if (reason === null) {
      this.#faultSinceMs = null;
      return;
    }
    this.#faultSinceMs ??= nowMs;
    if (nowMs - this.#faultSinceMs >= SETTLE_BEATS * this.#host.timing.haHeartbeatMs) {
      this.#fence(reason);
    }
  }

  /** Why this host would have to go, as far as everybody has written what they see. */
  #faultOf(silent: readonly string[], isSilent: (view: PeerView) => boolean): string | null {
    if (!this.seesStatefile) {
      const othersSeeIt = [...this.#views.values()].some(
        (view) => !isSilent(view) && view.seesStatefile,
      );
      return othersSeeIt || silent.length > 0 ? "it lost the statefile" : null;
    }
    const partitioned = silent.some((uuid) => this.#isWriting(uuid));
    return partitioned && !this.#isInBestPartition()
      ? "it is cut off from the larger part of the pool"
      : null;
  }

  /** Alive by the statefile, whatever the network says. */
  #isWriting(uuid: string): boolean {
    const view = this.#views.get(uuid);
    return (
      view !== undefined &&
      view.slot?.excluded !== true &&
      this.#nowMs() - view.slotChangedAtMs < this.baseTimeoutMs
    );
  }

  /**
   * Groups of hosts that see each other; the largest survives, then the one with the first host.
   */
  #isInBestPartition(): boolean {
    const { hostUuid } = this.#host.node;
    const order = this.peers
      .map((peer) => peer.uuid)
      .filter((uuid) => this.stateOf(uuid) === "live" || this.#isWriting(uuid));
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
    const isGone = ["failed", "excluded"].includes(this.stateOf(current));
    if (!isGone) {
      return;
    }
    const claimant = this.#claimant();
    const first = this.#heardPeers()[0];
    if (claimant !== undefined) {
      this.#host.changeRole({ type: "supporter", address: claimant.address });
    } else if (first?.uuid === hostUuid) {
      this.#takeOver();
    }
  }

  /** This host and those that really answered. */
  #heardPeers(): readonly HaPeer[] {
    return this.peers.filter(
      (peer) =>
        peer.uuid === this.#host.node.hostUuid ||
        (this.stateOf(peer.uuid) === "live" && this.#views.get(peer.uuid)?.heard === true),
    );
  }

  /** Another host that is live and holds itself for the coordinator. */
  #claimant(): HaPeer | undefined {
    return this.#heardPeers().find((peer) => {
      const view = this.#views.get(peer.uuid);
      return view?.slotIsFresh === true && view.slot?.coordinator === peer.uuid;
    });
  }

  /** A host that comes back accepts whoever coordinates by now, and joins after its restart. */
  #joinOrYield(): void {
    const claimant = this.#claimant();
    if (claimant === undefined || claimant.uuid === this.#coordinatorUuid()) {
      this.#markJoined();
    } else {
      this.#host.changeRole({ type: "supporter", address: claimant.address });
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
