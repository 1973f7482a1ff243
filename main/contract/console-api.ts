import { z } from "zod";
import {
  agentsItemSchema,
  settingsPreviewSchema,
  settingsStateSchema,
  settingValuesSchema,
} from "./agents.ts";
import { demoActionSchema, demoStateSchema } from "./demo.ts";
import {
  preflightReportSchema,
  rolloutRunSchema,
  sshFingerprintSchema,
  sshLoginSchema,
  sshLookSchema,
} from "./install.ts";
import {
  fingerprintSchema,
  knownPoolSchema,
  poolFactsItemSchema,
  treatmentSchema,
} from "./pool.ts";
import { rebootPlanSchema } from "./run.ts";
import { timelineChunkSchema, timelineExportSchema } from "./timeline.ts";

/*
 * The one table. A name that is not here cannot be called; a value that does not fit its schema
 * does not cross. Queries answer with data; commands answer with what was accepted, and their
 * outcome comes back as facts on a stream; streams send items until cancelled.
 */
const query = <I extends z.ZodType, O extends z.ZodType>(input: I, output: O) =>
  ({ kind: "query", input, output }) as const;
const command = <I extends z.ZodType, O extends z.ZodType>(input: I, output: O) =>
  ({ kind: "command", input, output }) as const;
const stream = <I extends z.ZodType, O extends z.ZodType>(input: I, output: O) =>
  ({ kind: "stream", input, output }) as const;

const nothing = z.object({});
const pool = z.object({ poolId: z.string() });
/** without `hostUuids`: every host of the pool */
const poolHosts = pool.extend({ hostUuids: z.array(z.string()).min(1).max(64).optional() });
const rollout = poolHosts.extend({
  /** the same code, and nothing is written */
  dryRun: z.boolean(),
});
const runId = z.object({ runId: z.string() });
const poolHost = pool.extend({ hostUuid: z.string() });

