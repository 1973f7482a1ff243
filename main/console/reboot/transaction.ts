import type { ConsoleError } from "../../contract/errors.ts";
import type { Phase, Run } from "../../contract/run.ts";
import type { Clock } from "../ports.ts";
import { consoleError } from "../problem.ts";

export type PhaseVm = Phase["vms"][number];

/** How a running phase tells where it is. */
export interface Report {
  vms(rows: readonly PhaseVm[]): void;
  sentence(text: string): void;
}

/** What a step would do, from the facts of this moment. The dry run and the run ask the same. */
export interface StepPlan {
  /** false: nothing to do here; `sentence` says why */
  readonly needed: boolean;
  readonly sentence: string;
  /** what undoing means; null when there is nothing to put back */
  readonly undoSentence: string | null;
  readonly vms?: readonly PhaseVm[];
}

/**
 * One step of a wizard. `act` and `undo` throw `ConsoleProblem` and give the sentence of what they
 * did. `undo` also follows a failed `act`, so it looks at the facts and puts back what differs,
 * whatever part of `act` was done; it must bear being called again.
 */
export interface Step {
  readonly id: string;
  readonly title: string;
  readonly plan: () => StepPlan;
  /** must hold before anything is changed by this step */
  readonly check?: () => Promise<void>;
  readonly act: (report: Report) => Promise<string>;
  /** null: there is nothing to put back */
  readonly undo: ((report: Report, others: UndoContext) => Promise<string>) | null;
  /** a request to stop does not interrupt here */
  readonly unstoppable?: boolean;
  /** putting back by itself: `act` bears being called again and is tried with the same patience */
  readonly isPuttingBack?: boolean;
}

export interface UndoContext {
  /** titles of later steps that could not be put back */
  readonly notPutBack: readonly string[];
}

export interface TransactionInput {
  readonly steps: readonly Step[];
  readonly clock: Clock;
  readonly isStopRequested: () => boolean;
  readonly explain: (failure: unknown) => ConsoleError;
  /** awaited before each step and each undo: both look at facts, and old facts are none */
  readonly ready: (timeoutMs: number) => Promise<void>;
  /** how long, over all undos together, one that fails is tried again */
  readonly patience: Patience;
  /** after every change, with the whole list; not to be mutated */
  readonly onChange: (phases: readonly Phase[], status: "running" | "undoing") => void;
}

export interface Patience {
  readonly totalMs: number;
  readonly everyMs: number;
  /** failures that no waiting changes */
  readonly isFinal: (error: ConsoleError) => boolean;
}

export interface TransactionResult {
  readonly status: Exclude<Run["status"], "running" | "undoing">;
  readonly error: ConsoleError | null;
  readonly phases: readonly Phase[];
}

/** The phases a run would go through, nothing done. */
export function dryRun(steps: readonly Step[]): Phase[] {
  return steps.map((step) => plannedPhase(step));
}

function plannedPhase(step: Step): Phase {
  const plan = step.plan();
  return {
    id: step.id,
    title: step.title,
    sentence: plan.sentence,
    undoSentence: plan.undoSentence,
    state: plan.needed ? "pending" : "skipped",
    startedAtMs: null,
    endedAtMs: null,
    vms: [...(plan.vms ?? [])],
    error: null,
  };
}

/** Does all steps in order; when one fails or a stop was asked for, undoes in reverse. */
export async function runTransaction(input: TransactionInput): Promise<TransactionResult> {
  const board = createBoard(input);
  for (const [position, step] of input.steps.entries()) {
    const isStoppable = step.unstoppable !== true && step.isPuttingBack !== true;
    if (input.isStopRequested() && isStoppable) {
      return putBack(input, board, { from: position - 1, error: stopped() });
    }
    const failure = await doStep(input, board, position);
    if (failure !== null) return putBack(input, board, { from: position, error: failure });
  }
  return { status: "done", error: null, phases: board.phases() };
}

function stopped(): ConsoleError {
  return consoleError(
    "STOPPED",
    "The run was stopped on request.",
    "Start it again whenever it suits.",
  );
}

interface Board {
  phases(): readonly Phase[];
  at(position: number): Phase;
  set(position: number, change: Partial<Phase>): void;
  undoing(): void;
  report(position: number): Report;
}

function createBoard(input: TransactionInput): Board {
  let phases: readonly Phase[] = dryRun(input.steps).map((phase) => ({
    ...phase,
    state: "pending",
  }));
  let status: "running" | "undoing" = "running";
  const set = (position: number, change: Partial<Phase>): void => {
    phases = phases.with(position, { ...phases[position]!, ...change });
    input.onChange(phases, status);
  };
  input.onChange(phases, status);
  return {
    phases: () => phases,
    at: (position) => phases[position]!,
    set,
    undoing() {
      status = "undoing";
      input.onChange(phases, status);
    },
    report: (position) => ({
      vms: (rows) => set(position, { vms: [...rows] }),
      sentence: (sentence) => set(position, { sentence }),
    }),
  };
}

