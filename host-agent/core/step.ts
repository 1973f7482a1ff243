import type { Effect } from "./effect.ts";
import type { Domain, Input, Settings } from "./input.ts";
import type { JournalEvent, LeaveKind } from "./journal-event.ts";
import { hear, judge, linksOf, nextSilenceMs, peersOf, record, silenceMs } from "./liveness.ts";
import type { Judged } from "./liveness.ts";
import type { State } from "./state.ts";
import { lateLimitMs, suspectAfterMs, suspectPeerAfterMs, timing } from "./timing.ts";
import { ms, plain } from "./words.ts";

export interface Now {
  readonly monoMs: number;
}

/**
 * What one input changes and what follows from it. Effects come in the order in which they hold: a
 * record before what it explains. Never throws for anything that an adapter can say.
 */
export function step(state: State, input: Input, now: Now): Judged {
  switch (input.type) {
    case "Started":
      return started(state, input.previousEnd);
    case "Tick":
      return tick(state, now);
    case "LoopWasLate":
      return late(state, input.lateMs);
    case "BeatReceived":
      return hear(state, input.beat, { monoMs: now.monoMs, wallMs: input.receivedWallMs });
    case "BeatRefused":
      return refused(state, input);
    case "RoleRead":
      return roleRead(state, input);
    case "XapiAnswered":
      return xapiAnswered(state, input.isEmergency, now);
    case "XapiFailed":
      return { state: { ...state, xapi: { ...state.xapi, failure: input.reason } }, effects: [] };
    case "DomainsListed":
      return domainsListed(state, input.domains);
    case "DomainsUnknown":
      return { state: { ...state, domainsTrouble: input.reason }, effects: [] };
    case "SettingsRead":
      return settingsRead(state, input);
    case "StopAsked":
      return stopAsked(state, input.how, now);
  }
}

/** When the loop has to come back at the latest, on the same clock. */
export function nextWakeMs(state: State): number {
  return Math.min(state.nextBeatMs, nextSilenceMs(state));
}

function started(state: State, previousEnd: "clean" | "unclean" | "first"): Judged {
  const event: JournalEvent = {
    type: "AgentStarted",
    version: state.config.version,
    settingsRevision: state.settings.revision,
    previousEnd,
  };
  const inputs = {
    "settings from": state.settingsSource,
    peers: String(state.config.peers.length),
  };
  return { state, effects: [record(event, null, inputs)] };
}

function tick(state: State, now: Now): Judged {
  const judged = judge(state, now.monoMs);
  const xapi = judgeXapi(judged.state, now.monoMs);
  const refusals = reportRefusals(xapi.state, now.monoMs);
  const beats = sendBeats(refusals.state, now.monoMs);
  return {
    state: beats.state,
    effects: [...judged.effects, ...xapi.effects, ...refusals.effects, ...beats.effects],
  };
}

function sendBeats(state: State, monoMs: number): Judged {
  if (monoMs < state.nextBeatMs || state.isStopping) return { state, effects: [] };
  const { beatIntervalMs } = state.settings;
  // A late loop does not catch up with a burst: the rhythm goes on from now.
  const onTimeMs = state.nextBeatMs + beatIntervalMs;
  const nextBeatMs = onTimeMs > monoMs ? onTimeMs : monoMs + beatIntervalMs;
  const next = { ...state, nextBeatMs, beatSeq: state.beatSeq + 1 };
  return { state: next, effects: beatsTo(next, { monoMs, leaving: null }) };
}

function beatsTo(
  state: State,
  options: { monoMs: number; leaving: LeaveKind | null },
): readonly Effect[] {
  const hears = peersOf(state)
    .filter((peer) => linksOf(peer).some((link) => link.state === "heard"))
    .map((peer) => peer.uuid);
  return peersOf(state).flatMap((peer) =>
    linksOf(peer).map((link): Effect => {
      const silent = silenceMs(state, link, options.monoMs);
      return {
        type: "SendBeat",
        peer: peer.uuid,
        path: link.path,
        seq: state.beatSeq,
        hearsYou: silent !== null && silent < suspectPeerAfterMs(state.settings, peer),
        hears,
        role: state.role,
        digest: state.digest,
        beatIntervalMs: state.settings.beatIntervalMs,
        leaving: options.leaving,
      };
    }),
  );
}

