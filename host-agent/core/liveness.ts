import type { Effect, RecordEffect } from "./effect.ts";
import type { Beat } from "./input.ts";
import type { JournalEvent } from "./journal-event.ts";
import type { Link, Peer, State } from "./state.ts";
import { suspectPeerAfterMs, timing } from "./timing.ts";
import { ms, plain } from "./words.ts";

/*
 * Who is heard. A watchman who dozed off cannot say that the street was silent: the agent's own
 * lateness is taken off every silence, and silence is judged only after all that had arrived was
 * read. The alternative, a longer time-out for everybody, would pay for one late loop with slow
 * detection of every real loss.
 */

export interface Judged {
  readonly state: State;
  readonly effects: readonly Effect[];
}

export function record(
  event: JournalEvent,
  rule: string | null,
  inputs: Readonly<Record<string, string>> = {},
): RecordEffect {
  const named = Object.entries(inputs).map(([name, value]) => ({ name, value }));
  return { type: "Record", event, rule, inputs: named };
}

/** Silence of a link so far, without the time in which this agent itself did not run. */
export function silenceMs(state: State, link: Link, monoMs: number): number | null {
  if (link.lastBeatMs === null) return null;
  return Math.max(0, monoMs - link.lastBeatMs - (state.lateTotalMs - link.lateMsAtBeat));
}

/** The shortest silence over all paths; null when no path was ever heard. */
function hostSilenceMs(state: State, peer: Peer, monoMs: number): number | null {
  const silences = linksOf(peer).flatMap((link) => silenceMs(state, link, monoMs) ?? []);
  return silences.length === 0 ? null : Math.min(...silences);
}

export function linksOf(peer: Peer): readonly Link[] {
  return Object.keys(peer.links)
    .toSorted()
    .flatMap((path) => peer.links[path] ?? []);
}

export function peersOf(state: State): readonly Peer[] {
  return Object.keys(state.peers)
    .toSorted()
    .flatMap((uuid) => state.peers[uuid] ?? []);
}

/** A counted beat came in. */
export function hear(state: State, beat: Beat, at: { monoMs: number; wallMs: number }): Judged {
  const peer = state.peers[beat.peer];
  const link = peer?.links[beat.path];
  if (peer === undefined || link === undefined) return { state, effects: [] };
  const { monoMs } = at;
  const isReboot = peer.boot !== null && peer.boot !== beat.boot;
  const silent = silenceMs(state, link, monoMs);
  const limit = suspectPeerAfterMs(state.settings, peer);
  const effects: Effect[] = [
    ...rebootRecords(peer, beat, isReboot),
    ...hostHeardRecords(state, peer, { beat, monoMs, isReboot }),
    ...pathHeardRecords(link, beat, { silent, isReboot }),
    ...leavingRecords(peer, beat),
  ];
  const sided = sides(state, link, { beat, monoMs });
  const clock = clockOf(state, peer, { beat, ...at });
  const heardLink: Link = {
    ...sided.link,
    state: "heard",
    lastBeatMs: monoMs,
    lateMsAtBeat: state.lateTotalMs,
    hearsUs: beat.hearsUs,
    roundTripMs: beat.roundTripMs ?? link.roundTripMs,
    margins: silent === null ? link.margins : sample(link, { silent, monoMs, limit }),
  };
  const heardPeer: Peer = {
    ...peer,
    ...clock.fields,
    state: beat.leaving === null ? "live" : "leaving",
    boot: beat.boot,
    instance: beat.instance,
    version: beat.version,
    role: beat.role,
    hears: beat.hears,
    digest: beat.digest,
    beatIntervalMs: beat.beatIntervalMs,
    leaving: beat.leaving,
    leavingSinceMs: beat.leaving === null ? null : (peer.leavingSinceMs ?? monoMs),
    links: { ...peer.links, [beat.path]: heardLink },
  };
  return {
    state: withPeer(state, heardPeer),
    effects: [...effects, ...sided.effects, ...clock.effects],
  };
}

/** Judges every silence; call it only from a loop that has read all that had arrived. */
export function judge(state: State, monoMs: number): Judged {
  let next = state;
  const effects: Effect[] = [];
  for (const { uuid } of peersOf(state)) {
    const paths = judgePaths(next, uuid, monoMs);
    next = paths.state;
    const host = judgeHost(next, uuid, monoMs);
    next = host.state;
    effects.push(...paths.effects, ...host.effects);
  }
  return { state: next, effects };
}

/** When `judge` can next have anything to say: the earliest moment a heard link falls silent. */
export function nextSilenceMs(state: State): number {
  const moments = peersOf(state).flatMap((peer) => {
    const limit = suspectPeerAfterMs(state.settings, peer);
    return linksOf(peer)
      .filter((link) => link.state === "heard" && link.lastBeatMs !== null)
      .map((link) => (link.lastBeatMs ?? 0) + (state.lateTotalMs - link.lateMsAtBeat) + limit);
  });
  return Math.min(Number.POSITIVE_INFINITY, ...moments);
}

