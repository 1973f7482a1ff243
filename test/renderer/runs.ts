import type { Phase, RebootPlan, Run } from "../../main/contract/run.ts";
import { uuidOf } from "./pool-maker.ts";

const phase = (given: Pick<Phase, "id" | "title" | "sentence"> & Partial<Phase>): Phase => ({
  undoSentence: null,
  state: "pending",
  startedAtMs: null,
  endedAtMs: null,
  vms: [],
  error: null,
  ...given,
});

/** The plan of a coordinator's reboot with native HA on, in the order of doing. */
const planPhases = (): Phase[] => [
  phase({
    id: "ledger",
    title: "Write down what will be changed",
    sentence: "The run is recorded in the pool, so that any console can finish or undo it.",
    undoSentence: "The record is removed.",
  }),
  phase({
    id: "ha-off",
    title: "Make native HA safe for this reboot",
    sentence: "Native HA is turned off; its heartbeat SR, timeout and tolerance are remembered.",
    undoSentence: "Native HA is turned on again with “iscsi-heartbeat”, 60 s, tolerance 1.",
  }),
  phase({
    id: "hand-over",
    title: "Hand the coordinator role over",
    sentence: "xcp-beta becomes the coordinator.",
    undoSentence: "xcp-alpha becomes the coordinator again.",
  }),
  phase({
    id: "disable",
    title: "Disable the host",
    sentence: "xcp-alpha takes no new VMs and is marked as in maintenance.",
    undoSentence: "xcp-alpha is enabled again.",
  }),
  phase({
    id: "evacuate",
    title: "Move VMs away",
    sentence: "3 VMs move to xcp-beta, 1 is shut down.",
    undoSentence: "The VMs are moved back to xcp-alpha.",
    vms: [
      ["db primary", 0],
      ["Müller's mail", 1],
      ["café caisse", 5],
      ["build runner", 4],
    ].map(([name, index]) => ({
      uuid: uuidOf("vm", Number(index)),
      name: String(name),
      state: "waiting" as const,
      progress: 0,
      targetName: name === "build runner" ? null : "xcp-beta",
      sentence: null,
    })),
  }),
  phase({ id: "reboot", title: "Reboot", sentence: "xcp-alpha restarts." }),
  phase({
    id: "proof",
    title: "Prove a clean boot",
    sentence: "Boot time changed, XAPI answers, storage is plugged.",
  }),
  phase({
    id: "enable",
    title: "Enable the host and bring VMs back",
    sentence: "4 VMs return to xcp-alpha.",
  }),
  phase({
    id: "ha-on",
    title: "Put native HA back",
    sentence: "Native HA is turned on with “iscsi-heartbeat”, 60 s, tolerance 1.",
  }),
  phase({ id: "compare", title: "Compare before and after", sentence: "Every point is compared." }),
];

export const plan = (): RebootPlan => ({
  hostUuid: uuidOf("host", 0),
  handOverToUuid: uuidOf("host", 1),
  handOverCandidates: [{ uuid: uuidOf("host", 1), name: "xcp-beta" }],
  phases: planPhases(),
  acknowledgeIds: ["coordinator", "local-disk"],
});

const baseRun = (nowMs: number): Run => ({
  runId: "run-1",
  kind: "reboot-host",
  hostUuid: uuidOf("host", 0),
  hostName: "xcp-alpha",
  owner: "ana@jump-host",
  startedAtMs: nowMs - 214_000,
  endedAtMs: null,
  status: "running",
  phases: planPhases(),
  error: null,
  comparison: [],
});

const upTo = (phases: Phase[], count: number, startMs: number): Phase[] =>
  phases.map((each, index) =>
    index >= count
      ? each
      : {
          ...each,
          state: "done",
          startedAtMs: startMs + index * 17_000,
          endedAtMs: startMs + index * 17_000 + 16_000,
          vms: each.vms.map((vm) => ({ ...vm, state: "moved" as const, progress: 1 })),
        },
  );

export const runningRun = (nowMs: number): Run => {
  const run = baseRun(nowMs);
  const phases = upTo(run.phases, 4, run.startedAtMs).map((each) => {
    if (each.id !== "evacuate") return each;
    const states = [
      { state: "moved" as const, progress: 1 },
      { state: "moving" as const, progress: 0.43 },
      { state: "waiting" as const, progress: 0 },
      { state: "stopping" as const, progress: 0.2 },
    ];
    return {
      ...each,
      state: "running" as const,
      startedAtMs: nowMs - 41_000,
      sentence: "Müller's mail is moving to xcp-beta, 43 % of its memory is there.",
      vms: each.vms.map((vm, index) => ({ ...vm, ...states[index] })),
    };
  });
  return { ...run, phases };
};

const evacuationError = {
  code: "HOST_NOT_ENOUGH_FREE_MEMORY",
  sentence: "“café caisse” could not move: xcp-beta has 1.2 GiB free and it needs 6 GiB.",
  nextStep: "Free memory on xcp-beta or shut “café caisse” down, then start again.",
  retryable: false,
  detail: "HOST_NOT_ENOUGH_FREE_MEMORY(6442450944, 1288490188)",
};

export const putBackRun = (nowMs: number): Run => {
  const run = runningRun(nowMs);
  return {
    ...run,
    status: "put-back",
    endedAtMs: nowMs - 5000,
    error: evacuationError,
    phases: run.phases.map((each) => {
      if (each.id === "evacuate") {
        return { ...each, state: "failed", endedAtMs: nowMs - 60_000, error: evacuationError };
      }
      return each.state === "done" ? { ...each, state: "undone" } : each;
    }),
    comparison: comparison().map((row) => ({ ...row, after: row.before, same: true })),
  };
};

export const needsPersonRun = (nowMs: number): Run => {
  const run = putBackRun(nowMs);
  const error = {
    code: "HA_NO_STATEFILE",
    sentence:
      "Native HA could not be turned on again: “iscsi-heartbeat” is not plugged on xcp-beta.",
    nextStep:
      "Plug “iscsi-heartbeat” on xcp-beta, then turn native HA on with 60 s and tolerance 1.",
    retryable: false,
  };
  return {
    ...run,
    status: "needs-person",
    error,
    phases: run.phases.map((each) =>
      each.id === "ha-off" ? { ...each, state: "undo-failed", error } : each,
    ),
  };
};

const comparison = (): Run["comparison"] => [
  { what: "Coordinator", before: "xcp-alpha", after: "xcp-beta", same: false },
  {
    what: "Native HA",
    before: "on, 60 s, tolerance 1",
    after: "on, 60 s, tolerance 1",
    same: true,
  },
  { what: "VMs running", before: "9", after: "9", same: true },
  { what: "VMs on xcp-alpha", before: "4", after: "4", same: true },
  { what: "Host enabled", before: "yes", after: "yes", same: true },
  { what: "Booted at", before: "2026-11-19 14:02", after: "2026-11-22 21:58", same: true },
];

export const doneRun = (nowMs: number): Run => {
  const run = baseRun(nowMs);
  return {
    ...run,
    status: "done",
    endedAtMs: nowMs - 8000,
    phases: upTo(run.phases, 10, run.startedAtMs),
    comparison: comparison(),
  };
};
