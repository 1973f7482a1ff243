import { z } from "zod";

/*
 * Verbs of the uploaded binary that the console runs over SSH, every one with --json and --root DIR.
 * Answers are one JSON line on stdout; a failure is {ok:false, ...} and exit status 1.
 */
export const verbFailureSchema = z.object({
  ok: z.literal(false),
  code: z.string(),
  sentence: z.string(),
  nextStep: z.string(),
});

/** `skink version`: what this file is. */
export const versionAnswerSchema = z.object({
  ok: z.literal(true),
  version: z.string(),
  protocol: z.number().int(),
  platform: z.string(),
});

/** `skink state`: what of Skink is on this host; reads only. */
export const stateAnswerSchema = z.object({
  ok: z.literal(true),
  current: z.string().nullable(),
  previous: z.string().nullable(),
  releases: z.array(z.string()),
  unit: z.enum(["absent", "stopped", "running", "failed"]),
  firewallRule: z.enum(["absent", "present", "unmanaged"]),
  hostFile: z.enum(["absent", "valid", "invalid"]),
  /** every file and link under Skink's folders and its units, with SHA-256 or link target */
  manifest: z.record(z.string(), z.string()),
});

export type VerbFailure = z.infer<typeof verbFailureSchema>;
export type VersionAnswer = z.infer<typeof versionAnswerSchema>;
export type StateAnswer = z.infer<typeof stateAnswerSchema>;
