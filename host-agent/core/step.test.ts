import { describe as about, expect, test } from "vitest";
import { describe } from "./describe.ts";
import type { Effect } from "./effect.ts";
import type { Input, Settings } from "./input.ts";
import type { JournalEvent } from "./journal-event.ts";
import { initialState } from "./state.ts";
import type { State } from "./state.ts";
import { nextWakeMs, step } from "./step.ts";
import { why } from "./why.ts";

const settings: Settings = {
  revision: 4,
  beatIntervalMs: 500,
  suspectAfterMissedBeats: 6,
  xapiProbeIntervalMs: 2_000,
  xapiProbeTimeoutMs: 5_000,
  domainScanIntervalMs: 2_000,
  clockOffsetReportMs: 1_000,
  journalBytesMax: 67_108_864,
};

function fresh(): State {
  const peers = [{ uuid: "b", name: "beta", paths: ["mgmt"] }];
  const config = { host: "a", version: "1", peers };
  return initialState({ config, settings, settingsSource: "last-valid", monoMs: 0 });
}

/** What all these inputs at these moments lead to. */
function play(inputs: readonly (readonly [number, Input])[]): { state: State; effects: Effect[] } {
  let state = fresh();
  const effects: Effect[] = [];
  for (const [monoMs, input] of inputs) {
    const next = step(state, input, { monoMs });
    state = next.state;
    effects.push(...next.effects);
  }
  return { state, effects };
}

function eventsOf(effects: readonly Effect[]): JournalEvent[] {
  return effects.flatMap((effect) => (effect.type === "Record" ? [effect.event] : []));
}

about("settings", () => {
  const newer = { ...settings, revision: 5, beatIntervalMs: 1_000 };

  test("valid and newer ones come into force and are kept", () => {
    const { state, effects } = play([
      [0, { type: "SettingsRead", status: "valid", settings: newer }],
    ]);
    expect(state.settings).toEqual(newer);
    expect(eventsOf(effects)).toEqual([
      {
        type: "SettingsApplied",
        revision: 5,
        changes: ["revision 4 to 5", "beatIntervalMs 500 to 1000"],
      },
    ]);
    expect(effects.at(-1)).toEqual({ type: "KeepSettings", settings: newer });
  });

  test("refused ones are told once and change nothing", () => {
    const refused = {
      type: "SettingsRead",
      status: "refused",
      revision: 9,
      problems: ["beatIntervalMs: too small"],
    } as const;
    const { state, effects } = play([
      [0, refused],
      [5_000, refused],
    ]);
    expect(state.settings).toEqual(settings);
    expect(eventsOf(effects)).toEqual([
      {
        type: "SettingsRefused",
        revision: 9,
        problems: ["beatIntervalMs: too small"],
        keptRevision: 4,
      },
    ]);
  });

  test("an older revision does not come back into force", () => {
    const older = { ...newer, revision: 3 };
    const { state, effects } = play([
      [0, { type: "SettingsRead", status: "valid", settings: older }],
    ]);
    expect(state.settings.revision).toBe(4);
    expect(eventsOf(effects)).toMatchObject([{ type: "SettingsRefused", keptRevision: 4 }]);
  });
});

about("XAPI", () => {
  test("its silence is told once when a probe failed for long enough, and its return once", () => {
    const failed = { type: "XapiFailed", reason: "no answer" } as const;
    const { effects, state } = play([
      [1_000, { type: "XapiAnswered", isEmergency: false }],
      [3_000, failed],
      [7_999, { type: "Tick" }],
      [8_000, { type: "Tick" }],
      [9_000, failed],
      [9_500, { type: "Tick" }],
      [20_000, { type: "XapiAnswered", isEmergency: true }],
    ]);
    expect(eventsOf(effects)).toEqual([
      { type: "XapiSilent", silentMs: 7_000 },
      { type: "XapiAnswered", silentMs: 19_000 },
    ]);
    expect(state.xapi).toMatchObject({ state: "answers", isEmergency: true });
  });
});