export const consoleApi = {
  /** What this shell and backend can do; asked once by the window. */
  "console.hello": query(
    nothing,
    z.object({
      version: z.string(),
      shell: z.enum(["electron", "browser", "memory"]),
      capabilities: z.object({
        /** the shell can keep a password between starts */
        rememberPasswords: z.boolean(),
        demo: z.boolean(),
      }),
    }),
  ),

  /** Every pool the console knows, whole list at each change. */
  "pools.watch": stream(nothing, z.object({ pools: z.array(knownPoolSchema) })),

  /**
   * Looks at an address without sending a password: its certificate, and what it says it is.
   * `address` is host, host:port or an https URL.
   */
  "pools.probe": query(
    z.object({ address: z.string() }),
    z.object({
      address: z.string(),
      fingerprint: fingerprintSchema,
      subject: z.string(),
      validFromMs: z.number(),
      validToMs: z.number(),
      /** supporters name their coordinator without asking for a password */
      role: z.enum(["coordinator", "supporter"]),
      coordinatorAddress: z.string().nullable(),
      trust: z.enum(["first-use", "trusted", "changed"]),
      trustedFingerprint: fingerprintSchema.nullable(),
      /**
       * Of a supporter only: the certificate of the coordinator it names. The password goes there,
       * so this one must be shown and accepted as well. Null when the coordinator could not be
       * looked at.
       */
      coordinatorCertificate: z
        .object({
          fingerprint: fingerprintSchema,
          subject: z.string(),
          validFromMs: z.number(),
          validToMs: z.number(),
          trust: z.enum(["first-use", "trusted", "changed"]),
          trustedFingerprint: fingerprintSchema.nullable(),
        })
        .nullable(),
    }),
  ),

  /**
   * Logs in. `trustFingerprint` is what the person saw and accepted for this address; without it
   * only an address that is trusted already is spoken to.
   */
  "pools.connect": command(
    z.object({
      address: z.string(),
      user: z.string(),
      password: z.string(),
      trustFingerprint: fingerprintSchema.optional(),
      /** the same for the coordinator's certificate, when the address is a supporter's */
      trustCoordinatorFingerprint: fingerprintSchema.optional(),
      remember: z.boolean(),
    }),
    pool,
  ),
  /** For a pool already known: again, with a password when the old one was refused. */
  "pools.reconnect": command(pool.extend({ password: z.string().optional() }), nothing),
  "pools.disconnect": command(pool, nothing),
  /** Drops the pool with its password and trusted certificates. */
  "pools.forget": command(pool, nothing),
  /** After a red stop: the person compared both fingerprints and accepts the new one. */
  "pools.acceptCertificate": command(
    pool.extend({ address: z.string(), fingerprint: fingerprintSchema }),
    nothing,
  ),

  /** The whole picture of a pool, then patches. */
  "pool.watch": stream(pool, poolFactsItemSchema),

  /** Writes restart treatment, order and delay in the order that keeps native HA's plan valid. */
  "vms.setProtection": command(
    pool.extend({
      changes: z
        .array(
          z.object({
            vmUuid: z.string(),
            treatment: treatmentSchema.optional(),
            order: z.number().int().min(0).max(2_147_483_647).optional(),
            startDelayS: z.number().int().min(0).max(2_147_483_647).optional(),
          }),
        )
        .min(1)
        .max(5000),
    }),
    z.object({ written: z.number().int() }),
  ),

  /**
   * Which SRs can hold native HA's heartbeat, with the reason when not. Asks XAPI, takes seconds.
   */
  "ha.heartbeatSrs": query(
    pool,
    z.object({
      srs: z.array(
        z.object({
          uuid: z.string(),
          name: z.string(),
          suitable: z.boolean(),
          sentence: z.string(),
        }),
      ),
    }),
  ),
  /** How many host failures native HA could tolerate with these treatments. */
  "ha.tolerance": query(
    pool.extend({ treatments: z.record(z.string(), treatmentSchema).optional() }),
    z.object({ maxFailuresToTolerate: z.number().int(), sentence: z.string() }),
  ),
  "ha.enable": command(
    pool.extend({
      srUuids: z.array(z.string()).min(1),
      timeoutS: z.number().int().min(10).max(600),
      failuresToTolerate: z.number().int().min(0).max(63),
    }),
    nothing,
  ),
  "ha.disable": command(pool, nothing),

  /** Dry run of a reboot by the code that would do it. */
  "reboot.plan": query(
    poolHost.extend({ handOverToUuid: z.string().optional() }),
    rebootPlanSchema,
  ),
  "reboot.start": command(
    poolHost.extend({
      handOverToUuid: z.string().optional(),
      acknowledgedIds: z.array(z.string()),
      /** the host's name, typed by the person */
      typedName: z.string(),
    }),
    z.object({ runId: z.string() }),
  ),
  /** Stops after the current phase and puts everything back. */
  "reboot.stop": command(pool.extend({ runId: z.string() }), nothing),
  /** Closes the report of a run that ended. */
  "reboot.dismiss": command(pool.extend({ runId: z.string() }), nothing),

  /** Looks at the SSH keys of all hosts without sending a secret. */
  "ssh.look": query(pool, z.object({ hosts: z.array(sshLookSchema) })),
  /** A person compared these fingerprints; each is taken only while the host still shows it. */
  "ssh.trust": command(
    pool.extend({
      keys: z
        .array(z.object({ hostUuid: z.string(), fingerprint: sshFingerprintSchema }))
        .min(1)
        .max(64),
    }),
    nothing,
  ),
  /** How to log in to the hosts as root; kept in memory, or in the keychain when `remember`. */
  "ssh.login": command(pool.extend({ login: sshLoginSchema, remember: z.boolean() }), nothing),
  "ssh.forget": command(pool, nothing),

  /**
   * The agents of a pool, the run under way, the last preflight; works with the coordinator
   * gone.
   */
  "agents.watch": stream(pool, agentsItemSchema),
  /** Looks at all hosts at once and writes nothing; takes seconds. */
  "agents.preflight": query(poolHosts, preflightReportSchema),
  /** `acknowledgedIds`: findings in review of the last preflight, as `host uuid/finding id`. */
  "agents.install": command(rollout.extend({ acknowledgedIds: z.array(z.string()) }), runId),
  "agents.upgrade": command(rollout, runId),
  "agents.rollback": command(rollout, runId),
  "agents.remove": command(rollout, runId),
  /** Stops before the next phase; what was begun on hosts not finished is put back. */
  "agents.stopRun": command(pool.extend(runId.shape), nothing),
  /** Closes the report of a run that ended. */
  "agents.dismissRun": command(pool.extend(runId.shape), nothing),
  /** The last run as it ended, for the report; null without one. */
  "agents.run": query(pool, z.object({ run: rolloutRunSchema.nullable() })),

  "agents.settings": query(pool, settingsStateSchema),
  /** What these values would change, and what is wrong with them; nothing is written. */
  "agents.previewSettings": query(
    pool.extend({ values: z.record(z.string(), z.number()) }),
    settingsPreviewSchema,
  ),
  /** Refused when the pool holds another revision than the one the person saw. */
  "agents.applySettings": command(
    pool.extend({ expectedRevision: z.number().int(), values: settingValuesSchema }),
    z.object({ revision: z.number().int() }),
  ),

  /** Everything known of what happened, then what happens. */
  "timeline.watch": stream(pool.extend({ after: z.string().optional() }), timelineChunkSchema),
  "timeline.export": query(
    pool.extend({
      format: z.enum(["jsonl", "html"]),
      fromMs: z.number().optional(),
      toMs: z.number().optional(),
    }),
    timelineExportSchema,
  ),

  "demo.watch": stream(nothing, demoStateSchema),
  /** Starts the demo pool and connects to it. */
  "demo.start": command(z.object({ preset: z.enum(["two", "sixteen", "large"]) }), pool),
  "demo.stop": command(nothing, nothing),
  "demo.break": command(demoActionSchema, nothing),
} as const;

export type ConsoleApi = typeof consoleApi;
export type ApiName = keyof ConsoleApi;
export type InputOf<N extends ApiName> = z.infer<ConsoleApi[N]["input"]>;
export type OutputOf<N extends ApiName> = z.infer<ConsoleApi[N]["output"]>;
export type NameOfKind<K extends "query" | "command" | "stream"> = {
  [N in ApiName]: ConsoleApi[N]["kind"] extends K ? N : never;
}[ApiName];
