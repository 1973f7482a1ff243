import { agentStatusSchema } from "../../../host-agent/contract/control.ts";
import type { AgentStatus } from "../../../host-agent/contract/control.ts";
import { journalLineSchema } from "../../../host-agent/contract/journal.ts";
import type { JournalLine } from "../../../host-agent/contract/journal.ts";
import type { AgentHost, AgentLink } from "../../contract/agents.ts";
import type { Host } from "../../install/host.ts";
import { HostFailure } from "../../install/shell.ts";
import type { Clock } from "../ports.ts";

/* The console's own line to one host: status again and again, the journal as it grows. */

export interface HostLineOptions {
  readonly clock: Clock;
  /** a new connection; rejects with `HostFailure` */
  readonly open: () => Promise<Host>;
  /** null while nobody gave a way to log in */
  readonly hasLogin: () => boolean;
  readonly lastSeq: () => number;
  readonly onLine: (line: JournalLine) => void;
  readonly onChange: () => void;
}

const pollMs = 2_000;
const retryMs = [1_000, 2_000, 5_000, 10_000] as const;
/** of a journal that was never read, the newest lines */
const firstLinesMax = 20_000;
const samplesMax = 30;

interface Sample {
  readonly offsetMs: number;
  readonly uncertaintyMs: number;
}

export class HostLine {
  readonly #options: HostLineOptions;
  readonly #ended = new AbortController();
  #nudge = new AbortController();
  #link: AgentLink;
  #installed: AgentHost["installed"] = { state: "unknown" };
  #status: AgentStatus | null = null;
  #statusAtMs: number | null = null;
  #statusAtMonotonicMs = 0;
  #samples: readonly Sample[] = [];
  #isFollowing = false;
  #host: Host | null = null;

  constructor(options: HostLineOptions) {
    this.#options = options;
    this.#link = { state: "no-login", sentence: noLogin, sinceMs: options.clock.wallMs() };
    void this.#live();
  }

  link(): AgentLink {
    return this.#link;
  }

  installed(): AgentHost["installed"] {
    return this.#installed;
  }

  status(): AgentStatus | null {
    return this.#status;
  }

  statusAtMs(): number | null {
    return this.#statusAtMs;
  }

  isStale(): boolean {
    const ageMs = this.#options.clock.monotonicMs() - this.#statusAtMonotonicMs;
    return this.#status === null || this.#link.state !== "connected" || ageMs > 3 * pollMs;
  }

  isFollowing(): boolean {
    return this.#isFollowing;
  }

  /** The most exact of the last measurements. */
  clock(): Sample | null {
    return this.#samples.toSorted((a, b) => a.uncertaintyMs - b.uncertaintyMs)[0] ?? null;
  }

  /** Tries at once: a login or a key was given, or something was installed. */
  wake(): void {
    this.#nudge.abort();
    this.#nudge = new AbortController();
  }

  stop(): void {
    this.#ended.abort();
    this.wake();
    this.#host?.shell.close();
  }

  async #live(): Promise<void> {
    let failures = 0;
    while (!this.#ended.signal.aborted) {
      if (!this.#options.hasLogin()) {
        this.#setLink("no-login", noLogin);
        await this.#pause(60_000);
        continue;
      }
      try {
        if (this.#link.state !== "connected") this.#setLink("connecting", "Connecting over SSH.");
        const host = await this.#options.open();
        this.#host = host;
        failures = 0;
        await this.#serve(host);
      } catch (failure) {
        this.#failed(failure);
        await this.#pause(retryMs[Math.min(failures, retryMs.length - 1)] ?? 10_000);
        failures += 1;
      }
    }
  }

