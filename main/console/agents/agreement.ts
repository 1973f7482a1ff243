import type { AgentStatus } from "../../../host-agent/contract/control.ts";
import type { Agreement } from "../../contract/agents.ts";
import type { AgentMember } from "./members.ts";

/* What XAPI says and what an agent says, side by side. Pure. */

export interface XapiView {
  /** false: what follows is old */
  readonly isLive: boolean;
  readonly members: readonly AgentMember[];
  /** host uuids that XAPI calls live */
  readonly live: ReadonlySet<string>;
  /** uuids of guests that XAPI says run on a host, by host uuid */
  readonly running: ReadonlyMap<string, ReadonlySet<string>>;
}

/** null status: the agent says nothing now. */
export function agreementsOf(
  host: AgentMember,
  status: AgentStatus | null,
  xapi: XapiView,
): Agreement[] {
  return [
    roleOf(host, status, xapi),
    ...liveOf(host, status, xapi),
    ...runningOf(host, status, xapi),
  ];
}

const silent = "no answer";

function compared(
  what: Agreement["what"],
  about: string,
  said: { readonly xapi: string | null; readonly agent: string | null; readonly claim: string },
): Agreement {
  const { xapi, agent, claim } = said;
  const agrees = xapi === null || agent === null ? null : xapi === agent;
  const sentence =
    agrees === null
      ? `${claim}: ${xapi === null ? "XAPI" : "the agent"} says nothing now.`
      : agrees
        ? `${claim}: both say ${xapi ?? ""}.`
        : `${claim}: XAPI says ${xapi ?? ""}, the agent says ${agent ?? ""}.`;
  return { what, about, xapi: xapi ?? silent, agent: agent ?? silent, agrees, sentence };
}

function roleOf(host: AgentMember, status: AgentStatus | null, xapi: XapiView): Agreement {
  const agent = status === null || status.role === "unknown" ? null : status.role;
  return compared("role", host.name, {
    xapi: xapi.isLive ? (host.isCoordinator ? "coordinator" : "supporter") : null,
    agent,
    claim: `Role of “${host.name}”`,
  });
}

function liveOf(host: AgentMember, status: AgentStatus | null, xapi: XapiView): Agreement[] {
  return xapi.members
    .filter(({ uuid }) => uuid !== host.uuid)
    .map((peer) => {
      const seen = status?.peers.find((one) => one.host === peer.uuid)?.state;
      const isKnown = seen === "live" || seen === "suspected";
      return compared("live", peer.name, {
        xapi: xapi.isLive ? (xapi.live.has(peer.uuid) ? "live" : "not live") : null,
        agent: isKnown ? (seen === "live" ? "live" : "not live") : null,
        claim: `“${peer.name}” as “${host.name}” hears it`,
      });
    });
}

function runningOf(host: AgentMember, status: AgentStatus | null, xapi: XapiView): Agreement[] {
  const known = xapi.running.get(host.uuid);
  if (known === undefined) return [];
  const about = { what: "running-vms", about: host.name } as const;
  const claim = `VMs on “${host.name}”`;
  if (status === null || !xapi.isLive) {
    const xapiSays = xapi.isLive ? vms(known.size) : null;
    const agent = status === null ? null : vms(status.domains.length);
    return [compared(about.what, about.about, { xapi: xapiSays, agent, claim })];
  }
  const found = new Set(status.domains.map(({ vm }) => vm));
  const others = [...found].filter((vm) => !known.has(vm)).length;
  const missing = [...known].filter((vm) => !found.has(vm)).length;
  const agrees = others === 0 && missing === 0;
  const sentence = agrees
    ? `${claim}: both name the same ${vms(known.size)}.`
    : `${claim}: the agent sees ${others} that XAPI does not name, and misses ${missing}.`;
  return [{ ...about, xapi: vms(known.size), agent: vms(found.size), agrees, sentence }];
}

function vms(count: number): string {
  return count === 1 ? "1 VM" : `${count} VMs`;
}
