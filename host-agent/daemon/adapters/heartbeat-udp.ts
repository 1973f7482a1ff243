import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import type { HostFile } from "../../contract/settings.ts";
import type { SendBeatEffect } from "../../core/effect.ts";
import type { Input } from "../../core/input.ts";
import type { Feed, Heartbeats } from "../ports.ts";
import { agentVersion, protocolVersion } from "../version.ts";
import { BeatGuard } from "./beat-guard.ts";
import { beatKey, decodeBeat, encodeBeat, markOf, shortMarkOf } from "./beat-wire.ts";
import type { WireBeat } from "./beat-wire.ts";
import type { Clock } from "./clock.ts";

/* One socket per path, bound to that path's own address, so that a beat says which way it came. */

export interface HeartbeatOptions {
  readonly hostFile: HostFile;
  readonly poolKey: Buffer;
  readonly boot: string;
  readonly clock: Clock;
  readonly feed: Feed;
  readonly tell: (sentence: string) => void;
}

interface Way {
  readonly name: string;
  readonly mark: string;
  readonly localAddress: string;
  socket: Socket | null;
  retry: NodeJS.Timeout | null;
  isBroken: boolean;
}

const rebindMs = 2_000;

export class UdpHeartbeats implements Heartbeats {
  readonly #options: HeartbeatOptions;
  readonly #key: Buffer;
  readonly #instance = nonce();
  readonly #guard = new BeatGuard(nonce);
  readonly #ways: readonly Way[];
  readonly #peersByMark: ReadonlyMap<string, string>;
  readonly #hostsByShortMark: ReadonlyMap<string, string>;
  readonly #selfMark: string;
  readonly #poolMark: string;
  /** by peer and path: the peer's stamp to echo, and when it came */
  readonly #heardStamps = new Map<string, { sentMonoMs: number; atMs: number }>();
  /** by path, reason and peer: told once per turn of the loop, however many there were */
  readonly #refused = new Map<string, Extract<Input, { type: "BeatRefused" }>>();
  #received = 0;
  #isClosed = false;

