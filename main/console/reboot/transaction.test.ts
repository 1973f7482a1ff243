import { expect, test } from "vitest";
import fc from "fast-check";
import { ConsoleProblem, consoleError, problem } from "../problem.ts";
import { createVirtualClock, pump } from "../testing/virtual-clock.ts";
import { dryRun, runTransaction, type Step, type TransactionResult } from "./transaction.ts";

interface Scripted {
  readonly needed?: boolean;
  readonly act?: "fails" | "half" | "check-fails";
  readonly undo?: "fails" | "fails-twice" | "final" | "none";
}

/** Steps that each put their number into a list, and take it out again when undone. */
function world(plan: readonly Scripted[]): { done: number[]; steps: Step[]; undone: string[] } {
  const done: number[] = [];
  const undone: string[] = [];
  const steps = plan.map((one, position): Step => {
    const title = `step ${position}`;
    return {
      id: `s${position}`,
      title,
      plan: () => ({ needed: one.needed ?? true, sentence: title, undoSentence: null }),
      check: async () => {
        if (one.act === "check-fails") throw problem("CHECK", `${title} may not.`, "Wait.");
      },
      act: async () => {
        if (one.act !== "fails") done.push(position);
        if (one.act === "fails" || one.act === "half")
          throw problem("ACT", `${title} broke.`, "Wait.");
        return "done";
      },
      undo:
        one.undo === "none"
          ? null
          : async (_report, { notPutBack }) => {
              undone.push([title, ...notPutBack].join("<"));
              const tries = undone.filter((text) => text.startsWith(title)).length;
              const isFailing = one.undo === "fails" || (one.undo === "fails-twice" && tries < 3);
              if (isFailing) throw problem("UNDO", `${title} stays.`, "Mend it.");
              if (one.undo === "final") throw problem("FINAL", `${title} stays.`, "Mend it.");
              if (done.includes(position)) done.splice(done.indexOf(position), 1);
              return "undone";
            },
    };
  });
  return { done, steps, undone };
}

async function run(
  steps: readonly Step[],
  more: { stopAfter?: number; ready?: () => Promise<void> } = {},
): Promise<TransactionResult> {
  let ended = 0;
  const clock = createVirtualClock();
  const result = runTransaction({
    steps,
    clock,
    patience: { totalMs: 30_000, everyMs: 10_000, isFinal: (error) => error.code === "FINAL" },
    ready: more.ready ?? (async () => {}),
    isStopRequested: () => more.stopAfter !== undefined && ended >= more.stopAfter,
    explain: (failure) =>
      failure instanceof ConsoleProblem
        ? failure.error
        : consoleError("X", String(failure), "Look."),
    onChange: (phases) => {
      ended = phases.filter((phase) => phase.state === "done").length;
    },
  });
  return pump(clock, result);
}

test("all steps are done in order, those that are not needed are skipped", async () => {
  const { done, steps } = world([{}, { needed: false }, {}]);
  const result = await run(steps);
  expect(result.status).toBe("done");
  expect(done).toEqual([0, 2]);
  expect(result.phases.map((phase) => phase.state)).toEqual(["done", "skipped", "done"]);
});

test("a failing step is undone too, then all before it, the last one first", async () => {
  const { done, steps, undone } = world([{}, { needed: false }, {}, { act: "half" }, {}]);
  const result = await run(steps);
  expect(result.status).toBe("put-back");
  expect(result.error?.sentence).toBe("step 3 broke.");
  expect(undone).toEqual(["step 3", "step 2", "step 0"]);
  expect(done).toEqual([]);
  expect(result.phases.map((phase) => phase.state)).toEqual([
    "undone",
    "skipped",
    "undone",
    "undone",
    "pending",
  ]);
  expect(result.phases[3]?.error?.code).toBe("ACT");
});

test("a check that fails lets its step do nothing", async () => {
  const { done, steps } = world([{}, { act: "check-fails" }]);
  expect((await run(steps)).error?.code).toBe("CHECK");
  expect(done).toEqual([]);
});

