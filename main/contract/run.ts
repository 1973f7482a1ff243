import { z } from "zod";
import { consoleErrorSchema } from "./errors.ts";

const phaseState = z.enum([
  "pending",
  "running",
  "done",
  "skipped",
  "failed",
  "undoing",
  "undone",
  "undo-failed",
]);

/** A step of a wizard's plan. Undo runs from the last done step back to the first. */
export const phaseSchema = z.object({
  id: z.string(),
  title: z.string(),
  /** what it will do or did here, with names; from the dry run before, from the facts after */
  sentence: z.string(),
  /** what undoing it means, null when there is nothing to put back */
  undoSentence: z.string().nullable(),
  state: phaseState,
  startedAtMs: z.number().nullable(),
  endedAtMs: z.number().nullable(),
  /** progress per VM, empty for phases that move none */
  vms: z.array(
    z.object({
      uuid: z.string(),
      name: z.string(),
      state: z.enum([
        "waiting",
        "moving",
        "moved",
        "stopping",
        "stopped",
        "starting",
        "started",
        "left",
        "failed",
      ]),
      /** 0..1 */
      progress: z.number(),
      targetName: z.string().nullable(),
      sentence: z.string().nullable(),
    }),
  ),
  error: consoleErrorSchema.nullable(),
});

/** One run of the wizard, written to the pool before each change so that any console can see it. */
export const runSchema = z.object({
  runId: z.string(),
  kind: z.enum(["reboot-host"]),
  hostUuid: z.string(),
  hostName: z.string(),
  owner: z.string(),
  startedAtMs: z.number(),
  endedAtMs: z.number().nullable(),
  /**
   * `put-back`: a phase failed and everything changed was undone. `needs-person`: something could
   * not be put back; `error` and the phases say what.
   */
  status: z.enum(["running", "undoing", "done", "put-back", "needs-person"]),
  phases: z.array(phaseSchema),
  error: consoleErrorSchema.nullable(),
  /** filled at the end: what was, what is, and whether they agree */
  comparison: z.array(
    z.object({ what: z.string(), before: z.string(), after: z.string(), same: z.boolean() }),
  ),
});

/** A dry run: the same phases by the same code, nothing done. */
export const rebootPlanSchema = z.object({
  hostUuid: z.string(),
  /** proposed new coordinator, null when the host is a supporter */
  handOverToUuid: z.string().nullable(),
  handOverCandidates: z.array(z.object({ uuid: z.string(), name: z.string() })),
  phases: z.array(phaseSchema),
  /** ids of checks with state review, to be echoed back on start */
  acknowledgeIds: z.array(z.string()),
});

export type Phase = z.infer<typeof phaseSchema>;
export type Run = z.infer<typeof runSchema>;
export type RebootPlan = z.infer<typeof rebootPlanSchema>;