about("domains", () => {
  test("the first list and every difference are written; a list that cannot be read changes nothing", () => {
    const web = { vm: "1", name: "web", state: "running" };
    const db = { vm: "2", name: null, state: "running" };
    const { effects } = play([
      [0, { type: "DomainsListed", domains: [web] }],
      [2_000, { type: "DomainsUnknown", reason: "xl took too long" }],
      [4_000, { type: "DomainsListed", domains: [db, web] }],
      [6_000, { type: "DomainsListed", domains: [db] }],
    ]);
    expect(eventsOf(effects)).toEqual([
      { type: "DomainAppeared", vm: "1", vmName: "web" },
      { type: "DomainAppeared", vm: "2", vmName: null },
      { type: "DomainGone", vm: "1", vmName: "web" },
    ]);
  });
});

about("role, stop, rhythm", () => {
  test("a role is told when it changes", () => {
    const supporter = {
      type: "RoleRead",
      role: "supporter",
      coordinatorAddress: "10.0.0.1",
    } as const;
    const { effects } = play([
      [0, supporter],
      [1, supporter],
    ]);
    expect(eventsOf(effects)).toEqual([
      { type: "RoleChanged", role: "supporter", coordinatorAddress: "10.0.0.1" },
    ]);
  });

  test("a stop is written before the peers are told, and no beat follows", () => {
    const { effects } = play([
      [0, { type: "StopAsked", how: "reboot" }],
      [0, { type: "StopAsked", how: "reboot" }],
      [9_000, { type: "Tick" }],
    ]);
    expect(effects.map(({ type }) => type)).toEqual(["Record", "SendBeat", "Record"]);
    expect(effects[1]).toMatchObject({ leaving: "reboot" });
    expect(eventsOf(effects)).toEqual([
      { type: "LeaveAnnounced", how: "reboot" },
      { type: "AgentStopped", reason: "host-shutdown" },
    ]);
  });

  test("a late loop sends one beat and goes on from there, without a burst", () => {
    const { state, effects } = play([
      [0, { type: "Tick" }],
      [10_000, { type: "Tick" }],
      [10_001, { type: "Tick" }],
    ]);
    expect(effects.map((effect) => (effect.type === "SendBeat" ? effect.seq : null))).toEqual([
      1, 2,
    ]);
    expect(nextWakeMs(state)).toBe(10_500);
  });

  test("a step leaves the state it was given as it was", () => {
    const state = fresh();
    const before = JSON.stringify(state);
    step(state, { type: "Tick" }, { monoMs: 10_000 });
    step(state, { type: "DomainsListed", domains: [] }, { monoMs: 10_000 });
    expect(JSON.stringify(state)).toBe(before);
  });
});

