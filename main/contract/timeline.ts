import { z } from "zod";

/*
 * What happened, by whoever wrote it down: journals of the agents, messages of XAPI, the console's
 * own acts. Times are on the console's clock: a host's wall clock minus its measured offset.
 */

export const laneSchema = z.object({
  /** "host:UUID", "path:HOST:PEER:PATH", "vm:UUID", "console" */
  id: z.string(),
  kind: z.enum(["console", "host", "path", "vm"]),
  name: z.string(),
  /** the lane it belongs under, null for the outermost */
  parentId: z.string().nullable(),
  hostUuid: z.string().nullable(),
});

const itemBase = z.object({
  id: z.string(),
  laneId: z.string(),
  source: z.enum(["journal", "xapi", "console"]),
  /** the agent that wrote it, null for XAPI and the console */
  hostUuid: z.string().nullable(),
  /** of the agent's line: what order is made of, whatever the clocks say */
  boot: z.string().nullable(),
  seq: z.number().int().nullable(),
  /** as written by its source, uncorrected */
  wallMs: z.number(),
  /** the journal event, XAPI message name or console act, such as "HostSuspected" */
  type: z.string(),
  tone: z.enum(["neutral", "good", "notice", "bad"]),
  /** short, for the bar itself */
  title: z.string(),
  /** one sentence in the words of its source */
  text: z.string(),
  inputs: z.array(z.object({ name: z.string(), value: z.string() })),
  rule: z.string().nullable(),
});

/**
 * `span.toMs` null: it lasts still. `gap`: nothing is known of this stretch (the agent did not run,
 * its disk was full, or its journal was trimmed); it must not look like quiet.
 */
export const timelineItemSchema = z.discriminatedUnion("kind", [
  itemBase.extend({ kind: z.literal("instant"), atMs: z.number() }),
  itemBase.extend({ kind: z.literal("span"), atMs: z.number(), toMs: z.number().nullable() }),
  itemBase.extend({ kind: z.literal("gap"), atMs: z.number(), toMs: z.number() }),
]);

/** How far a journal has been read. */
export const journalStateSchema = z.object({
  hostUuid: z.string(),
  hostName: z.string(),
  /** -1: nothing read yet */
  lastSeq: z.number().int(),
  isLive: z.boolean(),
  sentence: z.string(),
  /** the host's clock minus the console's */
  clockOffsetMs: z.number().nullable(),
  clockUncertaintyMs: z.number().nullable(),
});

/**
 * First a snapshot, in pieces of at most 2,000 items (`more` while pieces follow), then patches. An
 * item with an id that is there already replaces it: open spans end that way.
 */
export const timelineChunkSchema = z.object({
  kind: z.enum(["snapshot", "patch"]),
  atMs: z.number(),
  more: z.boolean(),
  /** all lanes in the snapshot's first piece, later the new ones */
  lanes: z.array(laneSchema),
  items: z.array(timelineItemSchema),
  /** whole list when present */
  journals: z.array(journalStateSchema).optional(),
  /** give it back as `after` to receive only what came later; a cursor too old gets a snapshot */
  cursor: z.string(),
});

export const timelineExportSchema = z.object({
  fileName: z.string(),
  mediaType: z.enum(["application/jsonl", "text/html"]),
  text: z.string(),
  itemCount: z.number().int(),
});

export type Lane = z.infer<typeof laneSchema>;
export type TimelineItem = z.infer<typeof timelineItemSchema>;
export type JournalState = z.infer<typeof journalStateSchema>;
export type TimelineChunk = z.infer<typeof timelineChunkSchema>;