function late(state: State, lateMs: number): Judged {
  if (lateMs < lateLimitMs(state.settings)) return { state, effects: [] };
  const next = { ...state, lateTotalMs: state.lateTotalMs + lateMs };
  // Shorter than half of what makes a host suspected, it changed nothing that anybody would ask
  // about.
  if (lateMs < suspectAfterMs(state.settings) / 2) return { state: next, effects: [] };
  const event: JournalEvent = { type: "AgentStalled", stalledMs: plain(lateMs) };
  return { state: next, effects: [record(event, "own-lateness-is-nobodys-silence")] };
}

function refused(state: State, input: Extract<Input, { type: "BeatRefused" }>): Judged {
  const { path, reason, peer: uuid, count } = input;
  const known = state.refusals.find((entry) => entry.path === path) ?? { path, counts: {} };
  const counts = { ...known.counts, [reason]: (known.counts[reason] ?? 0) + count };
  const others = state.refusals.filter((entry) => entry.path !== path);
  const refusals = [...others, { path, counts }].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const peer = uuid === null ? undefined : state.peers[uuid];
  const link = peer?.links[path];
  if (peer === undefined || link === undefined) {
    return { state: { ...state, refusals }, effects: [] };
  }
  const links = { ...peer.links, [path]: { ...link, refusedBeats: link.refusedBeats + count } };
  const peers = { ...state.peers, [peer.uuid]: { ...peer, links } };
  return { state: { ...state, refusals, peers }, effects: [] };
}

/**
 * The first refusals are told soon, all later ones summed up: an attacker does not fill the
 * journal.
 */
function reportRefusals(state: State, monoMs: number): Judged {
  if (state.refusals.length === 0) return { state, effects: [] };
  const isFirst = state.refusalsReportedMs === state.startedMs;
  const waitMs = isFirst ? suspectAfterMs(state.settings) : timing.refusalReportMs;
  if (monoMs - state.refusalsReportedMs < waitMs) return { state, effects: [] };
  const effects = state.refusals.map(({ path, counts }) =>
    record({ type: "BeatsRefused", path, counts: { ...counts } }, "refused-datagrams-summed-up"),
  );
  return { state: { ...state, refusals: [], refusalsReportedMs: monoMs }, effects };
}

function roleRead(state: State, input: Extract<Input, { type: "RoleRead" }>): Judged {
  const { role, coordinatorAddress } = input;
  if (role === state.role && coordinatorAddress === state.coordinatorAddress) {
    return { state, effects: [] };
  }
  const before = { "role before": state.role };
  return {
    state: { ...state, role, coordinatorAddress },
    effects: [record({ type: "RoleChanged", role, coordinatorAddress }, "pool-conf-says", before)],
  };
}

function xapiSilenceMs(state: State, monoMs: number): number {
  return monoMs - (state.xapi.lastAnswerMs ?? state.startedMs);
}

function xapiAnswered(state: State, isEmergency: boolean, now: Now): Judged {
  const silentMs = plain(xapiSilenceMs(state, now.monoMs));
  const wasSilent = state.xapi.state === "silent";
  const xapi = { state: "answers", lastAnswerMs: now.monoMs, isEmergency, failure: null } as const;
  const inputs = { "emergency mode": isEmergency ? "yes" : "no" };
  const effects = wasSilent
    ? [record({ type: "XapiAnswered", silentMs }, "xapi-answered-a-probe", inputs)]
    : [];
  return { state: { ...state, xapi }, effects };
}

function judgeXapi(state: State, monoMs: number): Judged {
  const { xapi, settings } = state;
  const silentMs = plain(xapiSilenceMs(state, monoMs));
  const limit = settings.xapiProbeTimeoutMs + settings.xapiProbeIntervalMs;
  if (xapi.state === "silent" || xapi.failure === null || silentMs < limit) {
    return { state, effects: [] };
  }
  const inputs = { "last failure": xapi.failure, limit: ms(limit) };
  return {
    state: { ...state, xapi: { ...xapi, state: "silent" } },
    effects: [record({ type: "XapiSilent", silentMs }, "xapi-silent-after-probes", inputs)],
  };
}

