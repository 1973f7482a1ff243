import type { Phase, Run } from "../../../main/contract/run.ts";

type PhaseVm = Phase["vms"][number];

/** What is going on with a VM, in a few words. */
export const vmWords = (vm: PhaseVm): string => {
  switch (vm.state) {
    case "waiting":
      return vm.targetName === null ? "waiting" : `to ${vm.targetName}`;
    case "moving":
      return vm.targetName === null ? "moving" : `moving to ${vm.targetName}`;
    case "moved":
      return vm.targetName === null ? "moved" : `on ${vm.targetName}`;
    case "stopping":
      return "stopping";
    case "stopped":
      return "stopped";
    case "starting":
      return vm.targetName === null ? "starting" : `starting on ${vm.targetName}`;
    case "started":
      return vm.targetName === null ? "running" : `running on ${vm.targetName}`;
    case "left":
      return "stays";
    case "failed":
      return "failed";
  }
};

const vmRank: Readonly<Record<PhaseVm["state"], number>> = {
  failed: 0,
  moving: 1,
  stopping: 1,
  starting: 1,
  waiting: 2,
  left: 3,
  moved: 4,
  stopped: 4,
  started: 4,
};

/** Failed first, then moving, then waiting; what is done sinks. */
export const orderVms = (vms: readonly PhaseVm[]): PhaseVm[] =>
  vms.toSorted((a, b) => vmRank[a.state] - vmRank[b.state]);

export const isVmDone = (vm: PhaseVm): boolean => vmRank[vm.state] >= 3;

/** The phase to look at: the one at work, else the one that failed, else the last that ended. */
export const currentPhase = (run: Run): Phase | null =>
  run.phases.find((phase) => phase.state === "running" || phase.state === "undoing") ??
  run.phases.find((phase) => phase.state === "undo-failed") ??
  run.phases.find((phase) => phase.state === "failed") ??
  run.phases.findLast((phase) => phase.state === "done" || phase.state === "undone") ??
  null;

export const phaseCounts = (run: Run): { readonly done: number; readonly all: number } => {
  const needed = run.phases.filter((phase) => phase.state !== "skipped");
  return { done: needed.filter((phase) => phase.state === "done").length, all: needed.length };
};

/** What stopping now would put back, last change first. */
export const undoSentences = (run: Run): string[] =>
  run.phases
    .filter((phase) => phase.state === "done" || phase.state === "running")
    .flatMap((phase) => (phase.undoSentence === null ? [] : [phase.undoSentence]))
    .toReversed();
