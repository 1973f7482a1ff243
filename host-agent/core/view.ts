import { linksOf, peersOf, silenceMs } from "./liveness.ts";
import type { Link, State } from "./state.ts";
import { suspectPeerAfterMs } from "./timing.ts";
import { plain, span } from "./words.ts";

/* What the state says to somebody who asks now. */

export interface LinkView {
  readonly peer: string;
  readonly peerName: string;
  readonly path: string;
  readonly state: "never-heard" | "heard" | "one-way" | "silent";
  readonly lastBeatAgeMs: number | null;
  readonly suspectAfterMs: number;
  readonly marginMs: number | null;
  readonly worstMarginMs: number | null;
  readonly roundTripMs: number | null;
  readonly clockOffsetMs: number | null;
  readonly clockUncertaintyMs: number | null;
  readonly refusedBeats: number;
}

export function linkViews(state: State, monoMs: number): readonly LinkView[] {
  return peersOf(state).flatMap((peer) => {
    const limit = suspectPeerAfterMs(state.settings, peer);
    return linksOf(peer).map((link) => {
      const silent = silenceMs(state, link, monoMs);
      const marginMs = silent === null ? null : plain(limit - silent);
      const worst = link.margins.map((margin) => margin.marginMs);
      return {
        peer: peer.uuid,
        peerName: peer.name,
        path: link.path,
        state: wordFor(link),
        lastBeatAgeMs: link.lastBeatMs === null ? null : plain(monoMs - link.lastBeatMs),
        suspectAfterMs: limit,
        marginMs,
        worstMarginMs:
          marginMs === null || worst.length === 0 ? marginMs : plain(Math.min(marginMs, ...worst)),
        roundTripMs: link.roundTripMs === null ? null : plain(link.roundTripMs),
        clockOffsetMs: peer.clock === null ? null : plain(peer.clock.offsetMs),
        clockUncertaintyMs: peer.clock === null ? null : plain(peer.clock.uncertaintyMs),
        refusedBeats: link.refusedBeats,
      };
    });
  });
}

function wordFor(link: Link): LinkView["state"] {
  return link.state === "heard" && link.isOneWayRecorded ? "one-way" : link.state;
}

export interface XapiView {
  readonly state: "answers" | "silent" | "unknown";
  readonly lastAnswerAgeMs: number | null;
  readonly sentence: string;
}

export function xapiView(state: State, monoMs: number): XapiView {
  const { xapi } = state;
  const age = xapi.lastAnswerMs === null ? null : plain(monoMs - xapi.lastAnswerMs);
  return { state: xapi.state, lastAnswerAgeMs: age, sentence: xapiSentence(state, age) };
}

function xapiSentence(state: State, ageMs: number | null): string {
  const { xapi } = state;
  const since = ageMs === null ? "since this agent started" : `for ${span(ageMs)}`;
  const because = xapi.failure === null ? "" : ` Last: ${xapi.failure}.`;
  switch (xapi.state) {
    case "answers":
      return xapi.isEmergency ? "XAPI answers in emergency mode." : "XAPI answers.";
    case "silent":
      return `XAPI has not answered ${since}.${because}`;
    case "unknown":
      return `XAPI was not heard yet.${because}`;
  }
}
