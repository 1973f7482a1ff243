/** Who is live, in the coordinator's opinion: heartbeats, timers and announced stops. */
import type { Liveness } from "../call.ts";
import { refreshHost } from "../calls/host-rules.ts";
import type { Database } from "../database/database.ts";
import type { XapiGeneration } from "../generation.ts";
import type { Ports } from "../ports.ts";
import type { Timing } from "../timing.ts";
import { XapiFailure } from "../value.ts";
import type { PeerClient } from "./peers.ts";

export interface LivenessParts {
  readonly db: Database;
  readonly ports: Ports;
  readonly timing: Timing;
  readonly generation: XapiGeneration;
  readonly peers: PeerClient;
  readonly hostRef: string;
  readonly alert: (hostRef: string, name: string, body: string) => void;
}

/** Only the last heartbeat of a host is kept; `null` stands for one that never expires. */
type Timer = { readonly expiresAtMs: number | null };

export class LivenessKeeper implements Liveness {
  readonly #parts: LivenessParts;
  readonly #timers = new Map<string, Timer>();
  readonly #leaving = new Set<string>();
  readonly #skewMs = new Map<string, number>();
  readonly #skewTold = new Set<string>();
  #nativeHa = false;

  constructor(parts: LivenessParts) {
    this.#parts = parts;
  }

  isLive(hostRef: string): boolean {
    const metrics = this.#metricsOf(hostRef);
    return metrics !== null && this.#parts.db.bool("host_metrics", metrics, "live");
  }

  async isAlive(hostRef: string): Promise<boolean> {
    if (hostRef === this.#parts.hostRef) return true;
    if (!this.isLive(hostRef)) return false;
    const address = this.#parts.db.str("host", hostRef, "address");
    try {
      await this.#parts.peers.ask(address, "is_slave", []);
      return true;
    } catch {
      return false;
    }
  }

  set(hostRef: string, live: boolean): void {
    const metrics = this.#metricsOf(hostRef);
    if (metrics === null || this.isLive(hostRef) === live) return;
    this.#parts.db.update("host_metrics", metrics, { live });
    refreshHost(this.#parts, hostRef);
  }

  setNativeHa(active: boolean): void {
    this.#nativeHa = active;
  }

  get nativeHa(): boolean {
    return this.#nativeHa;
  }

  async announceShutdown(hostRef: string): Promise<void> {
    if (this.#leaving.has(hostRef)) return;
    this.#leaving.add(hostRef);
    const args = {
      hostuuid: this.#parts.db.str("host", hostRef, "uuid"),
      reason: "clean-shutdown",
    };
    await this.#hook("host-pre-declare-dead", args);
    this.set(hostRef, false);
    await this.#hook("host-post-declare-dead", args);
  }

  /** A heartbeat with the sender's clock. */
  tickle(hostRef: string, hostTimeMs: number): void {
    const nowMs = this.#parts.ports.clock.nowMs();
    this.#timers.set(hostRef, { expiresAtMs: nowMs + this.#parts.timing.assumedDeadMs });
    this.#skewMs.set(hostRef, Math.abs(nowMs - hostTimeMs));
  }

  /** A host that has started again and talks: live at once, its announced stop is over. */
  welcome(hostRef: string): void {
    this.#leaving.delete(hostRef);
    this.tickle(hostRef, this.#parts.ports.clock.nowMs());
    if (!this.#nativeHa) this.set(hostRef, true);
  }

  /** One pass of the collector. */
  collect(): void {
    if (this.#nativeHa) return;
    for (const hostRef of this.#parts.db.refs("host")) {
      if (hostRef === this.#parts.hostRef) continue;
      this.#checkTimer(hostRef);
      this.#checkClock(hostRef);
    }
  }

  #checkTimer(hostRef: string): void {
    const timer = this.#timers.get(hostRef) ?? this.#firstTimer(hostRef);
    const nowMs = this.#parts.ports.clock.nowMs();
    const expired = timer.expiresAtMs !== null && nowMs >= timer.expiresAtMs;
    if (expired) this.set(hostRef, false);
    else if (!this.#leaving.has(hostRef)) this.set(hostRef, true);
  }

  /** What holds for a host not heard of since this XAPI started: depends on the release. */
  #firstTimer(hostRef: string): Timer {
    const nowMs = this.#parts.ports.clock.nowMs();
    const expiry = {
      "not-live": nowMs,
      "live-for-ever": null,
      "live-for-a-while": nowMs + this.#parts.timing.assumedDeadMs,
    }[this.#parts.generation.unseenHost];
    const timer: Timer = { expiresAtMs: expiry };
    this.#timers.set(hostRef, timer);
    return timer;
  }

  #checkClock(hostRef: string): void {
    const most = this.#parts.timing.clockSkewMs;
    const skew = this.#skewMs.get(hostRef) ?? 0;
    if (skew > most && !this.#skewTold.has(hostRef)) {
      this.#skewTold.add(hostRef);
      const body = `The clock of this host differs from the coordinator's by ${Math.round(skew / 1_000)} s.`;
      this.#parts.alert(hostRef, "HOST_CLOCK_SKEW_DETECTED", body);
    }
    if (skew < most / 2) this.#skewTold.delete(hostRef);
  }

  #metricsOf(hostRef: string): string | null {
    const { db } = this.#parts;
    if (!db.has("host", hostRef)) return null;
    const metrics = db.str("host", hostRef, "metrics");
    return db.has("host_metrics", metrics) ? metrics : null;
  }

  async #hook(directory: string, args: Readonly<Record<string, string>>): Promise<void> {
    const failed = await this.#parts.ports.plugins.runHook(directory, args);
    if (failed === null) return;
    const { script, code, stdout } = failed;
    throw new XapiFailure(
      "XAPI_HOOK_FAILED",
      `${directory}/${script}`,
      args["reason"] ?? "",
      stdout,
      String(code),
    );
  }
}
