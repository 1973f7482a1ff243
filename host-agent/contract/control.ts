import { z } from "zod";

/*
 * What an agent says of itself: `skink status --json`, and the same on its control socket. The agent
 * writes, CLI and console read. Answered within a second whatever XAPI or the coordinator do.
 */

const pathViewSchema = z.object({
  peer: z.string(),
  peerName: z.string(),
  path: z.string(),
  localAddress: z.string(),
  peerAddress: z.string(),
  state: z.enum(["never-heard", "heard", "one-way", "silent"]),
  /** age of the last authentic beat; null when never heard */
  lastBeatAgeMs: z.number().nullable(),
  suspectAfterMs: z.number(),
  /** suspectAfterMs minus the age: what is left before suspicion */
  marginMs: z.number().nullable(),
  /** smallest margin of the last hour */
  worstMarginMs: z.number().nullable(),
  roundTripMs: z.number().nullable(),
  /** peer's wall clock minus ours */
  clockOffsetMs: z.number().nullable(),
  clockUncertaintyMs: z.number().nullable(),
  refusedBeats: z.number().int(),
});

export const agentStatusSchema = z.object({
  v: z.literal(1),
  version: z.string(),
  protocol: z.number().int(),
  host: z.string(),
  hostName: z.string(),
  boot: z.string(),
  /** an agent of this version only watches */
  state: z.literal("observing"),
  startedAtMs: z.number(),
  wallMs: z.number(),
  monoMs: z.number(),
  role: z.enum(["coordinator", "supporter", "unknown"]),
  coordinatorAddress: z.string().nullable(),
  xapi: z.object({
    state: z.enum(["answers", "silent", "unknown"]),
    lastAnswerAgeMs: z.number().nullable(),
    sentence: z.string(),
  }),
  peers: z.array(
    z.object({
      host: z.string(),
      name: z.string(),
      state: z.enum(["never-heard", "live", "leaving", "suspected"]),
      boot: z.string().nullable(),
      version: z.string().nullable(),
      role: z.enum(["coordinator", "supporter", "unknown"]),
      /** what the peer says it hears, by host uuid */
      hears: z.array(z.string()),
    }),
  ),
  paths: z.array(pathViewSchema),
  domains: z.array(z.object({ vm: z.string(), name: z.string().nullable(), state: z.string() })),
  settings: z.object({
    revision: z.number().int(),
    source: z.enum(["default", "pool", "last-valid"]),
    /** why a newer revision was refused, empty when none was */
    problems: z.array(z.string()),
  }),
  journal: z.object({
    firstSeq: z.number().int(),
    lastSeq: z.number().int(),
    writable: z.boolean(),
    sentence: z.string(),
  }),
});

export type AgentStatus = z.infer<typeof agentStatusSchema>;