  /** Until the connection is lost or the line is stopped. */
  async #serve(host: Host): Promise<void> {
    const closed = new AbortController();
    host.shell.onClose(() => {
      closed.abort();
      this.wake();
    });
    let following: Promise<void> | null = null;
    this.#setLink("connected", "Connected over SSH.");
    try {
      while (!closed.signal.aborted && !this.#ended.signal.aborted) {
        await this.#poll(host);
        if (this.#installed.state === "installed" && following === null) {
          following = this.#follow(host, closed.signal).finally(() => {
            following = null;
          });
        }
        await this.#pause(pollMs);
      }
    } finally {
      closed.abort();
      host.shell.close();
      this.#host = null;
    }
    if (!this.#ended.signal.aborted) {
      throw new HostFailure("connection-lost", `The connection to “${host.name}” was lost.`, "");
    }
  }

  async #poll(host: Host): Promise<void> {
    const { shell, paths } = host;
    const linked = async (path: string): Promise<string | null> =>
      (await shell.readLink(paths.at(path)))?.split("/").at(-1) ?? null;
    const version = await linked("/opt/skink/current");
    if (version === null) {
      this.#installed = { state: "absent" };
      this.#status = null;
      return this.#options.onChange();
    }
    const { clock } = this.#options;
    const before = { wall: clock.wallMs(), mono: clock.monotonicMs() };
    const status = await this.#askStatus(host);
    const tookMs = clock.monotonicMs() - before.mono;
    const previousVersion = await linked("/opt/skink/previous");
    const unitFile = await shell.stat(paths.at("/etc/systemd/system/skink.service"));
    const unit = unitFile === null ? "absent" : status === null ? "stopped" : "running";
    this.#installed = { state: "installed", version, previousVersion, unit };
    if (status !== null) {
      this.#status = status;
      this.#statusAtMs = clock.wallMs();
      this.#statusAtMonotonicMs = clock.monotonicMs();
      const sample = {
        offsetMs: status.wallMs - (before.wall + tookMs / 2),
        uncertaintyMs: tookMs / 2,
      };
      this.#samples = [...this.#samples, sample].slice(-samplesMax);
    }
    this.#options.onChange();
  }

  /** null: the agent does not run. */
  async #askStatus(host: Host): Promise<AgentStatus | null> {
    try {
      return await host.verb(agentStatusSchema, host.command(host.paths.current, "status"), {
        timeoutMs: 10_000,
      });
    } catch (failure) {
      const isRefusal =
        failure instanceof HostFailure &&
        (failure.code === "verb-refused" || failure.code === "wrong-answer");
      if (isRefusal) return null;
      throw failure;
    }
  }

  async #follow(host: Host, signal: AbortSignal): Promise<void> {
    const known = this.#options.lastSeq();
    const lastSeq = this.#status?.journal.lastSeq ?? known;
    const after = Math.max(known, lastSeq - firstLinesMax, -1);
    this.#isFollowing = true;
    const command = host.command(host.paths.current, "journal", String(after));
    try {
      await host.shell.follow(command, (row) => this.#take(row), signal);
    } catch {
      // The poll sees the same loss, and the next connection follows again from the last line.
    } finally {
      this.#isFollowing = false;
    }
  }

  #take(row: string): void {
    const parsed = journalLineSchema.safeParse(parseJson(row));
    // A line of a newer agent that this console cannot read shows as a gap by its sequence.
    if (parsed.success) this.#options.onLine(parsed.data);
  }

  #failed(failure: unknown): void {
    const known = failure instanceof HostFailure ? failure : null;
    const sentence = known?.message ?? "The console could not talk to this host.";
    switch (known?.code) {
      case "key-unknown":
        return this.#setLink("key-unknown", sentence);
      case "key-changed":
        return this.#setLink("key-changed", sentence);
      case "login-refused":
        return this.#setLink("login-refused", sentence);
      case "unreachable":
      case "connection-lost":
      case "timeout":
      case "disk-full":
      case "file-refused":
      case "verb-refused":
      case "wrong-answer":
      case "wrong-hash":
      case "not-heard":
      case "not-healthy":
      case "stopped":
      case undefined:
        return this.#setLink("unreachable", sentence);
    }
  }

  #setLink(state: AgentLink["state"], sentence: string): void {
    if (this.#link.state === state && this.#link.sentence === sentence) return;
    this.#link = { state, sentence, sinceMs: this.#options.clock.wallMs() };
    this.#options.onChange();
  }

  /** A refused login is not repeated by itself: three of them lock an account. */
  async #pause(ms: number): Promise<void> {
    const waitsForPerson = ["login-refused", "key-changed", "key-unknown", "no-login"];
    const isStuck = waitsForPerson.includes(this.#link.state);
    await this.#options.clock.sleep(isStuck ? 3_600_000 : ms, this.#nudge.signal);
  }
}

const noLogin = "The console has no way to log in to this host yet.";

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
