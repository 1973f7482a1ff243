import type { DemoAction, DemoState } from "../contract/demo.ts";
import type { AgentPorts } from "./agents/ports.ts";

/** What the backend needs from outside; each shell and each test supplies its own. */
export interface ConsolePorts {
  readonly clock: Clock;
  readonly secrets: SecretStore;
  readonly store: StateStore;
  /** absent where no demo pool can be started */
  readonly demo: DemoControl | null;
  readonly shell: "electron" | "browser" | "memory";
  /** for the ledger and messages: who sits at this console, such as "ana@jump-host" */
  readonly owner: string;
  /** absent: this console ships without an agent */
  readonly agents?: AgentPorts;
}

export interface Clock {
  /** milliseconds since the epoch, for display and for stamps */
  wallMs(): number;
  /** milliseconds of a clock that never steps, for ages and deadlines */
  monotonicMs(): number;
  /** resolves after the time, or at once when the signal aborts */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Passwords by key. `persistent` false: they end with the process, and the window says so. */
export interface SecretStore {
  readonly persistent: boolean;
  get(key: string): Promise<string | null>;
  set(key: string, secret: string): Promise<void>;
  delete(key: string): Promise<void>;
}

/** Small JSON documents that are no secrets: known pools, trusted certificates, last intentions. */
export interface StateStore {
  read(name: string): Promise<unknown>;
  /** replaces the document whole; a crash leaves the old or the new one */
  write(name: string, value: unknown): Promise<void>;
}

/**
 * How to reach the demo pool once it runs. The certificates are known because the demo made them.
 */
export interface DemoAccess {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly user: string;
  readonly password: string;
  /** fingerprint per address, in the form of the contract */
  readonly fingerprints: Readonly<Record<string, string>>;
  /**
   * "10.77.0.1:443" to "127.0.0.1:40001", where hosts cannot have loopback addresses of their own
   */
  readonly addressMap: Readonly<Record<string, string>>;
  /** the coordinator first, as it was at the start */
  readonly hosts: readonly DemoHostAccess[];
}

/** What a demo host's operating system offers, and where its agent is on the networks. */
export interface DemoHostAccess {
  readonly uuid: string;
  readonly name: string;
  /** as XAPI writes it, without a port */
  readonly address: string;
  readonly ssh: { readonly host: string; readonly port: number };
  /** known because the demo made it: "ssh-ed25519" and "SHA256:…" in OpenSSH's form */
  readonly sshKey: { readonly type: string; readonly fingerprint: string };
  /** of this host's own agent */
  readonly udpPort: number;
  readonly paths: readonly {
    readonly name: string;
    readonly localAddress: string;
    /** what the other hosts' agents send to: the cable that the break panel cuts */
    readonly peerEndpoint: { readonly host: string; readonly port: number };
  }[];
}

export interface DemoControl {
  /** starts it or returns the running one; rejects with a sentence when it cannot start */
  start(preset: "two" | "sixteen" | "large"): Promise<DemoAccess>;
  stop(): Promise<void>;
  act(action: DemoAction): Promise<void>;
  watch(listener: (state: DemoState) => void): () => void;
}