about("the printer", () => {
  const names = { b: "beta", c: "gamma" };
  const rows: readonly (readonly [JournalEvent, string])[] = [
    [
      { type: "AgentStarted", version: "1.2", settingsRevision: 3, previousEnd: "unclean" },
      "Agent 1.2 started after an end without a stop, with settings revision 3.",
    ],
    [{ type: "AgentStopped", reason: "asked" }, "Agent stopped when asked to."],
    [{ type: "AgentStopped", reason: "host-shutdown" }, "Agent stopped with the host."],
    [
      { type: "AgentStalled", stalledMs: 12_340 },
      "This agent itself did not run for 12.3 s; that time counts as nobody's silence.",
    ],
    [{ type: "PathHeard", peer: "b", path: "mgmt", peerBoot: "x" }, "beta is heard on path mgmt."],
    [
      { type: "PathSilent", peer: "b", path: "mgmt", silentMs: 3_000, missedBeats: 6 },
      "beta is silent on path mgmt for 3 s: 6 beats missed.",
    ],
    [
      { type: "PathHeardAgain", peer: "b", path: "mgmt", silentMs: 250_000 },
      "beta is heard again on path mgmt after 4 min 10 s.",
    ],
    [
      { type: "PathOneWay", peer: "b", path: "mgmt" },
      "beta is heard on path mgmt but says that it does not hear this host there.",
    ],
    [
      { type: "PathBothWays", peer: "b", path: "mgmt", oneWayMs: 7_200_000 },
      "beta hears this host on path mgmt again after 2 h 0 min.",
    ],
    [
      {
        type: "HostSuspected",
        peer: "b",
        silentMs: 3_010,
        suspectAfterMs: 3_000,
        pathsSilent: ["mgmt", "storage"],
        coordinatorSeenBy: ["c", "unknown-host"],
      },
      "beta is suspected: silent on 2 paths for 3 s, limit 3 s. The coordinator is heard by gamma and unknown-host.",
    ],
    [
      { type: "HostHeardAgain", peer: "b", silentMs: 900, sameBoot: true },
      "beta is live again in the same boot, heard after 900 ms.",
    ],
    [
      { type: "PeerRebooted", peer: "b", boot: "x", announced: false },
      "beta has rebooted without announcing it.",
    ],
    [
      { type: "PeerLeaving", peer: "b", how: "shutdown" },
      "beta shuts down on purpose; its silence is expected for a while.",
    ],
    [
      { type: "BeatsRefused", path: "mgmt", counts: { "wrong-key": 4, "older-boot": 1 } },
      "Datagrams refused on path mgmt: 1 of an earlier start of the sender and 4 not signed with the pool's key.",
    ],
    [{ type: "XapiSilent", silentMs: 7_000 }, "XAPI of this host has not answered for 7 s."],
    [{ type: "XapiAnswered", silentMs: 7_000 }, "XAPI of this host answers again after 7 s."],
    [
      { type: "RoleChanged", role: "coordinator", coordinatorAddress: null },
      "This host is the pool's coordinator.",
    ],
    [
      { type: "RoleChanged", role: "unknown", coordinatorAddress: null },
      "The role of this host in the pool is not known.",
    ],
    [{ type: "DomainAppeared", vm: "1", vmName: "web" }, "VM web runs on this host."],
    [{ type: "DomainGone", vm: "1", vmName: null }, "VM 1 no longer runs on this host."],
    [
      { type: "ClockOffsetChanged", peer: "b", offsetMs: -2_500, uncertaintyMs: 0.5 },
      "The clock of beta is 2.5 s behind this host's, give or take 0.5 ms.",
    ],
    [
      { type: "SettingsApplied", revision: 2, changes: ["beatIntervalMs 500 to 1000"] },
      "Settings revision 2 in force: beatIntervalMs 500 to 1000.",
    ],
    [
      {
        type: "SettingsRefused",
        revision: null,
        problems: ["the text is not JSON"],
        keptRevision: 1,
      },
      "Settings refused, revision 1 stays: the text is not JSON.",
    ],
    [
      { type: "JournalGap", lostLines: 1, reason: "no space left on device" },
      "1 line before this one could not be kept: no space left on device.",
    ],
    [
      { type: "LeaveAnnounced", how: "agent-stop" },
      "This host stops its agent on purpose and tells its peers.",
    ],
  ];

  test.each(rows)("%s", (event, sentence) => {
    expect(describe(event, names)).toBe(sentence);
  });

  test("no sentence calls a silent host what only a proof could", () => {
    const words = /\b(dead|(?<!shuts )down|crashed|failed host|master|slave|kill)/i;
    expect(
      rows.map(([event]) => describe(event, names)).filter((text) => words.test(text)),
    ).toEqual([]);
  });
});

about("why", () => {
  test("the last lines about a host, with their inputs and rule", () => {
    const line = {
      inputs: [
        { name: "silent for", value: "3000 ms" },
        { name: "limit", value: "3000 ms" },
      ],
      rule: "suspect-after-missed-beats",
    };
    const event = {
      type: "PathSilent",
      peer: "b",
      path: "m",
      silentMs: 1,
      missedBeats: 1,
    } as const;
    const lines = [
      { ...line, seq: 1, event: { type: "AgentStopped", reason: "asked" } as const, text: "Own." },
      { ...line, seq: 2, event, text: "Silent." },
    ];
    expect(why(lines, "b", { b: "beta" })).toEqual({
      sentences: [
        "Silent. Seen: silent for 3000 ms and limit 3000 ms. Rule: suspect-after-missed-beats.",
      ],
      seqs: [2],
    });
    expect(why(lines, "c", { c: "gamma" }).sentences).toEqual([
      "The journal has no line about gamma.",
    ]);
  });
});