function domainsListed(state: State, listed: readonly Domain[]): Judged {
  const domains = listed.toSorted((a, b) => (a.vm < b.vm ? -1 : 1));
  const before = new Set((state.domains ?? []).map(({ vm }) => vm));
  const after = new Set(domains.map(({ vm }) => vm));
  const rule = state.domains === null ? "first-list" : "list-differs";
  const appeared = domains
    .filter(({ vm }) => !before.has(vm))
    .map(({ vm, name, state: word }) =>
      record({ type: "DomainAppeared", vm, vmName: name }, rule, { state: word }),
    );
  const gone = (state.domains ?? [])
    .filter(({ vm }) => !after.has(vm))
    .map(({ vm, name }) => record({ type: "DomainGone", vm, vmName: name }, rule));
  return {
    state: {
      ...state,
      domains,
      domainsTrouble: null,
      digest: digestOf(domains.map(({ vm }) => vm)),
    },
    effects: [...gone, ...appeared],
  };
}

/** FNV-1a over the sorted uuids: peers compare it, nobody trusts it as proof. */
function digestOf(vms: readonly string[]): string {
  let hash = 0x81_1c_9d_c5;
  for (const unit of vms.join(",")) {
    hash = Math.imul(hash ^ (unit.codePointAt(0) ?? 0), 0x01_00_01_93);
  }
  return `${vms.length}-${(hash >>> 0).toString(16).padStart(8, "0")}`;
}

function settingsRead(state: State, input: Extract<Input, { type: "SettingsRead" }>): Judged {
  const kept = state.settings.revision;
  if (input.status === "refused") return settingsRefused(state, input.revision, input.problems);
  const { settings } = input;
  const changes = changesBetween(state.settings, settings);
  if (changes.length === 0) {
    return { state: { ...state, settingsSource: "pool", settingsProblems: [] }, effects: [] };
  }
  if (settings.revision < kept) {
    const problem = `revision ${settings.revision} is older than revision ${kept} in force here`;
    return settingsRefused(state, settings.revision, [problem]);
  }
  return {
    state: {
      ...state,
      settings,
      settingsSource: "pool",
      settingsProblems: [],
    },
    effects: [
      record(
        { type: "SettingsApplied", revision: settings.revision, changes },
        "settings-of-the-pool-are-valid",
        { "revision before": String(kept) },
      ),
      { type: "KeepSettings", settings },
    ],
  };
}

function settingsRefused(
  state: State,
  revision: number | null,
  problems: readonly string[],
): Judged {
  // Read every few seconds, told once.
  if (problems.join("\n") === state.settingsProblems.join("\n")) return { state, effects: [] };
  const event: JournalEvent = {
    type: "SettingsRefused",
    revision,
    problems: [...problems],
    keptRevision: state.settings.revision,
  };
  return {
    state: { ...state, settingsProblems: problems },
    effects: [record(event, "settings-of-the-pool-are-invalid")],
  };
}

function changesBetween(before: Settings, after: Settings): string[] {
  const keys = Object.keys(after) as (keyof Settings)[];
  return keys
    .filter((key) => before[key] !== after[key])
    .map((key) => `${key} ${before[key]} to ${after[key]}`);
}

function stopAsked(state: State, how: LeaveKind, now: Now): Judged {
  if (state.isStopping) return { state, effects: [] };
  const next = { ...state, isStopping: true, beatSeq: state.beatSeq + 1 };
  const reason = how === "agent-stop" ? "asked" : "host-shutdown";
  return {
    state: next,
    effects: [
      record({ type: "LeaveAnnounced", how }, "a-stop-was-asked-for"),
      ...beatsTo(next, { monoMs: now.monoMs, leaving: how }),
      record({ type: "AgentStopped", reason }, null),
    ],
  };
}
