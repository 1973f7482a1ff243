import { z } from "zod";

/*
 * One line of an agent's journal: what it saw or did, written before anybody is told. The agent
 * writes it, the console and the CLI read it. Lines of one host are ordered by `seq` alone, which
 * never goes back, not even over reboots; wall clocks are for display.
 */

const hostUuid = z.string();
const path = z.string();

/** What can happen to an agent that only watches. Past tense: facts. */
export const journalEventSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("AgentStarted"),
    version: z.string(),
    settingsRevision: z.number().int(),
    previousEnd: z.enum(["clean", "unclean", "first"]),
  }),
  z.object({ type: z.literal("AgentStopped"), reason: z.enum(["asked", "host-shutdown"]) }),
  /** first authentic round trip with a peer on a path in this boot of either side */
  z.object({ type: z.literal("PathHeard"), peer: hostUuid, path, peerBoot: z.string() }),
  z.object({
    type: z.literal("PathSilent"),
    peer: hostUuid,
    path,
    silentMs: z.number(),
    missedBeats: z.number().int(),
  }),
  z.object({ type: z.literal("PathHeardAgain"), peer: hostUuid, path, silentMs: z.number() }),
  /** the peer is heard but says that it does not hear this host on that path */
  z.object({ type: z.literal("PathOneWay"), peer: hostUuid, path }),
  /** the peer says that it hears this host again on a path that was one-way */
  z.object({ type: z.literal("PathBothWays"), peer: hostUuid, path, oneWayMs: z.number() }),
  z.object({
    type: z.literal("HostSuspected"),
    peer: hostUuid,
    silentMs: z.number(),
    suspectAfterMs: z.number(),
    pathsSilent: z.array(path),
    coordinatorSeenBy: z.array(hostUuid),
  }),
  z.object({
    type: z.literal("HostHeardAgain"),
    peer: hostUuid,
    silentMs: z.number(),
    sameBoot: z.boolean(),
  }),
  z.object({
    type: z.literal("PeerRebooted"),
    peer: hostUuid,
    boot: z.string(),
    announced: z.boolean(),
  }),
  /** the peer said that it leaves on purpose: its silence is expected until a deadline */
  z.object({
    type: z.literal("PeerLeaving"),
    peer: hostUuid,
    how: z.enum(["reboot", "shutdown", "agent-stop"]),
  }),
  /** this agent itself did not run for so long; the time counts as nobody's silence */
  z.object({ type: z.literal("AgentStalled"), stalledMs: z.number() }),
  /** datagrams thrown away since the last such line, by reason */
  z.object({
    type: z.literal("BeatsRefused"),
    path,
    counts: z.record(z.string(), z.number().int()),
  }),
  z.object({ type: z.literal("XapiSilent"), silentMs: z.number() }),
  z.object({ type: z.literal("XapiAnswered"), silentMs: z.number() }),
  z.object({
    type: z.literal("RoleChanged"),
    role: z.enum(["coordinator", "supporter", "unknown"]),
    coordinatorAddress: z.string().nullable(),
  }),
  z.object({ type: z.literal("DomainAppeared"), vm: z.string(), vmName: z.string().nullable() }),
  z.object({ type: z.literal("DomainGone"), vm: z.string(), vmName: z.string().nullable() }),
  z.object({
    type: z.literal("ClockOffsetChanged"),
    peer: hostUuid,
    offsetMs: z.number(),
    uncertaintyMs: z.number(),
  }),
  z.object({
    type: z.literal("SettingsApplied"),
    revision: z.number().int(),
    changes: z.array(z.string()),
  }),
  z.object({
    type: z.literal("SettingsRefused"),
    revision: z.number().int().nullable(),
    problems: z.array(z.string()),
    keptRevision: z.number().int(),
  }),
  /** lines that could not be written (disk full) before this one */
  z.object({ type: z.literal("JournalGap"), lostLines: z.number().int(), reason: z.string() }),
  z.object({
    type: z.literal("LeaveAnnounced"),
    how: z.enum(["reboot", "shutdown", "agent-stop"]),
  }),
]);

export const journalLineSchema = z.object({
  v: z.literal(1),
  host: hostUuid,
  /** /proc/sys/kernel/random/boot_id of the host */
  boot: z.string(),
  /** counts every line of this host for ever */
  seq: z.number().int().nonnegative(),
  /** 0 until agents decide anything */
  term: z.number().int().nonnegative(),
  /** milliseconds of a monotonic clock since boot */
  monoMs: z.number(),
  wallMs: z.number(),
  event: journalEventSchema,
  /** the inputs that mattered, as name and value, in the printer's words */
  inputs: z.array(z.object({ name: z.string(), value: z.string() })),
  /** the rule that led here, such as "suspect-after-missed-beats" */
  rule: z.string().nullable(),
  /** one sentence from the only printer */
  text: z.string(),
});

export type JournalEvent = z.infer<typeof journalEventSchema>;
export type JournalLine = z.infer<typeof journalLineSchema>;
