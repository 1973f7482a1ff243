import { describe, expect, it } from "vitest";
import type { AgentStatus } from "../../../host-agent/contract/control.ts";
import { agreementsOf } from "./agreement.ts";
import type { XapiView } from "./agreement.ts";
import type { AgentMember } from "./members.ts";

const member = (uuid: string, isCoordinator: boolean): AgentMember => ({
  uuid,
  name: `node ${uuid}`,
  address: "10.0.0.1",
  isCoordinator,
  pathAddresses: {},
});
const members = [member("a", true), member("b", false)] as const;
const xapi: XapiView = { isLive: true, members, live: new Set(["a", "b"]), running: new Map() };

function status(change: Partial<AgentStatus>): AgentStatus {
  const peer = { host: "b", name: "node b", boot: null, version: null, hears: [] };
  return {
    role: "coordinator",
    peers: [{ ...peer, state: "live", role: "supporter" }],
    domains: [],
    ...change,
  } as unknown as AgentStatus;
}

const said = (view: XapiView, own: AgentStatus | null): (boolean | null)[] =>
  agreementsOf(members[0], own, view).map(({ agrees }) => agrees);

describe("XAPI and an agent", () => {
  it("agree when both say the same", () => {
    expect(said(xapi, status({}))).toEqual([true, true]);
  });

  it("differ side by side on the role and on a host that XAPI still calls live", () => {
    const peers = status({}).peers.map((peer) => ({ ...peer, state: "suspected" as const }));
    const found = agreementsOf(members[0], status({ role: "supporter", peers }), xapi);
    expect(found.map(({ agrees, xapi: one, agent }) => [agrees, one, agent])).toEqual([
      [false, "coordinator", "supporter"],
      [false, "live", "not live"],
    ]);
  });

  it("say nothing about agreement while one of them is silent", () => {
    expect(said(xapi, null)).toEqual([null, null]);
    expect(said({ ...xapi, isLive: false }, status({}))).toEqual([null, null]);
  });

  it("do not agree on the number of VMs when they mean others", () => {
    const view = { ...xapi, running: new Map([["a", new Set(["v1"])]]) };
    const other = { vm: "v2", name: null, state: "running" };
    const same = { vm: "v1", name: null, state: "running" };
    const ofVms = (domains: AgentStatus["domains"]): boolean | null | undefined =>
      agreementsOf(members[0], status({ domains }), view).find(({ what }) => what === "running-vms")
        ?.agrees;
    expect(ofVms([same])).toBe(true);
    expect(ofVms([same, other])).toBe(false);
    expect(ofVms([other])).toBe(false);
  });
});
