import { describe, expect, test } from "vitest";
import type { Phase, Run } from "../../../main/contract/run.ts";
import { currentPhase, orderVms, phaseCounts, undoSentences, vmWords } from "./run-words.ts";

const phase = (id: string, state: Phase["state"], undoSentence: string | null = null): Phase => ({
  id,
  title: id,
  sentence: "",
  undoSentence,
  state,
  startedAtMs: null,
  endedAtMs: null,
  vms: [],
  error: null,
});

const run = (...phases: Phase[]): Run => ({ phases, status: "running" }) as unknown as Run;

describe("a run in words", () => {
  test.each([
    [run(phase("a", "done"), phase("b", "running"), phase("c", "pending")), "b"],
    [run(phase("a", "undoing"), phase("b", "failed")), "a"],
    [run(phase("a", "undo-failed"), phase("b", "failed")), "a"],
    [run(phase("a", "done"), phase("b", "failed"), phase("c", "pending")), "b"],
    [run(phase("a", "done"), phase("b", "done")), "b"],
    [run(phase("a", "pending")), null],
  ])("the phase to look at is found", (given, id) => {
    expect(currentPhase(given)?.id ?? null).toBe(id);
  });

  test("what is put back is told last change first", () => {
    const given = run(
      phase("a", "done", "A back."),
      phase("b", "skipped", "B back."),
      phase("c", "running", "C back."),
      phase("d", "pending", "D back."),
    );
    expect([undoSentences(given), phaseCounts(given)]).toEqual([
      ["C back.", "A back."],
      { done: 1, all: 3 },
    ]);
  });

  test("failed VMs rise, finished ones sink", () => {
    const vm = (state: Phase["vms"][number]["state"]): Phase["vms"][number] => ({
      uuid: state,
      name: state,
      state,
      progress: 0,
      targetName: "beta",
      sentence: null,
    });
    const vms = orderVms([vm("moved"), vm("waiting"), vm("moving"), vm("failed")]);
    expect(vms.map((each) => `${each.name}: ${vmWords(each)}`)).toEqual([
      "failed: failed",
      "moving: moving to beta",
      "waiting: to beta",
      "moved: on beta",
    ]);
  });
});
