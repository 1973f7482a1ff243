import type { InputOf } from "../../contract/console-api.ts";
import type { ConsoleError } from "../../contract/errors.ts";
import type { RebootPlan, Run } from "../../contract/run.ts";
import type { Clock } from "../ports.ts";
import type { PoolSession } from "../pool-session.ts";
import { ConsoleProblem, consoleError, problem } from "../problem.ts";
import { createHa } from "../ha/ha.ts";
import { untilLive, type Explain } from "../ha/proof.ts";
import { judgeHost } from "../verdict/judge-host.ts";
import { targetHosts } from "../verdict/placement.ts";
import { createPoolIndex, type HostFacts } from "../verdict/pool-index.ts";
import { rebootTiming, type Acts, type Before, type RebootTiming } from "./acts.ts";
import { captureBefore, compare, unplanned } from "./before.ts";
import { holdsLedger, removeLedger } from "./ledger.ts";
import {
  cleanBootStep,
  enableStep,
  maintenanceEndStep,
  maintenanceStep,
  rebootStep,
} from "./steps-host.ts";
import {
  autostartBackStep,
  autostartOffStep,
  handOverStep,
  haOffStep,
  haOnStep,
  ledgerEndStep,
  ledgerStep,
  verdictStep,
} from "./steps-pool.ts";
import { evacuateStep, stopStep, vmsBackStep } from "./steps-vms.ts";
import { dryRun, runTransaction, type Step } from "./transaction.ts";
import { listed } from "../verdict/read.ts";

export interface RebootsPorts {
  readonly session: PoolSession;
  readonly clock: Clock;
  /** who sits at this console, for the ledger: "ana@jump-host" */
  readonly owner: string;
  readonly explain: Explain;
  readonly timing?: Partial<RebootTiming>;
  readonly newRunId?: () => string;
}

/** The reboot wizard of one pool: one run at a time. */
export interface Reboots {
  /** dry run by the code that would do it; throws `ConsoleProblem` */
  plan(input: Omit<InputOf<"reboot.plan">, "poolId">): RebootPlan;
  /** starts and gives the run's id at once; the outcome comes through `current` and `onChange` */
  start(input: Omit<InputOf<"reboot.start">, "poolId">): { runId: string };
  /** stops after the current phase and puts everything back */
  stop(runId: string): void;
  /** closes the report of a run that ended */
  dismiss(runId: string): void;
  current(): Run | null;
  onChange(listener: () => void): () => void;
  /** resolves when no run is under way */
  settled(): Promise<void>;
}

export function createReboots(ports: RebootsPorts): Reboots {
  const listeners = new Set<() => void>();
  const seenPlans = new Map<string, ReadonlySet<string>>();
  let current: Run | null = null;
  let stopRequested = false;
  let last: Acts | null = null;
  let running: Promise<void> = Promise.resolve();
  const show = (run: Run | null): void => {
    current = run;
    for (const listener of listeners) listener();
  };

  const begin = (acts: Acts): void => {
    stopRequested = false;
    last = acts;
    running = carryOut(ports, acts, { show, isStopRequested: () => stopRequested });
  };

  return {
    plan(input) {
      const acts = prepare(ports, { ...input, acknowledgedIds: [] });
      const pinned = acts.run.before.vms.filter((vm) => vm.isPinned);
      seenPlans.set(acts.hostUuid, new Set(pinned.map((vm) => vm.uuid)));
      return planOf(ports, acts);
    },
    start(input) {
      if (current !== null && current.endedAtMs === null) throw busy(current);
      const acts = prepare(ports, input);
      assertTyped(acts, input.typedName);
      assertSeen(acts, seenPlans.get(acts.hostUuid));
      begin(acts);
      return { runId: acts.runId };
    },
    stop(runId) {
      if (current?.runId !== runId || current.endedAtMs !== null) throw noSuchRun();
      stopRequested = true;
    },
    dismiss(runId) {
      if (current === null || current.runId !== runId) return;
      if (current.endedAtMs === null) throw busy(current);
      const acts = last;
      if (current.status === "needs-person" && acts !== null) void tidyLedger(acts);
      show(null);
    },
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    settled: () => running,
  };
}

/**
 * After a person mended what a run had left: its ledger goes once the facts agree that nothing is
 * left to put back. Otherwise, or when it fails, it stays and every verdict goes on naming it.
 */
