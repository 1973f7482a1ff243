import { z } from "zod";

/**
 * One reason for or against rebooting a host now. `skipped` was not checked and is never passed.
 */
export const checkSchema = z.object({
  /** stable, kebab-case; the same check of two objects differs in `object` only */
  id: z.string(),
  group: z.enum(["pool", "host", "vms", "storage", "network", "people"]),
  state: z.enum(["passed", "review", "failed", "skipped"]),
  /** a short claim that stays true in every state: "All hosts answer" */
  title: z.string(),
  /** what was found, with objects by name */
  sentence: z.string(),
  object: z
    .object({
      kind: z.enum(["pool", "host", "vm", "sr", "network"]),
      uuid: z.string(),
      name: z.string(),
    })
    .nullable(),
  /** what the finding rests on, and how old that is */
  evidence: z.string(),
  evidenceAtMs: z.number(),
  /** how to mend it; null when passed */
  fix: z.string().nullable(),
});

/**
 * May this host be rebooted now? `acknowledge`: every check is passed or review, and each review
 * check must be acknowledged by id. `unknown` whenever facts are missing or stale.
 */
export const hostVerdictSchema = z.object({
  verdict: z.enum(["safe", "acknowledge", "unsafe", "unknown"]),
  checks: z.array(checkSchema),
});

export type Check = z.infer<typeof checkSchema>;
export type HostVerdict = z.infer<typeof hostVerdictSchema>;
