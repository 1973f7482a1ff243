import { z } from "zod";
import { consoleErrorSchema } from "./errors.ts";
import { hostVerdictSchema } from "./verdict.ts";
import { runSchema } from "./run.ts";

/** SHA-256 of the DER certificate as upper-case hex pairs joined by colons. */
export const fingerprintSchema = z.string().regex(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/u);

const timeMs = z.number();

/**
 * How much the rest of a pool's picture can be believed. Only `live` may be painted green.
 * `stale`: facts are kept, with the time since nothing was heard. `failed`: a person must act.
 */
export const connectionSchema = z.discriminatedUnion("status", [
  z.object({ status: z.literal("disconnected") }),
  z.object({ status: z.literal("connecting"), sinceMs: timeMs, address: z.string() }),
  z.object({
    status: z.literal("live"),
    sinceMs: timeMs,
    /** the member that answers: name and address */
    viaName: z.string(),
    viaAddress: z.string(),
  }),
  z.object({
    status: z.literal("stale"),
    sinceMs: timeMs,
    error: consoleErrorSchema,
    /** members tried since, newest last, each with what came of it */
    tried: z.array(z.object({ address: z.string(), name: z.string(), sentence: z.string() })),
    nextTryAtMs: timeMs,
  }),
  z.object({ status: z.literal("failed"), sinceMs: timeMs, error: consoleErrorSchema }),
  z.object({
    status: z.literal("changed-certificate"),
    sinceMs: timeMs,
    address: z.string(),
    hostName: z.string(),
    trustedFingerprint: fingerprintSchema,
    presentedFingerprint: fingerprintSchema,
    error: consoleErrorSchema,
  }),
  z.object({ status: z.literal("needs-password"), sinceMs: timeMs, error: consoleErrorSchema }),
]);

/** A pool the console knows, connected or not. `poolId` is the console's own, not a XAPI uuid. */
export const knownPoolSchema = z.object({
  poolId: z.string(),
  name: z.string(),
  user: z.string(),
  addresses: z.array(z.string()),
  isDemo: z.boolean(),
  connection: connectionSchema,
  /** the one state mark of the pool list; `unknown` whenever the connection is not live */
  mark: z.enum(["protected", "at-risk", "unprotected", "unknown"]),
  hostCount: z.number().int(),
  vmCount: z.number().int(),
});

/** What protects the pool, as far as it can be known, and why. */
export const engineSchema = z.object({
  engine: z.enum(["native-ha", "ha-lizard", "none", "unknown"]),
  /** plain sentences, most important first; each names objects */
  reasons: z.array(z.string()),
  nativeHa: z.object({
    enabled: z.boolean(),
    timeoutS: z.number().nullable(),
    failuresToTolerate: z.number().int(),
    planExistsFor: z.number().int(),
    overcommitted: z.boolean(),
    allowOvercommit: z.boolean(),
    heartbeatSrs: z.array(z.object({ uuid: z.string(), name: z.string() })),
  }),
  haLizard: z.object({ configured: z.boolean(), enabled: z.boolean() }),
  /** traces of replicated storage (DRBD, iSCSI-HA, XOSTOR) seen; its state is not read yet */
  replicationTraces: z.array(z.string()),
});

export const poolSummarySchema = z.object({
  uuid: z.string(),
  name: z.string(),
  coordinatorUuid: z.string(),
  verdict: z.enum(["protected", "at-risk", "unprotected", "unknown"]),
  verdictReasons: z.array(z.string()),
  engine: engineSchema,
  generation: z.string(),
});

export const hostSummarySchema = z.object({
  uuid: z.string(),
  name: z.string(),
  address: z.string(),
  role: z.enum(["coordinator", "supporter"]),
  /** XAPI's own opinion, which may be ten minutes late */
  live: z.boolean(),
  enabled: z.boolean(),
  maintenance: z.enum(["no", "in-maintenance", "disabled"]),
  productVersion: z.string(),
  xapiVersion: z.string(),
  memoryTotalBytes: z.number(),
  memoryFreeBytes: z.number(),
  vmCountRunning: z.number().int(),
  bootedAtMs: z.number().nullable(),
  agentStartedAtMs: z.number().nullable(),
  /** native HA only: how many peers and heartbeat SRs this host reports to see */
  haPeersSeen: z.number().int(),
  haStatefilesSeen: z.number().int(),
  verdict: hostVerdictSchema,
});

export const treatmentSchema = z.enum(["restart", "best-effort", "unprotected"]);

export const vmSummarySchema = z.object({
  uuid: z.string(),
  name: z.string(),
  powerState: z.enum(["Running", "Halted", "Suspended", "Paused"]),
  /** null when it runs nowhere */
  hostUuid: z.string().nullable(),
  treatment: treatmentSchema,
  order: z.number().int(),
  startDelayS: z.number().int(),
  memoryBytes: z.number(),
  /** can it start on any host, judged from disks, networks and devices */
  agility: z.object({ agile: z.boolean(), reasons: z.array(z.string()) }),
  disks: z.array(z.object({ srName: z.string(), shared: z.boolean() })),
  /** VM operations under way, in plain words, empty when idle */
  busyWith: z.array(z.string()),
  applianceName: z.string().nullable(),
});

export const srSummarySchema = z.object({
  uuid: z.string(),
  name: z.string(),
  type: z.string(),
  shared: z.boolean(),
  sizeBytes: z.number(),
  usedBytes: z.number(),
  attachedHostCount: z.number().int(),
  unpluggedHostNames: z.array(z.string()),
});

const changes = <Row extends z.ZodType>(row: Row) =>
  z.object({ upsert: z.array(row), removeUuids: z.array(z.string()) });

/**
 * The picture of one pool. The first item of a stream is a `snapshot`; later `patch` items carry
 * only what changed. A new snapshot may come at any time (after a reconnect) and replaces
 * everything.
 */
export const poolFactsItemSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("snapshot"),
    atMs: timeMs,
    connection: connectionSchema,
    pool: poolSummarySchema.nullable(),
    hosts: z.array(hostSummarySchema),
    vms: z.array(vmSummarySchema),
    srs: z.array(srSummarySchema),
    run: runSchema.nullable(),
  }),
  z.object({
    kind: z.literal("patch"),
    atMs: timeMs,
    connection: connectionSchema.optional(),
    pool: poolSummarySchema.optional(),
    hosts: changes(hostSummarySchema).optional(),
    vms: changes(vmSummarySchema).optional(),
    srs: changes(srSummarySchema).optional(),
    run: runSchema.nullable().optional(),
  }),
]);

export type Connection = z.infer<typeof connectionSchema>;
export type KnownPool = z.infer<typeof knownPoolSchema>;
export type Engine = z.infer<typeof engineSchema>;
export type PoolSummary = z.infer<typeof poolSummarySchema>;
export type HostSummary = z.infer<typeof hostSummarySchema>;
export type VmSummary = z.infer<typeof vmSummarySchema>;
export type SrSummary = z.infer<typeof srSummarySchema>;
export type Treatment = z.infer<typeof treatmentSchema>;
export type PoolFactsItem = z.infer<typeof poolFactsItemSchema>;
