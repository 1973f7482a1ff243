/** One XAPI: what a process per host runs, and what a simulator runs n times in one process. */
import type { Ports, PeerReply, PeerRequest } from "./ports.ts";
import type { Timing } from "./timing.ts";
import type { XapiGeneration } from "./generation.ts";

export interface NodeOptions {
  readonly ports: Ports;
  readonly timing: Timing;
  readonly generation: XapiGeneration;
  readonly hostUuid: string;
  /** Management address of this host, as written in `pool.conf` of the others. */
  readonly address: string;
  readonly poolSecret: string;
  /** Password of root, checked on TCP only. */
  readonly rootPassword: string;
  /** Further accounts (role-based access), e.g. a read-only one. */
  readonly users?: readonly NodeUser[];
  /** When the machine booted, ms since the epoch; tells a boot from a mere XAPI restart. */
  readonly bootedAtMs: number;
}

export interface NodeUser {
  readonly name: string;
  readonly password: string;
  readonly role: "read-only" | "vm-operator" | "vm-power-admin" | "pool-operator" | "pool-admin";
}

export interface HttpRequest {
  /** `/`, `/RPC2`, `/jsonrpc`; anything unknown is XML-RPC as well. */
  readonly path: string;
  readonly body: string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** `socket` is pre-authenticated as root. */
  readonly via: "tcp" | "socket";
  readonly peerAddress: string;
}

export interface HttpReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** What is going on inside, for a demo panel and for tests. */
export interface NodeInspection {
  readonly role: "coordinator" | "supporter" | "broken";
  readonly phase: "stopped" | "starting" | "emergency" | "running";
  /** Error code of the emergency mode, when in it. */
  readonly emergencyReason: string | null;
  readonly coordinatorAddress: string;
  readonly databaseGeneration: number;
  readonly sessions: number;
  readonly localSessions: number;
  readonly objects: number;
  /** A role change is written and the fuse burns. */
  readonly fuseLit: boolean;
}

export interface XapiNode {
  /**
   * Begins start-up and returns; requests are answered at once (with emergency errors at first).
   */
  start(): void;
  /**
   * Ends the process' work: loops stop, pending requests never answer. `clean` first writes the
   * database and announces the stop to the coordinator, as a service stop does; false is a kill.
   */
  stop(how: { readonly clean: boolean }): Promise<void>;
  handle(request: HttpRequest): Promise<HttpReply>;
  handlePeer(request: PeerRequest): Promise<PeerReply>;
  inspect(): NodeInspection;
}

export type CreateNode = (options: NodeOptions) => XapiNode;
