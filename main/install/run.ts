import type { ConsoleError } from "../contract/errors.ts";
import type { RolloutKind, RolloutPhase, RolloutRun } from "../contract/install.ts";
import { readBefore } from "./before.ts";
import type { Release } from "./bundle.ts";
import type { Host } from "./host.ts";
import type { Before, HostTarget, Phase, PhaseContext, RolloutTiming } from "./phase.ts";
import { HostFailure, isLoss } from "./shell.ts";

/*
 * The engine: stages of phases over hosts. It stops at the first failure and undoes in reverse on
 * every
 * host that did not come to the end of its last stage. A lost connection is waited for; when it
 * does
 * not come back nothing is undone, because nothing can be, and the same run started again goes on.
 */

/** The phases of a stage on one host after another, or on several hosts at once. */
export interface Stage {
  readonly how: "one-by-one" | "together";
  readonly phases: readonly Phase[];
}

export interface RolloutPlan {
  readonly kind: RolloutKind;
  readonly stages: readonly Stage[];
  /** in the order of one-by-one stages */
  readonly hosts: readonly HostTarget[];
  /** the version each host gets */
  readonly versionOf: (uuid: string) => string;
  readonly release: Release | null;
  /** hosts that came to their end stay as they are when a later one fails */
  readonly keepsFinished: boolean;
}

/** What outlives the console: how each host was before. No secrets. */
export interface StoredRun {
  readonly runId: string;
  readonly kind: RolloutKind;
  readonly version: string | null;
  readonly startedAtMs: number;
  readonly before: Readonly<Record<string, Before>>;
}

export interface RolloutPorts {
  readonly clock: {
    wallMs(): number;
    monotonicMs(): number;
    sleep(ms: number, signal?: AbortSignal): Promise<void>;
  };
  readonly owner: string;
  readonly timing: RolloutTiming;
  /** opens the host, or gives the open connection; `renew` after a loss */
  readonly open: (uuid: string, renew: boolean) => Promise<Host>;
  readonly store: {
    load(): Promise<StoredRun | null>;
    save(run: StoredRun): Promise<void>;
    clear(): Promise<void>;
  };
  readonly onChange: () => void;
}

export interface RolloutOptions {
  readonly runId: string;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

const hostsTogether = 4;

type HostView = RolloutRun["hosts"][number];

export class Rollout {
  readonly #plan: RolloutPlan;
  readonly #ports: RolloutPorts;
  readonly #options: RolloutOptions;
  readonly #before = new Map<string, Before>();
  /** per host, phases that were begun, newest last */
  readonly #begun = new Map<string, Phase[]>();
  #view: RolloutRun;

  constructor(plan: RolloutPlan, ports: RolloutPorts, options: RolloutOptions) {
    this.#plan = plan;
    this.#ports = ports;
    this.#options = options;
    const { wallMs } = ports.clock;
    this.#view = {
      runId: options.runId,
      kind: plan.kind,
      dryRun: options.dryRun,
      owner: ports.owner,
      version: plan.release?.version ?? null,
      startedAtMs: wallMs(),
      endedAtMs: null,
      status: "running",
      hosts: plan.hosts.map((target) => ({
        hostUuid: target.uuid,
        hostName: target.name,
        isCanary: target.isCanary,
        state: "waiting",
        phases: plan.stages.flatMap(({ phases }) => phases.map(pendingView)),
      })),
      error: null,
    };
  }

  view(): RolloutRun {
    return this.#view;
  }

  /** Never rejects: what went wrong is in the view. */
  async run(): Promise<RolloutRun> {
    try {
      await this.#recall();
      for (const stage of this.#plan.stages) await this.#stage(stage);
      await this.#ports.store.clear();
      this.#finish("done", null);
    } catch (failure) {
      await this.#failed(failure);
    }
    return this.#view;
  }

  /** Takes over what an interrupted run of the same kind knew of the hosts. */
  async #recall(): Promise<void> {
    if (this.#options.dryRun) return;
    const stored = await this.#ports.store.load();
    const isSame =
      stored?.kind === this.#plan.kind && stored.version === (this.#plan.release?.version ?? null);
    if (!isSame || stored === null) return;
    for (const [uuid, before] of Object.entries(stored.before)) this.#before.set(uuid, before);
  }

  async #stage(stage: Stage): Promise<void> {
    const queue = [...this.#plan.hosts];
    const failures: unknown[] = [];
    const lane = async (): Promise<void> => {
      for (let host = queue.shift(); host !== undefined; host = queue.shift()) {
        // A failure elsewhere, or a person, ends it between hosts.
        if (failures.length > 0) return;
        try {
          await this.#host(host, stage);
        } catch (failure) {
          failures.push(failure);
        }
      }
    };
    const lanes = stage.how === "one-by-one" ? 1 : hostsTogether;
    await Promise.all(Array.from({ length: lanes }, lane));
    if (failures.length > 0) throw firstFailure(failures);
  }

  async #host(target: HostTarget, stage: Stage): Promise<void> {
    this.#setHost(target.uuid, { state: "running" });
    try {
      for (const phase of stage.phases) {
        this.#refuseWhenStopped();
        await this.#phase(target, phase);
      }
    } catch (failure) {
      this.#setHost(target.uuid, { state: "failed" });
      throw failure;
    }
    const isLast = this.#plan.stages.at(-1) === stage;
    this.#setHost(target.uuid, { state: isLast ? "done" : "waiting" });
  }