/** Gives the failure, or null when the step is done or was not needed. */
async function doStep(
  input: TransactionInput,
  board: Board,
  position: number,
): Promise<ConsoleError | null> {
  const step = input.steps[position]!;
  const { clock } = input;
  try {
    await input.ready(input.patience.totalMs);
    const plan = step.plan();
    const shown = { sentence: plan.sentence, undoSentence: plan.undoSentence };
    if (!plan.needed) {
      board.set(position, { ...shown, state: "skipped", vms: [] });
      return null;
    }
    const startedAtMs = clock.wallMs();
    board.set(position, { ...shown, state: "running", startedAtMs, vms: [...(plan.vms ?? [])] });
    await step.check?.();
    const sentence = await actPatiently(input, step, board.report(position));
    board.set(position, { state: "done", sentence, endedAtMs: clock.wallMs() });
    return null;
  } catch (failure) {
    const error = input.explain(failure);
    board.set(position, {
      state: "failed",
      error,
      startedAtMs: board.at(position).startedAtMs ?? clock.wallMs(),
      endedAtMs: clock.wallMs(),
    });
    return error;
  }
}

async function actPatiently(input: TransactionInput, step: Step, report: Report): Promise<string> {
  const untilMs = input.clock.monotonicMs() + input.patience.totalMs;
  for (;;) {
    try {
      return await step.act(report);
    } catch (failure) {
      if (step.isPuttingBack !== true) throw failure;
      await waitToRetry(input, { error: input.explain(failure), failure, untilMs, report });
    }
  }
}

/** When the patience is used up, a connection still gets one moment to answer. */
function timeLeft({ clock, patience }: TransactionInput, untilMs: number): number {
  return Math.max(patience.everyMs, untilMs - clock.monotonicMs());
}

/** Waits for the next try; throws the failure when there shall be none. */
async function waitToRetry(
  input: TransactionInput,
  what: {
    readonly error: ConsoleError;
    readonly failure: unknown;
    readonly untilMs: number;
    readonly report: Report;
  },
): Promise<void> {
  const { clock, patience } = input;
  const isOver = clock.monotonicMs() + patience.everyMs > what.untilMs;
  if (isOver || patience.isFinal(what.error)) throw what.failure;
  what.report.sentence(`${what.error.sentence} It is tried again.`);
  await clock.sleep(patience.everyMs);
  await input.ready(timeLeft(input, what.untilMs));
}

async function putBack(
  input: TransactionInput,
  board: Board,
  what: { readonly from: number; readonly error: ConsoleError },
): Promise<TransactionResult> {
  const notPutBack: string[] = [];
  const reasons: ConsoleError[] = [];
  const untilMs = input.clock.monotonicMs() + input.patience.totalMs;
  board.undoing();
  for (let position = what.from; position >= 0; position -= 1) {
    const step = input.steps[position]!;
    const { state } = board.at(position);
    if (step.undo === null || (state !== "done" && state !== "failed")) continue;
    board.set(position, { state: "undoing" });
    const undone = await undoPatiently(input, board, { position, untilMs, notPutBack });
    if (typeof undone === "string") {
      board.set(position, { state: "undone", sentence: undone, endedAtMs: input.clock.wallMs() });
      continue;
    }
    reasons.push(undone);
    notPutBack.push(step.title);
    board.set(position, { state: "undo-failed", error: undone, endedAtMs: input.clock.wallMs() });
  }
  if (reasons.length === 0) {
    return { status: "put-back", error: what.error, phases: board.phases() };
  }
  return { status: "needs-person", error: sumUp(what.error, reasons), phases: board.phases() };
}

/**
 * The sentence of an undo that worked, or why it did not. A host whose toolstack restarts refuses
 * for seconds what it does a minute later; giving up at once would leave a person with work for
 * nothing.
 */
async function undoPatiently(
  input: TransactionInput,
  board: Board,
  what: {
    readonly position: number;
    readonly untilMs: number;
    readonly notPutBack: readonly string[];
  },
): Promise<string | ConsoleError> {
  const { position, untilMs, notPutBack } = what;
  const report = board.report(position);
  for (;;) {
    try {
      await input.ready(timeLeft(input, untilMs));
      return (await input.steps[position]!.undo?.(report, { notPutBack })) ?? "";
    } catch (failure) {
      const error = input.explain(failure);
      try {
        await waitToRetry(input, { error, failure, untilMs, report });
      } catch {
        return error;
      }
    }
  }
}

function sumUp(first: ConsoleError, reasons: readonly ConsoleError[]): ConsoleError {
  const sentences = [...new Set(reasons.map((reason) => reason.sentence))];
  return consoleError(
    "NOT_PUT_BACK",
    `${first.sentence} Not everything could be put back: ${sentences.join(" ")}`,
    reasons[0]!.nextStep,
    first.detail === undefined ? {} : { detail: first.detail },
  );
}