function judgePaths(state: State, uuid: string, monoMs: number): Judged {
  const peer = state.peers[uuid];
  if (peer === undefined) return { state, effects: [] };
  const limit = suspectPeerAfterMs(state.settings, peer);
  const links: Record<string, Link> = { ...peer.links };
  const effects: Effect[] = [];
  for (const link of linksOf(peer)) {
    const silent = silenceMs(state, link, monoMs);
    if (link.state !== "heard" || silent === null || silent < limit) continue;
    const margins = sample(link, { silent, monoMs, limit });
    links[link.path] = { ...link, ...bothWays, state: "silent", margins };
    const missedBeats = Math.floor((silent * state.settings.suspectAfterMissedBeats) / limit);
    effects.push(
      record(
        { type: "PathSilent", peer: uuid, path: link.path, silentMs: plain(silent), missedBeats },
        "path-silent-after-missed-beats",
        { "silent for": ms(silent), limit: ms(limit) },
      ),
    );
  }
  if (effects.length === 0) return { state, effects };
  return { state: withPeer(state, { ...peer, links }), effects };
}

function judgeHost(state: State, uuid: string, monoMs: number): Judged {
  const peer = state.peers[uuid];
  if (peer === undefined || (peer.state !== "live" && peer.state !== "leaving")) {
    return { state, effects: [] };
  }
  const limit = suspectPeerAfterMs(state.settings, peer);
  const silent = hostSilenceMs(state, peer, monoMs);
  if (silent === null || silent < limit) return { state, effects: [] };
  const isExpected = peer.leaving !== null && !isLeaveOver(peer, monoMs);
  if (isExpected) return { state, effects: [] };
  const event: JournalEvent = {
    type: "HostSuspected",
    peer: uuid,
    silentMs: plain(silent),
    suspectAfterMs: limit,
    pathsSilent: linksOf(peer)
      .filter((link) => link.lastBeatMs !== null)
      .map((link) => link.path),
    coordinatorSeenBy: coordinatorSeenBy(state, uuid),
  };
  const rule =
    peer.leaving === null ? "suspect-after-missed-beats" : "suspect-after-the-leave-deadline";
  const inputs = {
    "silent for": ms(silent),
    limit: ms(limit),
    "beat every": ms(state.settings.beatIntervalMs),
    "own lateness": ms(state.lateTotalMs),
  };
  return {
    state: withPeer(state, { ...peer, state: "suspected" }),
    effects: [record(event, rule, inputs)],
  };
}

function isLeaveOver(peer: Peer, monoMs: number): boolean {
  if (peer.leaving === null || peer.leavingSinceMs === null) return true;
  return monoMs - peer.leavingSinceMs >= timing.leaveDeadlineMs[peer.leaving];
}

/** Hosts, this one too, that hear the host which called itself coordinator last. */
function coordinatorSeenBy(state: State, suspect: string): string[] {
  const self = state.config.host;
  const coordinator =
    state.role === "coordinator"
      ? self
      : peersOf(state).find((peer) => peer.role === "coordinator")?.uuid;
  if (coordinator === undefined) return [];
  const live = peersOf(state).filter((peer) => peer.state === "live" && peer.uuid !== suspect);
  const seers = live
    .filter((peer) => peer.uuid === coordinator || peer.hears.includes(coordinator))
    .map((peer) => peer.uuid);
  const isSeenHere = coordinator === self || live.some((peer) => peer.uuid === coordinator);
  return [...seers, ...(isSeenHere ? [self] : [])].toSorted();
}

function rebootRecords(peer: Peer, beat: Beat, isReboot: boolean): readonly Effect[] {
  if (!isReboot) return [];
  const announced = peer.leaving === "reboot" || peer.leaving === "shutdown";
  return [
    record(
      { type: "PeerRebooted", peer: peer.uuid, boot: beat.boot, announced },
      "another-boot-id",
      { "boot before": peer.boot ?? "none", "boot now": beat.boot },
    ),
  ];
}

function hostHeardRecords(
  state: State,
  peer: Peer,
  news: { beat: Beat; monoMs: number; isReboot: boolean },
): readonly Effect[] {
  if (peer.state !== "suspected") return [];
  const silentMs = plain(hostSilenceMs(state, peer, news.monoMs) ?? 0);
  return [
    record(
      { type: "HostHeardAgain", peer: peer.uuid, silentMs, sameBoot: !news.isReboot },
      "an-authentic-beat-arrived",
      { path: news.beat.path, boot: news.beat.boot },
    ),
  ];
}

