import { z } from "zod";
import { consoleErrorSchema } from "./errors.ts";

/** SHA-256 of the public host key in OpenSSH's form: "SHA256:" and base64 without padding. */
export const sshFingerprintSchema = z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}$/u);

export const sshKeySchema = z.object({
  /** "ssh-ed25519", "ecdsa-sha2-nistp256" and so on */
  type: z.string(),
  fingerprint: sshFingerprintSchema,
});

/**
 * The SSH key of one host, looked at without sending a secret. `changed` is a red stop: nothing is
 * sent to that host until a person compared both fingerprints.
 */
export const sshLookSchema = z.object({
  hostUuid: z.string(),
  hostName: z.string(),
  address: z.string(),
  state: z.enum(["trusted", "first-use", "changed", "unreachable"]),
  /** what the host shows now; null when unreachable */
  key: sshKeySchema.nullable(),
  /** what was accepted before */
  trustedKey: sshKeySchema.nullable(),
  /** what the pool's own record (through XAPI) says about this key */
  crossCheck: z.object({
    state: z.enum(["agrees", "differs", "no-record"]),
    sentence: z.string(),
  }),
  sentence: z.string(),
  /** to be typed at the host's own console, to compare by eye */
  verifyCommand: z.string(),
});

/** How the console logs in as root. Secrets go to the backend only, never come back. */
export const sshLoginSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("password"), password: z.string().min(1).max(1_024) }),
  z.object({
    kind: z.literal("key"),
    /** text of an OpenSSH private key */
    privateKey: z.string().min(1).max(100_000),
    passphrase: z.string().max(1_024).optional(),
  }),
  z.object({ kind: z.literal("agent") }),
]);

/**
 * One thing looked at before anything is written. `skipped` was not looked at and is never passed.
 */
export const findingSchema = z.object({
  /** stable, kebab-case: "root", "arch", "glibc", "space-opt", "clock", "udp-port", … */
  id: z.string(),
  state: z.enum(["passed", "review", "failed", "skipped"]),
  /** a claim that is true when passed */
  title: z.string(),
  /** what was found, in words */
  sentence: z.string(),
  /** what the host or XAPI said */
  evidence: z.string(),
  /** null when there is nothing to mend */
  fix: z.string().nullable(),
});

export const preflightReportSchema = z.object({
  atMs: z.number(),
  /** failed: at least one finding is failed; review: some must be acknowledged */
  verdict: z.enum(["passed", "review", "failed"]),
  hosts: z.array(
    z.object({
      hostUuid: z.string(),
      hostName: z.string(),
      address: z.string(),
      findings: z.array(findingSchema),
    }),
  ),
  /** `host uuid/finding id` of each finding in review, to be echoed back on install */
  acknowledgeIds: z.array(z.string()),
});

const rolloutPhaseSchema = z.object({
  id: z.string(),
  title: z.string(),
  /** what it will do (dry run) or did here */
  sentence: z.string(),
  undoSentence: z.string().nullable(),
  state: z.enum([
    "pending",
    "running",
    "done",
    /** nothing had to be done: the host was there already */
    "skipped",
    "failed",
    "undoing",
    "undone",
    "undo-failed",
  ]),
  startedAtMs: z.number().nullable(),
  endedAtMs: z.number().nullable(),
  /** of the upload; null for phases that send no file */
  bytes: z.object({ sent: z.number(), total: z.number(), resumedFrom: z.number() }).nullable(),
  error: consoleErrorSchema.nullable(),
});

export const rolloutRunSchema = z.object({
  runId: z.string(),
  kind: z.enum(["install", "upgrade", "rollback", "configure", "remove"]),
  /** the same phases by the same code; nothing was written */
  dryRun: z.boolean(),
  owner: z.string(),
  /** the release it brings, null for remove */
  version: z.string().nullable(),
  startedAtMs: z.number(),
  endedAtMs: z.number().nullable(),
  /**
   * `put-back`: a phase failed and the host in hand is as before. `stopped`: a person stopped it
   * between hosts. `interrupted`: the console ended in the middle; starting the same again resumes
   * it.
   */
  status: z.enum([
    "running",
    "undoing",
    "done",
    "put-back",
    "stopped",
    "interrupted",
    "needs-person",
  ]),
  hosts: z.array(
    z.object({
      hostUuid: z.string(),
      hostName: z.string(),
      /** upgraded first and watched */
      isCanary: z.boolean(),
      state: z.enum(["waiting", "running", "done", "failed", "put-back", "not-reached"]),
      phases: z.array(rolloutPhaseSchema),
    }),
  ),
  error: consoleErrorSchema.nullable(),
});

/** The agent that ships with this console. Only `good` may be sent to a host. */
export const agentBundleSchema = z.object({
  state: z.enum(["good", "absent", "refused"]),
  version: z.string().nullable(),
  sha256: z.string().nullable(),
  bytes: z.number().nullable(),
  sentence: z.string(),
});

export type SshKey = z.infer<typeof sshKeySchema>;
export type SshLook = z.infer<typeof sshLookSchema>;
export type SshLogin = z.infer<typeof sshLoginSchema>;
export type Finding = z.infer<typeof findingSchema>;
export type PreflightReport = z.infer<typeof preflightReportSchema>;
export type RolloutPhase = z.infer<typeof rolloutPhaseSchema>;
export type RolloutRun = z.infer<typeof rolloutRunSchema>;
export type RolloutKind = RolloutRun["kind"];
export type AgentBundle = z.infer<typeof agentBundleSchema>;