async function tidyLedger(acts: Acts): Promise<void> {
  const rows = compare(acts, acts.session.records());
  if (unplanned(acts, rows).length > 0 || !holdsLedger(acts)) return;
  await removeLedger(acts).catch(() => undefined);
}

interface Stage {
  readonly show: (run: Run) => void;
  readonly isStopRequested: () => boolean;
}

/** One run from the first check to its comparison; never rejects. */
async function carryOut(ports: RebootsPorts, acts: Acts, stage: Stage): Promise<void> {
  const { clock, session } = ports;
  let run: Run = {
    runId: acts.runId,
    kind: "reboot-host",
    hostUuid: acts.hostUuid,
    hostName: acts.hostName,
    owner: ports.owner,
    startedAtMs: clock.wallMs(),
    endedAtMs: null,
    status: "running",
    phases: [],
    error: null,
    comparison: [],
  };
  const show = (change: Partial<Run>): void => {
    run = { ...run, ...change };
    stage.show(run);
  };
  try {
    const result = await runTransaction({
      steps: rebootSteps(acts),
      clock,
      ready: (timeoutMs) => untilLive(acts, timeoutMs),
      patience: { ...acts.timing.patience, isFinal: ({ code }) => finalCodes.has(code) },
      isStopRequested: stage.isStopRequested,
      explain: (failure) => explainTo(acts, failure),
      onChange: (phases, status) => show({ status, phases: [...phases] }),
    });
    const comparison = compare(acts, session.records());
    const ended = { ...run, ...result, phases: [...result.phases], comparison };
    show({ ...ended, ...judgeEnd(acts, ended), endedAtMs: clock.wallMs() });
  } catch (failure) {
    show({ ...brokenEnd(failure), endedAtMs: clock.wallMs() });
  }
}

/** All steps in order. From the boot on, each puts back what an earlier one changed. */
function rebootSteps(acts: Acts): Step[] {
  return [
    verdictStep(acts),
    ledgerStep(acts),
    haOffStep(acts),
    autostartOffStep(acts),
    handOverStep(acts),
    maintenanceStep(acts),
    stopStep(acts),
    evacuateStep(acts),
    rebootStep(acts),
    cleanBootStep(acts),
    enableStep(acts),
    vmsBackStep(acts),
    maintenanceEndStep(acts),
    autostartBackStep(acts),
    haOnStep(acts),
    ledgerEndStep(acts),
  ];
}

interface Wish {
  readonly hostUuid: string;
  readonly handOverToUuid?: string | undefined;
  readonly acknowledgedIds: readonly string[];
}

function prepare(ports: RebootsPorts, wish: Wish): Acts {
  const { session } = ports;
  const index = createPoolIndex(session.records());
  const host = [...index.hosts.values()].find((one) => one.uuid === wish.hostUuid);
  const before = host === undefined ? undefined : captureBefore(session.records(), host.ref);
  if (host === undefined || before === undefined) {
    throw problem("UUID_INVALID", "This host is not part of the pool.", "Choose another host.");
  }
  const candidates = candidatesFor(index, host, before);
  return {
    session,
    clock: ports.clock,
    explain: ports.explain,
    ha: createHa(ports),
    timing: { ...rebootTiming, ...ports.timing },
    owner: ports.owner,
    runId: ports.newRunId?.() ?? crypto.randomUUID(),
    hostRef: host.ref,
    hostUuid: host.uuid,
    hostName: host.name,
    handOverTo: chooseCandidate(
      candidates,
      wish.handOverToUuid,
      before.coordinatorRef === host.ref,
    ),
    acknowledgedIds: new Set(wish.acknowledgedIds),
    run: { before, reboot: "not-asked" },
  };
}

/** Hosts that could coordinate the pool, the one with the most free memory first. */
function candidatesFor(
  index: ReturnType<typeof createPoolIndex>,
  host: HostFacts,
  before: Before,
): HostFacts[] {
  if (before.coordinatorRef !== host.ref) return [];
  return targetHosts(index, host.ref).sort((a, b) => (b.freeBytes ?? 0) - (a.freeBytes ?? 0));
}

function chooseCandidate(
  candidates: readonly HostFacts[],
  wishedUuid: string | undefined,
  isCoordinator: boolean,
): HostFacts | null {
  if (!isCoordinator) return null;
  const wished = candidates.find((one) => one.uuid === wishedUuid);
  if (wishedUuid !== undefined && wished === undefined) {
    throw problem(
      "NO_CANDIDATE",
      "The chosen host cannot take the coordinator role over now.",
      "Choose a host that is live, enabled and of the same version.",
    );
  }
  const chosen = wished ?? candidates[0];
  if (chosen !== undefined) return chosen;
  throw problem(
    "NO_CANDIDATE",
    "No other host can take the coordinator role over.",
    "Make another host of the same version live and enabled.",
  );
}