function pathHeardRecords(
  link: Link,
  beat: Beat,
  news: { silent: number | null; isReboot: boolean },
): readonly Effect[] {
  const { peer, path } = beat;
  if (link.state === "never-heard" || news.isReboot) {
    const inputs = { boot: beat.boot, "round trip": ms(beat.roundTripMs ?? 0) };
    return [
      record(
        { type: "PathHeard", peer, path, peerBoot: beat.boot },
        "first-round-trip-with-this-boot",
        beat.roundTripMs === null ? { boot: beat.boot } : inputs,
      ),
    ];
  }
  if (link.state === "heard") return [];
  const silentMs = plain(news.silent ?? 0);
  return [
    record({ type: "PathHeardAgain", peer, path, silentMs }, "an-authentic-beat-arrived", {
      "silent for": ms(silentMs),
    }),
  ];
}

function leavingRecords(peer: Peer, beat: Beat): readonly Effect[] {
  if (beat.leaving === null || peer.leaving === beat.leaving) return [];
  return [
    record({ type: "PeerLeaving", peer: peer.uuid, how: beat.leaving }, "the-peer-announced-it"),
  ];
}

const bothWays = { oneWaySinceMs: null, isOneWayRecorded: false } as const;

/** Whether both directions work, judged on the peer's word; bounded in lines when it flaps. */
function sides(
  state: State,
  link: Link,
  news: { beat: Beat; monoMs: number },
): { link: Link; effects: readonly Effect[] } {
  const { beat, monoMs } = news;
  const { peer, path } = beat;
  if (beat.hearsUs) {
    if (!link.isOneWayRecorded) return { link: { ...link, ...bothWays }, effects: [] };
    const oneWayMs = plain(monoMs - (link.oneWaySinceMs ?? monoMs));
    const event: JournalEvent = { type: "PathBothWays", peer, path, oneWayMs };
    return { link: { ...link, ...bothWays }, effects: [record(event, "the-peer-hears-this-host")] };
  }
  const oneWaySinceMs = link.oneWaySinceMs ?? monoMs;
  const lastMs = link.oneWayRecordedMs;
  const isTooSoon = lastMs !== null && monoMs - lastMs < timing.oneWayReportMs;
  // A peer that just started cannot have heard this host yet: wait as long as for silence.
  const isSettled = monoMs - oneWaySinceMs >= state.settings.beatIntervalMs * 2;
  if (link.isOneWayRecorded || isTooSoon || !isSettled) {
    return { link: { ...link, oneWaySinceMs }, effects: [] };
  }
  return {
    link: { ...link, oneWaySinceMs, isOneWayRecorded: true, oneWayRecordedMs: monoMs },
    effects: [record({ type: "PathOneWay", peer, path }, "the-peer-does-not-hear-this-host")],
  };
}

/**
 * A round trip says when the peer's clock was read to within half of it (RFC 5905, section 8, with
 * the two inner stamps as one hold time). The best of recent readings counts.
 */
function clockOf(
  state: State,
  peer: Peer,
  news: { beat: Beat; monoMs: number; wallMs: number },
): { fields: Pick<Peer, "clock" | "clockReported">; effects: readonly Effect[] } {
  const { beat, monoMs, wallMs } = news;
  const { clock, clockReported } = peer;
  if (beat.roundTripMs === null) return { fields: { clock, clockReported }, effects: [] };
  const uncertaintyMs = beat.roundTripMs / 2;
  const reading = { offsetMs: beat.sentWallMs + uncertaintyMs - wallMs, uncertaintyMs };
  const moved = Math.abs(reading.offsetMs - (clockReported?.offsetMs ?? 0));
  const isChange = moved - uncertaintyMs >= state.settings.clockOffsetReportMs;
  const isTooSoon = clockReported !== null && monoMs - clockReported.atMs < timing.clockReportMs;
  if (!isChange || isTooSoon) return { fields: { clock: reading, clockReported }, effects: [] };
  const event: JournalEvent = {
    type: "ClockOffsetChanged",
    peer: peer.uuid,
    offsetMs: plain(reading.offsetMs),
    uncertaintyMs: plain(uncertaintyMs),
  };
  const inputs = { "round trip": ms(beat.roundTripMs), path: beat.path };
  return {
    fields: { clock: reading, clockReported: { offsetMs: reading.offsetMs, atMs: monoMs } },
    effects: [record(event, "clock-offset-moved", inputs)],
  };
}

/** The smallest margin of each bucket of time; a dozen buckets cover the last hour. */
function sample(
  link: Link,
  seen: { silent: number; monoMs: number; limit: number },
): Link["margins"] {
  const bucket = Math.floor(seen.monoMs / timing.marginBucketMs);
  const marginMs = seen.limit - seen.silent;
  const last = link.margins.at(-1);
  if (last?.bucket === bucket) {
    if (last.marginMs <= marginMs) return link.margins;
    return [...link.margins.slice(0, -1), { bucket, marginMs }];
  }
  const oldest = bucket - timing.marginBucketCount;
  return [...link.margins.filter((margin) => margin.bucket > oldest), { bucket, marginMs }];
}

function withPeer(state: State, peer: Peer): State {
  return { ...state, peers: { ...state.peers, [peer.uuid]: peer } };
}