  constructor(options: HeartbeatOptions) {
    const { hostFile } = options;
    this.#options = options;
    this.#key = beatKey(options.poolKey);
    this.#selfMark = markOf(hostFile.host.uuid);
    this.#poolMark = markOf(hostFile.poolUuid);
    const uuids = hostFile.peers.map((peer) => peer.uuid);
    this.#peersByMark = new Map(uuids.map((uuid) => [markOf(uuid), uuid]));
    const all = [...uuids, hostFile.host.uuid];
    this.#hostsByShortMark = new Map(all.map((uuid) => [shortMarkOf(uuid), uuid]));
    this.#ways = hostFile.paths.map(({ name, localAddress }) => {
      const mark = shortMarkOf(name);
      return { name, mark, localAddress, socket: null, retry: null, isBroken: false };
    });
    for (const way of this.#ways) this.#open(way);
  }

  send(effect: SendBeatEffect): void {
    const way = this.#ways.find(({ name }) => name === effect.path);
    const target = this.#options.hostFile.peers.find(({ uuid }) => uuid === effect.peer)?.addresses[
      effect.path
    ];
    if (way === undefined || way.socket === null || target === undefined) return;
    const datagram = encodeBeat(this.#wireBeat(effect, way), this.#key);
    // A path without a route fails here again and again; the peers' silence says it well enough.
    way.socket.send(datagram, target.port, target.address, () => undefined);
  }

  received(): number {
    return this.#received;
  }

  /**
   * Feeds what was refused since the last call. Every datagram is looked at, so that nobody
   * silences a peer by flooding with its address; what a flood leaves behind is bounded here.
   */
  flushRefusals(): void {
    for (const input of this.#refused.values()) this.#options.feed(input);
    this.#refused.clear();
  }

  /** Sentences about paths whose socket could not be bound. */
  troubles(): readonly string[] {
    return this.#ways
      .filter((way) => way.isBroken)
      .map((way) => `path ${way.name}: ${way.localAddress} cannot be bound`);
  }

  close(): void {
    this.#isClosed = true;
    for (const way of this.#ways) {
      if (way.retry !== null) clearTimeout(way.retry);
      way.socket?.close();
      way.socket = null;
    }
  }

  #open(way: Way): void {
    if (this.#isClosed) return;
    const socket = createSocket({ type: way.localAddress.includes(":") ? "udp6" : "udp4" });
    socket.on("message", (datagram) => this.#take(way, datagram));
    socket.on("listening", () => {
      if (way.isBroken) this.#options.tell(`Path ${way.name} is bound to ${way.localAddress}.`);
      way.isBroken = false;
      way.socket = socket;
    });
    socket.on("error", (error) => {
      if (!way.isBroken) this.#options.tell(`Path ${way.name}: ${error.message}; trying again.`);
      way.isBroken = true;
      way.socket = null;
      try {
        socket.close();
      } catch {
        // A socket that never opened needs no closing.
      }
      if (this.#isClosed) return;
      way.retry = setTimeout(() => this.#open(way), rebindMs);
    });
    socket.bind({ address: way.localAddress, port: this.#options.hostFile.udpPort });
  }

  #wireBeat(effect: SendBeatEffect, way: Way): WireBeat {
    const { boot, clock } = this.#options;
    const stamp = this.#heardStamps.get(`${effect.peer} ${way.name}`);
    const monoMs = clock.monoMs();
    return {
      protocol: protocolVersion,
      pool: this.#poolMark,
      from: this.#selfMark,
      to: markOf(effect.peer),
      path: way.mark,
      instance: this.#instance,
      seq: effect.seq,
      hearsYou: effect.hearsYou,
      role: effect.role,
      leaving: effect.leaving,
      sentMonoMs: monoMs,
      sentWallMs: clock.wallMs(),
      echo: stamp === undefined ? null : { monoMs: stamp.sentMonoMs, heldMs: monoMs - stamp.atMs },
      challenge: this.#guard.questionFor(effect.peer),
      echoes: this.#guard.echoesFor(effect.peer),
      beatIntervalMs: effect.beatIntervalMs,
      boot,
      version: agentVersion,
      digest: effect.digest,
      hears: effect.hears.map(shortMarkOf),
    };
  }

  #take(way: Way, datagram: Buffer): void {
    this.#received += 1;
    const decoded = decodeBeat(datagram, this.#key);
    if (decoded.status === "refused") return this.#refuse(way, decoded.reason, null);
    const { beat } = decoded;
    const peer = this.#peersByMark.get(beat.from) ?? null;
    const reason = this.#misdirected(way, beat, peer);
    if (reason !== null || peer === null) {
      return this.#refuse(way, reason ?? "unknown-sender", peer);
    }
    this.#count(way, beat, peer);
  }

  #count(way: Way, beat: WireBeat, peer: string): void {
    const { clock, feed } = this.#options;
    const verdict = this.#guard.judge(peer, way.name, beat);
    if (verdict.status === "refused") return this.#refuse(way, verdict.reason, peer);
    const monoMs = clock.monoMs();
    this.#heardStamps.set(`${peer} ${way.name}`, { sentMonoMs: beat.sentMonoMs, atMs: monoMs });
    if (verdict.status === "greeting") return;
    feed({
      type: "BeatReceived",
      receivedWallMs: clock.wallMs(),
      beat: {
        peer,
        path: way.name,
        boot: beat.boot,
        instance: beat.instance,
        seq: beat.seq,
        hearsUs: beat.hearsYou,
        hears: beat.hears.flatMap((mark) => this.#hostsByShortMark.get(mark) ?? []),
        role: beat.role,
        version: beat.version,
        digest: beat.digest,
        beatIntervalMs: beat.beatIntervalMs === 0 ? null : beat.beatIntervalMs,
        leaving: beat.leaving,
        sentWallMs: beat.sentWallMs,
        roundTripMs: roundTrip(beat, monoMs),
      },
    });
  }

  /** Authentic, but not from this pool, on this path, to this host: why; null when it is right. */
  #misdirected(way: Way, beat: WireBeat, peer: string | null): string | null {
    if (Math.abs(beat.protocol - protocolVersion) > 1) return "protocol";
    if (beat.pool !== this.#poolMark) return "wrong-pool";
    if (beat.from === this.#selfMark) return "reflected";
    if (beat.to !== this.#selfMark) return "wrong-target";
    if (beat.path !== way.mark) return "wrong-path";
    return peer === null ? "unknown-sender" : null;
  }

  #refuse(way: Way, reason: string, peer: string | null): void {
    const key = `${way.name} ${reason} ${peer ?? ""}`;
    const count = (this.#refused.get(key)?.count ?? 0) + 1;
    this.#refused.set(key, { type: "BeatRefused", path: way.name, reason, peer, count });
  }
}

/** Longer ones are no measurement any more: a held back datagram, or a stamp of another boot. */
const roundTripMsMax = 60_000;

function roundTrip(beat: WireBeat, monoMs: number): number | null {
  if (beat.echo === null) return null;
  const trip = monoMs - beat.echo.monoMs - beat.echo.heldMs;
  // Both clocks are read with small errors of their own.
  if (trip < -5 || trip > roundTripMsMax) return null;
  return Math.max(0, trip);
}

function nonce(): string {
  return randomBytes(8).toString("hex");
}