  async #phase(target: HostTarget, phase: Phase): Promise<void> {
    const { clock } = this.#ports;
    this.#setPhase(target.uuid, phase, { state: "running", startedAtMs: clock.wallMs() });
    try {
      const done = await this.#patiently(target, (context) =>
        this.#attempt(target, phase, context),
      );
      this.#setPhase(target.uuid, phase, { ...done, endedAtMs: clock.wallMs() });
    } catch (failure) {
      const error = errorOf(failure);
      this.#setPhase(target.uuid, phase, {
        state: "failed",
        endedAtMs: clock.wallMs(),
        sentence: error.sentence,
        error,
      });
      throw failure;
    }
  }

  async #attempt(
    target: HostTarget,
    phase: Phase,
    context: PhaseContext,
  ): Promise<Partial<RolloutPhase>> {
    const looked = await phase.look(context);
    this.#setPhase(target.uuid, phase, { sentence: looked.sentence });
    if (!looked.isNeeded) return { state: "skipped", sentence: looked.sentence };
    if (this.#options.dryRun) return { state: "pending", sentence: looked.sentence };
    const begun = this.#begun.get(target.uuid) ?? [];
    if (!begun.includes(phase)) this.#begun.set(target.uuid, [...begun, phase]);
    return { state: "done", sentence: await phase.run(context) };
  }

  /** Does it, and again on a new connection when the old one was lost, until patience ends. */
  async #patiently<T>(target: HostTarget, work: (context: PhaseContext) => Promise<T>): Promise<T> {
    const { clock, timing } = this.#ports;
    let renew = false;
    let lostAtMs: number | null = null;
    for (;;) {
      try {
        return await work(await this.#context(target, renew));
      } catch (failure) {
        if (!isLoss(failure)) throw failure;
        const nowMs = clock.monotonicMs();
        lostAtMs ??= nowMs;
        if (nowMs - lostAtMs >= timing.lossMs || this.#options.signal.aborted) throw failure;
        renew = true;
        await clock.sleep(timing.pollMs, this.#options.signal);
      }
    }
  }

  async #context(target: HostTarget, renew: boolean): Promise<PhaseContext> {
    const { clock, timing, open } = this.#ports;
    const host = await open(target.uuid, renew);
    const version = this.#plan.versionOf(target.uuid);
    return {
      host,
      target,
      version,
      release: this.#plan.release,
      before: await this.#beforeOf(host, target, version),
      onBytes: (bytes) => this.#bytes(target.uuid, bytes),
      signal: this.#options.signal,
      wait: (ms) => clock.sleep(ms, this.#options.signal),
      monotonicMs: () => clock.monotonicMs(),
      timing,
    };
  }

  /** Read once per run and host, and written down before anything is changed. */
  async #beforeOf(host: Host, target: HostTarget, version: string): Promise<Before> {
    const known = this.#before.get(target.uuid);
    if (known !== undefined) return known;
    const before = await readBefore(host, version);
    this.#before.set(target.uuid, before);
    if (!this.#options.dryRun) {
      await this.#ports.store.save({
        runId: this.#view.runId,
        kind: this.#plan.kind,
        version: this.#plan.release?.version ?? null,
        startedAtMs: this.#view.startedAtMs,
        before: Object.fromEntries(this.#before),
      });
    }
    return before;
  }

  #refuseWhenStopped(): void {
    if (!this.#options.signal.aborted) return;
    throw new HostFailure("stopped", "A person stopped it.", "Start it again to go on.");
  }

  async #failed(failure: unknown): Promise<void> {
    const error = errorOf(failure);
    if (this.#options.dryRun) return this.#finish("put-back", error);
    if (isLoss(failure)) return this.#finish("interrupted", error);
    this.#set({ status: "undoing", error });
    const hosts = this.#plan.hosts.filter(({ uuid }) => !this.#stays(uuid));
    const undone = await Promise.all(hosts.map((target) => this.#undoHost(target)));
    if (undone.includes("failed")) return this.#finish("needs-person", error);
    if (undone.includes("lost")) return this.#finish("interrupted", error);
    await this.#ports.store.clear();
    this.#finish(error.code === "stopped" ? "stopped" : "put-back", error);
  }

  #stays(uuid: string): boolean {
    return this.#plan.keepsFinished && this.#hostView(uuid)?.state === "done";
  }

  async #undoHost(target: HostTarget): Promise<"undone" | "lost" | "failed"> {
    // What an earlier, interrupted attempt began is undone as well: its phases look like this
    // run's.
    const begun = this.#begun.get(target.uuid) ?? [];
    const all = this.#plan.stages.flatMap(({ phases }) => phases);
    const lastBegun = Math.max(-1, ...begun.map((phase) => all.indexOf(phase)));
    for (const phase of all.slice(0, lastBegun + 1).toReversed()) {
      if (phase.undo === undefined) continue;
      this.#setPhase(target.uuid, phase, { state: "undoing" });
      try {
        await this.#patientlyUndo(target, phase);
        this.#setPhase(target.uuid, phase, { state: "undone" });
      } catch (failure) {
        this.#setPhase(target.uuid, phase, { state: "undo-failed", error: errorOf(failure) });
        return isLoss(failure) ? "lost" : "failed";
      }
    }
    if (lastBegun >= 0) this.#setHost(target.uuid, { state: "put-back" });
    else if (this.#hostView(target.uuid)?.state !== "failed") {
      this.#setHost(target.uuid, { state: "not-reached" });
    }
    return "undone";
  }

  /** A person's stop must not stop the undoing. */
  #patientlyUndo(target: HostTarget, phase: Phase): Promise<void> {
    const calm = new AbortController().signal;
    return this.#patiently(target, async (context) => phase.undo?.({ ...context, signal: calm }));
  }

  #finish(status: RolloutRun["status"], error: ConsoleError | null): void {
    this.#set({ status, error, endedAtMs: this.#ports.clock.wallMs() });
  }

  #bytes(uuid: string, bytes: NonNullable<RolloutPhase["bytes"]>): void {
    const host = this.#hostView(uuid);
    const phases = host?.phases.map((one) => (one.state === "running" ? { ...one, bytes } : one));
    if (phases !== undefined) this.#setHost(uuid, { phases });
  }

  #hostView(uuid: string): HostView | undefined {
    return this.#view.hosts.find(({ hostUuid }) => hostUuid === uuid);
  }

  #setPhase(uuid: string, phase: Phase, change: Partial<RolloutPhase>): void {
    const phases = this.#hostView(uuid)?.phases.map((one) =>
      one.id === phase.id ? { ...one, ...change } : one,
    );
    if (phases !== undefined) this.#setHost(uuid, { phases });
  }

  #setHost(uuid: string, change: Partial<HostView>): void {
    this.#set({
      hosts: this.#view.hosts.map((one) => (one.hostUuid === uuid ? { ...one, ...change } : one)),
    });
  }

  #set(change: Partial<RolloutRun>): void {
    this.#view = { ...this.#view, ...change };
    this.#ports.onChange();
  }
}

function pendingView({ id, title, undoSentence }: Phase): RolloutPhase {
  return {
    id,
    title,
    undoSentence,
    sentence: "",
    state: "pending",
    startedAtMs: null,
    endedAtMs: null,
    bytes: null,
    error: null,
  };
}

/** The one that says most: a loss only when nothing else went wrong. */
function firstFailure(failures: readonly unknown[]): unknown {
  return failures.find((one) => !isLoss(one)) ?? failures[0];
}

export function errorOf(failure: unknown): ConsoleError {
  if (failure instanceof HostFailure) {
    return {
      code: failure.code,
      sentence: failure.message,
      nextStep: failure.nextStep,
      retryable: isLoss(failure),
      ...(failure.detail === "" ? {} : { detail: failure.detail }),
    };
  }
  return {
    code: "internal",
    sentence: "The roll-out failed in a way nobody foresaw.",
    nextStep: "Look at the hosts, then start the same again.",
    retryable: false,
    ...(failure instanceof Error ? { detail: failure.message } : {}),
  };
}
