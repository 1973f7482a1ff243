import { z } from "zod";

/*
 * Verbs of the uploaded binary that the console runs over SSH, every one with --json and --root
 * DIR. Answers are one JSON line on stdout; a failure is {ok:false, ...} and exit status 1.
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

/** Every verb that writes: whether anything had to change, and what is true now. */
export const actAnswerSchema = z.object({
  ok: z.literal(true),
  changed: z.boolean(),
  sentence: z.string(),
});

/** `skink unit status` and `skink firewall state`. */
export const unitAnswerSchema = z.object({
  ok: z.literal(true),
  unit: stateAnswerSchema.shape.unit,
  isEnabled: z.boolean(),
});

export const firewallAnswerSchema = z.object({
  ok: z.literal(true),
  rule: stateAnswerSchema.shape.firewallRule,
  /** the rule in the kernel; "unknown" under --root or without iptables */
  live: z.enum(["present", "absent", "unknown"]),
  /** the rule in /etc/sysconfig/iptables; "unknown" without that file */
  persisted: z.enum(["present", "absent", "unknown"]),
});

/** `skink heard`: what the running agent hears now. `isComplete`: every peer, every path, both ways. */
export const heardAnswerSchema = z.object({
  ok: z.literal(true),
  host: z.string(),
  version: z.string(),
  isComplete: z.boolean(),
  paths: z.array(
    z.object({
      peer: z.string(),
      peerName: z.string(),
      path: z.string(),
      state: z.enum(["never-heard", "heard", "one-way", "silent"]),
      lastBeatAgeMs: z.number().nullable(),
    }),
  ),
});

/** `skink self-test`. `ok` is false when a check failed; the checks come either way. */
export const selfTestAnswerSchema = z.object({
  ok: z.boolean(),
  checks: z.array(
    z.object({
      name: z.string(),
      state: z.enum(["passed", "failed", "skipped"]),
      sentence: z.string(),
    }),
  ),
});

/** `skink check-settings`: settings from standard input against the schema. */
export const checkSettingsAnswerSchema = z.object({
  ok: z.literal(true),
  isValid: z.boolean(),
  problems: z.array(z.string()),
});

export type ActAnswer = z.infer<typeof actAnswerSchema>;
export type UnitAnswer = z.infer<typeof unitAnswerSchema>;
export type FirewallAnswer = z.infer<typeof firewallAnswerSchema>;
export type HeardAnswer = z.infer<typeof heardAnswerSchema>;
export type SelfTestAnswer = z.infer<typeof selfTestAnswerSchema>;
export type CheckSettingsAnswer = z.infer<typeof checkSettingsAnswerSchema>;
export type StateAnswer = z.infer<typeof stateAnswerSchema>;
