/**
 * Questions between members, with the pool secret and with failures turned back into exceptions.
 */
import {
  createCancelSource,
  PeerUnreachable,
  type CancelSource,
  type PeerReply,
  type Ports,
} from "../ports.ts";
import type { Timing } from "../timing.ts";
import { XapiFailure, type XapiValue } from "../value.ts";

/** Failures of the channel itself, never shown to a client. */
export const NOT_COORDINATOR = "X_NOT_COORDINATOR";
export const NOT_READY = "X_NOT_READY";
export const WRONG_SECRET = "X_WRONG_SECRET";

export interface PeerIdentity {
  readonly hostUuid: string;
  readonly poolSecret: string;
}

export class PeerClient {
  readonly #ports: Ports;
  readonly #identity: PeerIdentity;

  constructor(ports: Ports, identity: PeerIdentity) {
    this.#ports = ports;
    this.#identity = identity;
  }

  /** Throws `XapiFailure` (also the channel's own codes) and `PeerUnreachable`. */
  async ask(
    address: string,
    op: string,
    args: readonly XapiValue[],
    timeoutMs?: number,
  ): Promise<XapiValue> {
    const { hostUuid, poolSecret } = this.#identity;
    const request = { op, args, from: hostUuid, poolSecret };
    const options = timeoutMs === undefined ? {} : { timeoutMs };
    const reply = await this.#ports.peers.request(address, request, options);
    if (reply.status === "failure") throw new XapiFailure(reply.code, ...reply.params);
    return reply.value;
  }
}

export async function replyOf(work: () => XapiValue | Promise<XapiValue>): Promise<PeerReply> {
  try {
    return { status: "success", value: await work() };
  } catch (error) {
    if (error instanceof XapiFailure) {
      return { status: "failure", code: error.code, params: error.params };
    }
    return { status: "failure", code: "INTERNAL_ERROR", params: [String(error)] };
  }
}

/** Whether asking the same address again later may help. */
function isPassing(error: unknown): boolean {
  if (error instanceof PeerUnreachable) return true;
  const codes = [NOT_COORDINATOR, NOT_READY, WRONG_SECRET];
  return error instanceof XapiFailure && codes.includes(error.code);
}

/** A supporter's way to the database: it never gives up, so what depends on it hangs. */
export class CoordinatorConnection {
  readonly #peers: PeerClient;
  readonly #ports: Ports;
  readonly #timing: Timing;
  readonly #address: string;
  #waiting: CancelSource = createCancelSource();

  constructor(parts: {
    readonly peers: PeerClient;
    readonly ports: Ports;
    readonly timing: Timing;
    readonly address: string;
  }) {
    this.#peers = parts.peers;
    this.#ports = parts.ports;
    this.#timing = parts.timing;
    this.#address = parts.address;
  }

  /** Ends every pause between attempts. */
  kick(): void {
    this.#waiting.cancel();
    this.#waiting = createCancelSource();
  }

  /**
   * Asks again and again until the coordinator answers. A request without answer is cut and
   * repeated.
   */
  async request(op: string, args: readonly XapiValue[]): Promise<XapiValue> {
    const { connectionBackoffFirstMs, connectionBackoffMaxMs, connectionStuckMs } = this.#timing;
    let pauseMs = connectionBackoffFirstMs;
    for (;;) {
      try {
        return await this.#peers.ask(this.#address, op, args, connectionStuckMs);
      } catch (error) {
        if (!isPassing(error)) throw error;
      }
      await this.#ports.clock.sleep(pauseMs, this.#waiting.signal);
      pauseMs = Math.min(pauseMs * 2, connectionBackoffMaxMs);
    }
  }

  /**
   * Waits until the coordinator is there, then asks once, with no deadline: for calls that must not
   * repeat.
   */
  async requestOnce(op: string, args: readonly XapiValue[]): Promise<XapiValue> {
    await this.request("coordinator-ready", []);
    return await this.#peers.ask(this.#address, op, args);
  }
}
