/** Links between hosts, each direction on its own; a cut link swallows, it does not refuse. */
import { PeerUnreachable, type PeerLink, type PeerReply, type PeerRequest } from "../ports.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** How long it takes until nobody answering at all is noticed. */
const NO_ANSWER_MS = 20_000;
const LATENCY_MS = 1;

export interface NetworkHost {
  /**
   * `down`: no machine answers. `refusing`: the machine does, XAPI does not run. `hung`: it never
   * replies.
   */
  readonly state: () => "up" | "refusing" | "down" | "hung";
  readonly handle: (request: PeerRequest) => Promise<PeerReply>;
}

export class VirtualNetwork {
  readonly #time: VirtualTime;
  readonly #hosts = new Map<string, NetworkHost>();
  readonly #cut = new Set<string>();
  /** Ways to break what is under way to a host. */
  readonly #open = new Map<string, Set<() => void>>();

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  attach(address: string, host: NetworkHost): void {
    this.#hosts.set(address, host);
  }

  /** Cuts one direction, silently. */
  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`);
  }

  restore(from: string, to: string): void {
    this.#cut.delete(`${from}>${to}`);
  }

  /** Cuts a host off from all others. */
  isolate(address: string): void {
    for (const other of this.#hosts.keys()) {
      if (other === address) continue;
      this.cut(address, other);
      this.cut(other, address);
    }
  }

  heal(): void {
    this.#cut.clear();
  }

  /** XAPI of that host ended: whoever waits for it sees the connection break. */
  breakConnections(address: string): void {
    for (const fail of this.#open.get(address) ?? []) fail();
    this.#open.delete(address);
  }

  linkOf(from: string): PeerLink {
    return {
      request: (address, request, options = {}) =>
        this.#request(from, address, request, options.timeoutMs),
    };
  }

  #request(
    from: string,
    to: string,
    request: PeerRequest,
    timeoutMs: number | undefined,
  ): Promise<PeerReply> {
    return new Promise((resolve, reject) => {
      const open = this.#open.get(to) ?? new Set();
      this.#open.set(to, open);
      const fail = (): void => {
        open.delete(fail);
        reject(new PeerUnreachable(to));
      };
      open.add(fail);
      if (timeoutMs !== undefined) this.#time.schedule(timeoutMs, fail);
      const done = (reply: PeerReply): void => {
        if (this.#cut.has(`${to}>${from}`) || !open.delete(fail)) return;
        resolve(reply);
      };
      this.#time.schedule(LATENCY_MS, () =>
        this.#deliver(`${from}>${to}`, request, { done, fail }),
      );
    });
  }

  #deliver(
    way: string,
    request: PeerRequest,
    { done, fail }: { readonly done: (reply: PeerReply) => void; readonly fail: () => void },
  ): void {
    const host = this.#hosts.get(way.slice(way.indexOf(">") + 1));
    if (this.#cut.has(way)) return;
    const state = host?.state() ?? "down";
    if (host === undefined || state === "down") {
      this.#time.schedule(NO_ANSWER_MS, fail);
      return;
    }
    if (state === "refusing") {
      fail();
      return;
    }
    if (state === "hung") return;
    void host.handle(structureCopy(request)).then((reply) => {
      this.#time.schedule(LATENCY_MS, () => done(structureCopy(reply)));
    });
  }
}

/** What crosses the network is text: nothing may depend on shared objects. */
function structureCopy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
