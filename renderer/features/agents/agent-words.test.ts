import { describe, expect, test } from "vitest";
import type { AgentHost } from "../../../main/contract/agents.ts";
import type { Finding } from "../../../main/contract/install.ts";
import { marginWords, usedMargin, type Path } from "../../console/agent-paths.ts";
import { agentMark, orderFindings } from "./agent-words.ts";

const status = {} as NonNullable<AgentHost["status"]>;
const running = {
  state: "installed",
  version: "0.1.0",
  previousVersion: null,
  unit: "running",
} as const;

const host = (change: Partial<AgentHost>): AgentHost => ({
  hostUuid: "h",
  hostName: "h",
  address: "10.0.0.1",
  role: "supporter",
  link: { state: "connected", sentence: "", sinceMs: 0 },
  installed: running,
  status,
  statusAtMs: 0,
  isStale: false,
  clockOffsetMs: null,
  clockUncertaintyMs: null,
  drift: { state: "same", poolRevision: 0, hostRevision: 0, sentence: "" },
  agreements: [],
  ...change,
});

describe("the one mark of an agent", () => {
  test.each([
    { name: "running and heard", given: host({}), mark: "observing" },
    { name: "running, its words are old", given: host({ isStale: true }), mark: "agent-silent" },
    { name: "running, never heard", given: host({ status: null }), mark: "agent-silent" },
    {
      name: "failed",
      given: host({ installed: { ...running, unit: "failed" } }),
      mark: "agent-stopped",
    },
    { name: "absent", given: host({ installed: { state: "absent" } }), mark: "agent-absent" },
    { name: "unknown", given: host({ installed: { state: "unknown" } }), mark: "verdict-unknown" },
  ])("$name: $mark", ({ given, mark }) => {
    expect(agentMark(given)).toBe(mark);
  });

  test("no mark of an agent is that of a protection", () => {
    const states = [host({}), host({ isStale: true }), host({ installed: { state: "absent" } })];
    expect(states.map(agentMark).filter((mark) => mark.startsWith("pool-"))).toEqual([]);
  });
});

const path = (change: Partial<Path>): Path => ({
  peer: "p",
  peerName: "p",
  path: "management",
  localAddress: "",
  peerAddress: "",
  state: "heard",
  lastBeatAgeMs: 600,
  suspectAfterMs: 3000,
  marginMs: 2400,
  worstMarginMs: 2000,
  roundTripMs: 1,
  clockOffsetMs: 0,
  clockUncertaintyMs: 1,
  refusedBeats: 0,
  ...change,
});

describe("margin of a path", () => {
  test.each([
    { given: path({}), used: 0.2, words: "2.4 s of 3.0 s left" },
    {
      given: path({ lastBeatAgeMs: 9000, marginMs: -6000, state: "silent" }),
      used: 1,
      words: "0.0 s of 3.0 s left",
    },
    {
      given: path({ lastBeatAgeMs: null, marginMs: null, state: "never-heard" }),
      used: 1,
      words: "nothing heard",
    },
  ])("$words", ({ given, used, words }) => {
    expect([usedMargin(given), marginWords(given)]).toEqual([used, words]);
  });
});

test("failed findings come first, those not looked at before the passed", () => {
  const states = ["passed", "skipped", "failed", "review"] as const;
  const findings = states.map((state): Finding => ({
    id: state,
    state,
    title: "",
    sentence: "",
    evidence: "",
    fix: null,
  }));
  expect(orderFindings(findings).map((finding) => finding.state)).toEqual([
    "failed",
    "review",
    "skipped",
    "passed",
  ]);
});
