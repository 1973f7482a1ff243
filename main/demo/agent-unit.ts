import type { ChildProcess } from "node:child_process";
import { lstatSync, readFileSync } from "node:fs";
import type { HostRoot } from "../../host-agent/xapi-host/host-root.ts";

export interface AgentUnitTiming {
  /** from the end of the process to its next start */
  readonly restartMs: number;
  /** how long it may take to stop before it is killed */
  readonly stopMs: number;
}

export interface AgentUnitOptions {
  readonly root: HostRoot;
  readonly timing: AgentUnitTiming;
  /** the program of the unit, running; null when there is none */
  readonly start: (program: string, args: readonly string[]) => ChildProcess | null;
}

export type AgentUnitState = "absent" | "stopped" | "running" | "failed";

const unitFile = "/etc/systemd/system/skink.service";
const unitLink = "/etc/systemd/system/multi-user.target.wants/skink.service";
/** What its line may start: the current release of the agent, as a daemon. */
const execStart = /^ExecStart=(\/opt\/skink\/current\/skink) (daemon)$/mu;

/**
 * The one unit that a demo host's service manager knows besides XAPI. It does what systemd does
 * with `Restart=always`: a process that ends is started again, until it is asked to stop.
 */
export class AgentUnit {
  readonly #options: AgentUnitOptions;
  #child: ChildProcess | null = null;
  #isWanted = false;
  #restart: NodeJS.Timeout | undefined;

  constructor(options: AgentUnitOptions) {
    this.#options = options;
  }

  get state(): AgentUnitState {
    if (this.#text() === null) return "absent";
    if (this.#child !== null) return "running";
    // Between two attempts, as systemd says of a unit that is activating again and again.
    return this.#isWanted ? "failed" : "stopped";
  }

  get isEnabled(): boolean {
    return lstatSync(this.#options.root.entry(unitLink), { throwIfNoEntry: false }) !== undefined;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** What the boot does: starts it when it is enabled. */
  boot(): void {
    if (this.isEnabled) this.start();
  }

  start(): void {
    if (this.#isWanted && this.#child !== null) return;
    this.#isWanted = true;
    this.#launch();
  }

  /** Asks it to end, and kills it when it does not. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === null) return;
    const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
    const force = setTimeout(() => child.kill("SIGKILL"), this.#options.timing.stopMs);
    child.kill("SIGTERM");
    await gone;
    clearTimeout(force);
  }

  /** The power is gone: nothing starts it again before the next boot. */
  forget(): void {
    this.#isWanted = false;
    clearTimeout(this.#restart);
  }

  #launch(): void {
    clearTimeout(this.#restart);
    const [, program, verb] = execStart.exec(this.#text() ?? "") ?? [];
    if (program === undefined || verb === undefined) return this.#again();
    const child = this.#options.start(program, [verb]);
    if (child === null) return this.#again();
    this.#child = child;
    child.once("close", () => {
      if (this.#child === child) this.#child = null;
      this.#again();
    });
  }

  #again(): void {
    clearTimeout(this.#restart);
    if (!this.#isWanted || this.#text() === null) return;
    this.#restart = setTimeout(() => this.#launch(), this.#options.timing.restartMs);
    this.#restart.unref();
  }

  #text(): string | null {
    try {
      return readFileSync(this.#options.root.follow(unitFile), "utf8");
    } catch {
      return null;
    }
  }
}