test("an undo that fails is named, does not stop the others, and is told to earlier ones", async () => {
  const { done, steps, undone } = world([{}, { undo: "fails" }, {}, { act: "fails" }]);
  const result = await run(steps);
  expect(result.status).toBe("needs-person");
  expect(result.error?.sentence).toBe(
    "step 3 broke. Not everything could be put back: step 1 stays.",
  );
  expect([...new Set(undone)]).toEqual(["step 3", "step 2", "step 1", "step 0<step 1"]);
  expect(undone.filter((text) => text === "step 1")).toHaveLength(4);
  expect(done).toEqual([1]);
  expect(result.phases.map((phase) => phase.state)).toEqual([
    "undone",
    "undo-failed",
    "undone",
    "undone",
  ]);
});

test("an undo that fails for a while is tried again; one that is final is not", async () => {
  const passing = world([{}, { undo: "fails-twice" }, { act: "fails" }]);
  expect((await run(passing.steps)).status).toBe("put-back");
  expect(passing.undone.filter((text) => text === "step 1")).toHaveLength(3);
  const final = world([{}, { undo: "final" }, { act: "fails" }]);
  expect((await run(final.steps)).status).toBe("needs-person");
  expect(final.undone.filter((text) => text === "step 1")).toHaveLength(1);
});

test("a step that puts back is tried again as well, others are not", async () => {
  const { steps } = world([{}]);
  let tries = 0;
  const flaky = (isPuttingBack: boolean): Step => ({
    ...steps[0]!,
    undo: null,
    isPuttingBack,
    act: async () => {
      tries += 1;
      if (tries < 3) throw problem("ACT", "Not yet.", "Wait.");
      return "done";
    },
  });
  expect((await run([flaky(true)])).status).toBe("done");
  expect(tries).toBe(3);
  tries = 0;
  expect((await run([flaky(false)])).status).toBe("put-back");
  expect(tries).toBe(1);
});

test("patience is one for all undos together", async () => {
  const { steps, undone } = world([{ undo: "fails" }, { undo: "fails" }, { act: "fails" }]);
  await run(steps);
  expect(undone.length).toBeLessThanOrEqual(1 + 4 + 1);
});

test("a stop takes effect after the step that is running", async () => {
  const { done, steps } = world([{}, {}, {}]);
  const result = await run(steps, { stopAfter: 2 });
  expect(result.error?.code).toBe("STOPPED");
  expect(result.phases.map((phase) => phase.state)).toEqual(["undone", "undone", "pending"]);
  expect(done).toEqual([]);
});

test("a plan that throws is a failure of its step", async () => {
  const { done, steps } = world([{}, {}]);
  let isLater = false;
  const broken: Step = {
    ...steps[1]!,
    plan: () => {
      if (isLater) throw problem("PLAN", "The host is gone.", "Look.");
      return steps[1]!.plan();
    },
  };
  const first: Step = {
    ...steps[0]!,
    act: async (report) => {
      isLater = true;
      return steps[0]!.act(report);
    },
  };
  const result = await run([first, broken]);
  expect(result.status).toBe("put-back");
  expect(result.error?.code).toBe("PLAN");
  expect(done).toEqual([]);
});

test("no step and no undo looks at facts before the connection is live", async () => {
  const { done, steps } = world([{}, {}]);
  let asked = 0;
  const ready = async (): Promise<void> => {
    asked += 1;
    if (asked > 1) throw problem("CONNECTION_LOST", "The line is gone.", "Reconnect.");
  };
  const result = await run(steps, { ready });
  expect(result.status).toBe("needs-person");
  expect(result.phases.map((phase) => phase.state)).toEqual(["undo-failed", "undo-failed"]);
  expect(done).toEqual([0]);
});

test("the dry run tells what would be skipped and does nothing", () => {
  const { done, steps } = world([{}, { needed: false }]);
  expect(dryRun(steps).map((phase) => phase.state)).toEqual(["pending", "skipped"]);
  expect(done).toEqual([]);
});

test("whatever fails where: nothing stays done but what is told", async () => {
  const step = fc.record(
    {
      needed: fc.boolean(),
      act: fc.constantFrom("fails" as const, "half" as const, "check-fails" as const),
      undo: fc.constant("fails" as const),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (plan) => {
      const { done, steps } = world(plan);
      const result = await run(steps);
      const kept = result.phases.flatMap((phase, at) =>
        phase.state === "done" || phase.state === "undo-failed" ? [at] : [],
      );
      expect(done.every((at) => kept.includes(at))).toBe(true);
      if (result.status === "put-back") expect(done).toEqual([]);
      if (result.status === "done") expect(result.phases.some((one) => one.error)).toBe(false);
    }),
  );
});
