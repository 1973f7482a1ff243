import type { AgentHost, AgentsItem } from "../../main/contract/agents.ts";
import type { ConsoleError } from "../../main/contract/errors.ts";

type Head = Pick<
  Extract<AgentsItem, { kind: "snapshot" }>,
  "bundle" | "login" | "preflight" | "run"
>;

/** The agents of a pool in the window; `head` is null until the first snapshot. */
export interface AgentsFacts {
  readonly status: "loading" | "ready" | "failed";
  readonly error: ConsoleError | null;
  readonly head: Head | null;
  readonly hosts: ReadonlyMap<string, AgentHost>;
}

export const noAgents: AgentsFacts = {
  status: "loading",
  error: null,
  head: null,
  hosts: new Map(),
};

const applyOne = (facts: AgentsFacts, item: AgentsItem): AgentsFacts => {
  if (item.kind === "snapshot") {
    const { bundle, login, preflight, run, hosts } = item;
    return {
      status: "ready",
      error: null,
      head: { bundle, login, preflight, run },
      hosts: new Map(hosts.map((host) => [host.hostUuid, host])),
    };
  }
  // A patch before the first snapshot has nothing to change.
  if (facts.head === null) return facts;
  const hosts = new Map(facts.hosts);
  for (const uuid of item.removeUuids) hosts.delete(uuid);
  for (const host of item.hosts) hosts.set(host.hostUuid, host);
  const { head } = facts;
  return {
    ...facts,
    hosts,
    head: {
      bundle: item.bundle ?? head.bundle,
      login: item.login ?? head.login,
      preflight: item.preflight === undefined ? head.preflight : item.preflight,
      run: item.run === undefined ? head.run : item.run,
    },
  };
};

/** Items in the order they came. */
export const applyAgents = (facts: AgentsFacts, items: readonly AgentsItem[]): AgentsFacts =>
  items.reduce(applyOne, facts);
