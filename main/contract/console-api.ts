import { z } from "zod";
import { demoActionSchema, demoStateSchema } from "./demo.ts";
import {
  fingerprintSchema,
  knownPoolSchema,
  poolFactsItemSchema,
  treatmentSchema,
} from "./pool.ts";
import { rebootPlanSchema } from "./run.ts";

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
