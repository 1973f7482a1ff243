import { timingSafeEqual } from "node:crypto";
import { Agent, request as httpsRequest } from "node:https";
import {
  PeerUnreachable,
  type PeerLink,
  type PeerReply,
  type PeerRequest,
} from "../virtual-xapi/ports.ts";
import type { NetworkGate } from "./network-gate.ts";
import type { MemberWire } from "./settings.ts";

/** Where members of a pool talk to each other; the pool secret opens it, nothing else does. */
export const peerPath = "/pool-internal";
export const secretHeader = "x-pool-secret";

/**
 * Single directions of the way between two members. Like a one-way street closed at one end: what
 * is on its way stays on its way until it is open again; nobody is told.
 */
export class LinkFaults {
  #lostTo: ReadonlySet<string> = new Set();
  #lostFrom: ReadonlySet<string> = new Set();
  #held: (() => void)[] = [];

  set(lostTo: readonly string[], lostFrom: readonly string[]): void {
    this.#lostTo = new Set(lostTo);
    this.#lostFrom = new Set(lostFrom);
    const held = this.#held;
    this.#held = [];
    for (const recheck of held) recheck();
  }

  async passedTo(address: string): Promise<void> {
    while (this.#lostTo.has(address)) await this.#changed();
  }

  async passedFrom(address: string): Promise<void> {
    while (this.#lostFrom.has(address)) await this.#changed();
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#held.push(resolve));
  }
}

export interface PeerWireOptions {
  readonly members: Readonly<Record<string, MemberWire>>;
  readonly gate: NetworkGate;
  readonly faults: LinkFaults;
}

export interface PeerWire extends PeerLink {
  close(): void;
}

/** Requests to other members over HTTPS, each member's own certificate pinned. */
export function createPeerWire(options: PeerWireOptions): PeerWire {
  const agents = new Map<string, Agent>();
  const agentOf = (address: string, member: MemberWire): Agent => {
    let agent = agents.get(address);
    if (agent === undefined) {
      agent = new Agent({
        keepAlive: true,
        ca: [member.certificatePem],
        // The certificate itself is the identity: it is the only one that can pass.
        checkServerIdentity: () => undefined,
      });
      agents.set(address, agent);
    }
    return agent;
  };

  const ask = async (
    address: string,
    request: PeerRequest,
    signal: AbortSignal,
  ): Promise<PeerReply> => {
    const member = options.members[address];
    if (member === undefined) throw new PeerUnreachable(`no route to ${address}`);
    await options.gate.passed();
    await options.faults.passedTo(address);
    if (signal.aborted) throw new PeerUnreachable(`${address} did not answer in time`);
    const body = await post(member, agentOf(address, member), { request, signal });
    await options.faults.passedFrom(address);
    await options.gate.passed();
    return JSON.parse(body) as PeerReply;
  };

  return {
    request(address, request, limit = {}) {
      const abort = new AbortController();
      const answer = ask(address, request, abort.signal);
      return limit.timeoutMs === undefined
        ? answer
        : withDeadline(answer, { address, timeoutMs: limit.timeoutMs, abort });
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
    },
  };
}

function withDeadline(
  answer: Promise<PeerReply>,
  limit: {
    readonly address: string;
    readonly timeoutMs: number;
    readonly abort: AbortController;
  },
): Promise<PeerReply> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      limit.abort.abort();
      reject(new PeerUnreachable(`${limit.address} did not answer in ${limit.timeoutMs} ms`));
    }, limit.timeoutMs);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function post(
  member: MemberWire,
  agent: Agent,
  what: { readonly request: PeerRequest; readonly signal: AbortSignal },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const body = Buffer.from(JSON.stringify(what.request), "utf8");
    const fail = (error: Error): void =>
      reject(new PeerUnreachable(`${member.dial.host}:${member.dial.port}: ${error.message}`));
    const sent = httpsRequest(
      {
        host: member.dial.host,
        port: member.dial.port,
        path: peerPath,
        method: "POST",
        agent,
        signal: what.signal,
        headers: {
          "content-type": "application/json",
          "content-length": body.length,
          [secretHeader]: what.request.poolSecret,
        },
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", fail);
        response.on("end", () => {
          if (response.statusCode === 200) resolve(Buffer.concat(parts).toString("utf8"));
          else fail(new Error(`HTTP ${response.statusCode}`));
        });
      },
    );
    sent.on("error", fail);
    sent.end(body);
  });
}

/** Constant in time, so that the secret cannot be found out letter by letter. */
export function isSameSecret(given: string | undefined, wanted: string): boolean {
  if (given === undefined) return false;
  const a = Buffer.from(given);
  const b = Buffer.from(wanted);
  return a.length === b.length && timingSafeEqual(a, b);
}
