import type { AgentStatus } from "../contract/control.ts";
import type { HostFile } from "../contract/settings.ts";
import type { HeardAnswer } from "../contract/verbs.ts";
import { linksOf, peersOf } from "../core/liveness.ts";
import type { State } from "../core/state.ts";
import { linkViews, xapiView } from "../core/view.ts";
import { agentVersion, protocolVersion } from "./version.ts";

/* Answers about now, from memory alone: no disk, no XAPI, no network stands between. */

export interface StatusInputs {
  readonly state: State;
  readonly hostFile: HostFile;
  readonly boot: string;
  readonly startedWallMs: number;
  readonly monoMs: number;
  readonly wallMs: number;
  readonly journal: { firstSeq: number; lastSeq: number; trouble: string | null };
}

export function statusOf(inputs: StatusInputs): AgentStatus {
  const { state, monoMs, journal } = inputs;
  const { trouble, firstSeq, lastSeq } = journal;
  return {
    v: 1,
    version: agentVersion,
    protocol: protocolVersion,
    host: state.config.host,
    hostName: inputs.hostFile.host.name,
    boot: inputs.boot,
    state: "observing",
    startedAtMs: inputs.startedWallMs,
    wallMs: inputs.wallMs,
    monoMs: Math.round(monoMs),
    role: state.role,
    coordinatorAddress: state.coordinatorAddress,
    xapi: xapiView(state, monoMs),
    peers: peersOf(state).map((peer) => ({
      host: peer.uuid,
      name: peer.name,
      state: peer.state,
      boot: peer.boot,
      version: peer.version,
      role: peer.role,
      hears: [...peer.hears],
    })),
    paths: linkViews(state, monoMs).map((view) => ({
      ...view,
      ...addressesOf(inputs.hostFile, view),
    })),
    domains: (state.domains ?? []).map((domain) => ({ ...domain })),
    settings: {
      revision: state.settings.revision,
      source: state.settingsSource,
      problems: [...state.settingsProblems],
    },
    journal: {
      firstSeq,
      lastSeq,
      writable: trouble === null,
      sentence: trouble ?? "Lines are written as they come.",
    },
  };
}

function addressesOf(
  hostFile: HostFile,
  link: { peer: string; path: string },
): { localAddress: string; peerAddress: string } {
  const peer = hostFile.peers.find(({ uuid }) => uuid === link.peer);
  return {
    localAddress: hostFile.paths.find(({ name }) => name === link.path)?.localAddress ?? "",
    peerAddress: peer?.addresses[link.path]?.address ?? "",
  };
}

export function heardOf(state: State, monoMs: number): HeardAnswer {
  const views = linkViews(state, monoMs);
  const everyLinkBothWays = peersOf(state).every((peer) =>
    linksOf(peer).every((link) => link.state === "heard" && link.hearsUs),
  );
  return {
    ok: true,
    host: state.config.host,
    version: agentVersion,
    isComplete: everyLinkBothWays,
    paths: views.map(({ peer, peerName, path, state: word, lastBeatAgeMs }) => ({
      peer,
      peerName,
      path,
      state: word,
      lastBeatAgeMs,
    })),
  };
}
