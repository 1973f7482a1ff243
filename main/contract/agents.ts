import { z } from "zod";
import { agentStatusSchema } from "../../host-agent/contract/control.ts";
import { agentSettingsSchema } from "../../host-agent/contract/settings.ts";
import { agentBundleSchema, preflightReportSchema, rolloutRunSchema } from "./install.ts";

/*
 * The agents of a pool as the console sees them over SSH, next to what XAPI says. An agent of this
 * version observes only: nothing here may be shown as a protection.
 */

/** The console's own line to the agent of a host. */
export const agentLinkSchema = z.object({
  state: z.enum([
    /** no way to log in was given yet */
    "no-login",
    /** the SSH key of the host was not accepted yet */
    "key-unknown",
    /** red stop */
    "key-changed",
    "connecting",
    "connected",
    "login-refused",
    "unreachable",
  ]),
  sentence: z.string(),
  sinceMs: z.number(),
});

/** One claim both witnesses make. `agrees` null: one of them says nothing now. */
export const agreementSchema = z.object({
  what: z.enum(["coordinator", "role", "live", "running-vms"]),
  /** what the claim is about: a host or the pool, by name */
  about: z.string(),
  xapi: z.string(),
  agent: z.string(),
  agrees: z.boolean().nullable(),
  sentence: z.string(),
});

export const agentHostSchema = z.object({
  hostUuid: z.string(),
  hostName: z.string(),
  address: z.string(),
  /** as XAPI says, or said last */
  role: z.enum(["coordinator", "supporter", "unknown"]),
  link: agentLinkSchema,
  installed: z.discriminatedUnion("state", [
    z.object({ state: z.literal("unknown") }),
    z.object({ state: z.literal("absent") }),
    z.object({
      state: z.literal("installed"),
      version: z.string().nullable(),
      previousVersion: z.string().nullable(),
      unit: z.enum(["absent", "stopped", "running", "failed"]),
    }),
  ]),
  /** the agent's own words, null when it never answered */
  status: agentStatusSchema.nullable(),
  /** when `status` was taken (console clock), and whether it is older than it may be */
  statusAtMs: z.number().nullable(),
  isStale: z.boolean(),
  /** the host's clock minus the console's, with half the round trip as uncertainty */
  clockOffsetMs: z.number().nullable(),
  clockUncertaintyMs: z.number().nullable(),
  drift: z.object({
    state: z.enum(["same", "differs", "refused", "unknown"]),
    poolRevision: z.number().int().nullable(),
    hostRevision: z.number().int().nullable(),
    sentence: z.string(),
  }),
  agreements: z.array(agreementSchema),
});

const headSchema = z.object({
  bundle: agentBundleSchema,
  /** how the console logs in to the hosts; never the secret */
  login: z.object({ kind: z.enum(["none", "password", "key", "agent"]), user: z.string() }),
  preflight: preflightReportSchema.nullable(),
  run: rolloutRunSchema.nullable(),
});

/**
 * First a snapshot, then what changed. A new snapshot may come at any time and replaces everything.
 */
export const agentsItemSchema = z.discriminatedUnion("kind", [
  headSchema.extend({
    kind: z.literal("snapshot"),
    atMs: z.number(),
    hosts: z.array(agentHostSchema),
  }),
  headSchema.partial().extend({
    kind: z.literal("patch"),
    atMs: z.number(),
    hosts: z.array(agentHostSchema),
    removeUuids: z.array(z.string()),
  }),
]);

/** Everything a form needs to ask for one setting. */
export const settingFieldSchema = z.object({
  key: agentSettingsSchema.omit({ revision: true }).keyof(),
  title: z.string(),
  unit: z.enum(["ms", "beats", "bytes"]),
  min: z.number(),
  max: z.number(),
  default: z.number(),
  /** what the value means, without a number */
  meaning: z.string(),
});

/** Values without a revision: the console counts those. */
export const settingValuesSchema = agentSettingsSchema.omit({ revision: true });

export const settingsStateSchema = z.object({
  fields: z.array(settingFieldSchema),
  current: settingValuesSchema,
  /** 0: nothing was ever written, the defaults apply */
  revision: z.number().int(),
  /** why what the pool holds cannot be read; the agents keep their last valid copy meanwhile */
  problem: z.string().nullable(),
  /** newest first, without the current one; bounded */
  history: z.array(
    z.object({
      revision: z.number().int(),
      atMs: z.number(),
      owner: z.string(),
      values: settingValuesSchema,
    }),
  ),
});

export const settingsPreviewSchema = z.object({
  problems: z.array(z.object({ key: z.string(), sentence: z.string() })),
  changes: z.array(
    z.object({
      key: z.string(),
      title: z.string(),
      before: z.string(),
      after: z.string(),
      /** what changes for the pool, in words */
      consequence: z.string(),
    }),
  ),
});

export type AgentLink = z.infer<typeof agentLinkSchema>;
export type Agreement = z.infer<typeof agreementSchema>;
export type AgentHost = z.infer<typeof agentHostSchema>;
export type AgentsItem = z.infer<typeof agentsItemSchema>;
export type SettingField = z.infer<typeof settingFieldSchema>;
export type SettingValues = z.infer<typeof settingValuesSchema>;
export type SettingsState = z.infer<typeof settingsStateSchema>;
export type SettingsPreview = z.infer<typeof settingsPreviewSchema>;