function planOf(ports: RebootsPorts, acts: Acts): RebootPlan {
  const { session, clock } = ports;
  const index = createPoolIndex(session.records());
  const host = index.hosts.get(acts.hostRef)!;
  const { checks } = judgeHost({
    records: session.records(),
    hostRef: acts.hostRef,
    connection: session.connection(),
    freshAtMs: session.freshAtMs(),
    nowMonotonicMs: clock.monotonicMs(),
    nowWallMs: clock.wallMs(),
  });
  const review = checks.filter((check) => check.state === "review").map((check) => check.id);
  return {
    hostUuid: acts.hostUuid,
    handOverToUuid:
      acts.handOverTo === null ? null : (index.hosts.get(acts.handOverTo.ref)?.uuid ?? null),
    handOverCandidates: candidatesFor(index, host, acts.run.before).map(({ uuid, name }) => ({
      uuid,
      name,
    })),
    phases: dryRun(rebootSteps(acts)),
    acknowledgeIds: [...new Set(review)],
  };
}

function assertTyped(acts: Acts, typedName: string): void {
  if (typedName === acts.hostName) return;
  throw problem(
    "NAME_DIFFERS",
    `The name that was typed is not “${acts.hostName}”.`,
    "Type the host's name exactly as it is shown.",
  );
}

/** A VM that must stop now and was not in the plan the person read was never agreed to. */
function assertSeen(acts: Acts, seen: ReadonlySet<string> | undefined): void {
  if (seen === undefined) return;
  const unseen = acts.run.before.vms.filter((vm) => vm.isPinned && !seen.has(vm.uuid));
  if (unseen.length === 0) return;
  throw problem(
    "PLAN_CHANGED",
    `${listed(unseen.map((vm) => `“${vm.name}”`))} must stop too, which the plan did not say.`,
    "Read the plan again.",
  );
}

function busy(run: Run): ConsoleProblem {
  return problem(
    "RUN_UNDER_WAY",
    `“${run.hostName}” is being rebooted in this pool.`,
    "Wait for its end, or stop it.",
  );
}

function noSuchRun(): ConsoleProblem {
  return problem("NO_SUCH_RUN", "This run is not under way.", "Look at the pool.");
}

function explainTo(acts: Acts, failure: unknown): ConsoleError {
  if (failure instanceof ConsoleProblem) return failure.error;
  return acts.explain(failure, acts.session.records());
}

/** Whoever reads why a run ended early must know first whether the host has rebooted. */
function withReboot(acts: Acts, error: ConsoleError | null): ConsoleError | null {
  if (error === null || acts.run.reboot !== "back") return error;
  return { ...error, sentence: `“${acts.hostName}” has rebooted. ${error.sentence}` };
}

const finalCodes: ReadonlySet<string> = new Set(["REBOOT_PENDING", "LEDGER_KEPT", "RUN_HELD"]);

/** A fault of the console itself: nothing is known to be put back. */
function brokenEnd(failure: unknown): Pick<Run, "status" | "error"> {
  const error = consoleError(
    "CONSOLE_FAULT",
    "The console failed in the middle of the run; what was changed may not be put back.",
    "The ledger in the pool names what was changed; put it back by hand.",
    { detail: failure instanceof Error ? failure.message : String(failure) },
  );
  return { status: "needs-person", error };
}

/** A run that is done must also leave everything as it was, but for the planned new coordinator. */
function judgeEnd(acts: Acts, run: Run): Pick<Run, "status" | "error"> {
  if (run.status !== "done") return { status: run.status, error: withReboot(acts, run.error) };
  const different = unplanned(acts, run.comparison);
  if (different.length === 0) return { status: "done", error: null };
  const rows = different.map((row) => `${row.what}: before ${row.before}, now ${row.after}`);
  return {
    status: "needs-person",
    error: {
      code: "NOT_AS_BEFORE",
      sentence: `The reboot is done, but not everything is as before. ${rows.join("; ")}.`,
      nextStep: "Check whether somebody else changed that meanwhile.",
      retryable: false,
    },
  };
}
