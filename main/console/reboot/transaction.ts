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
 * One step of a wizard. `act` and `undo` throw `ConsoleProblem` and give the sentence of what they did.
 * `undo` also follows a failed `act`, so it looks at the facts and puts back what differs, whatever
 * part of `act` was done; it must bear being called again.
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
  /** a request to stop does not interrupt here: this step is itself putting back, or cannot stop */
  readonly unstoppable?: boolean;
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
  readonly ready: () => Promise<void>;
  /** after every change, with the whole list; not to be mutated */
  readonly onChange: (phases: readonly Phase[], status: "running" | "undoing") => void;
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
    if (input.isStopRequested() && step.unstoppable !== true) {
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
    await input.ready();
    const plan = step.plan();
    const shown = { sentence: plan.sentence, undoSentence: plan.undoSentence };
    if (!plan.needed) {
      board.set(position, { ...shown, state: "skipped", vms: [] });
      return null;
    }
    const startedAtMs = clock.wallMs();
    board.set(position, { ...shown, state: "running", startedAtMs, vms: [...(plan.vms ?? [])] });
    await step.check?.();
    const sentence = await step.act(board.report(position));
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

async function putBack(
  input: TransactionInput,
  board: Board,
  what: { readonly from: number; readonly error: ConsoleError },
): Promise<TransactionResult> {
  const notPutBack: string[] = [];
  const reasons: ConsoleError[] = [];
  board.undoing();
  for (let position = what.from; position >= 0; position -= 1) {
    const step = input.steps[position]!;
    const { state } = board.at(position);
    if (step.undo === null || (state !== "done" && state !== "failed")) continue;
    board.set(position, { state: "undoing" });
    try {
      await input.ready();
      const sentence = await step.undo(board.report(position), { notPutBack });
      board.set(position, { state: "undone", sentence, endedAtMs: input.clock.wallMs() });
    } catch (failure) {
      const error = input.explain(failure);
      reasons.push(error);
      notPutBack.push(step.title);
      board.set(position, { state: "undo-failed", error, endedAtMs: input.clock.wallMs() });
    }
  }
  if (reasons.length === 0) {
    return { status: "put-back", error: what.error, phases: board.phases() };
  }
  const error = consoleError(
    "NOT_PUT_BACK",
    `${what.error.sentence} Not everything could be put back: ` +
      reasons.map((reason) => reason.sentence).join(" "),
    reasons[0]!.nextStep,
    what.error.detail === undefined ? {} : { detail: what.error.detail },
  );
  return { status: "needs-person", error, phases: board.phases() };
}
