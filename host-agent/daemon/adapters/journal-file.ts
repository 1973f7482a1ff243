import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { journalLineSchema } from "../../contract/journal.ts";
import type { JournalLine } from "../../contract/journal.ts";

/*
 * The journal as files of JSON lines, each named by its first sequence. Lines are collected for as
 * long as the disk is busy with the lines before (group commit), and nobody is told of a line
 * before it is durable. The loop never waits for the disk: a host with a stalled disk still beats.
 */

/**
 * A line before it has a sequence: that is given when it is written, so lost lines leave no holes.
 */
export type Draft = Omit<JournalLine, "seq">;

/** What the journal needs of a disk; tests put a full or failing one here. */
export interface JournalDisk {
  append(file: string, text: string): Promise<void>;
  remove(file: string): void;
  close(): Promise<void>;
}

export interface JournalOptions {
  readonly folder: string;
  readonly bytesMax: number;
  readonly disk?: JournalDisk;
  /** makes the line that tells of lost ones */
  readonly gapDraft: (lostLines: number, reason: string) => Draft;
}

interface Segment {
  readonly file: string;
  readonly firstSeq: number;
  bytes: number;
}

const segmentsPerJournal = 8;
const pendingMax = 10_000;
const recentMax = 2_000;
const retryMs = 1_000;

export class JournalFile {
  readonly #folder: string;
  readonly #disk: JournalDisk;
  readonly #gapDraft: JournalOptions["gapDraft"];
  #bytesMax: number;
  #segments: Segment[];
  #nextSeq: number;
  #pending: Draft[] = [];
  #recent: JournalLine[] = [];
  #lost = 0;
  #trouble: string | null = null;
  #running: Promise<void> | null = null;
  #waiters: (() => void)[] = [];
  #isClosed = false;
  readonly lastLine: JournalLine | null;

  constructor(options: JournalOptions) {
    this.#folder = options.folder;
    this.#disk = options.disk ?? fileDisk();
    this.#gapDraft = options.gapDraft;
    this.#bytesMax = options.bytesMax;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    const found = openSegments(options.folder);
    this.#segments = found.segments;
    this.#nextSeq = found.nextSeq;
    this.lastLine = found.lastLine;
    if (found.tornLines > 0) {
      this.append(this.#gapDraft(found.tornLines, "the last line was cut off by a sudden end"));
    }
  }

  get firstSeq(): number {
    return this.#segments[0]?.firstSeq ?? this.#nextSeq;
  }

  /** The last durable sequence; one below `firstSeq` while there is none. */
  get lastSeq(): number {
    return this.#nextSeq - 1;
  }

  get trouble(): string | null {
    if (this.#trouble === null) return null;
    return `Lines cannot be written (${this.#trouble}); ${this.#lost} lost so far.`;
  }

  setBytesMax(bytesMax: number): void {
    this.#bytesMax = bytesMax;
  }

  append(draft: Draft): void {
    if (this.#pending.length >= pendingMax) {
      this.#lost += 1;
      return;
    }
    this.#pending.push(draft);
    this.#running ??= this.#drain();
  }

  /** Resolves when everything appended so far is durable, lost lines told; not on a full disk. */
  async settled(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  /** Gives the file back; what is not durable by now stays unwritten. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#disk.close();
  }

  /** Resolves at the next durable line, or when `aborted` resolves. */
  grown(): { promise: Promise<void>; cancel(): void } {
    let wake = (): void => undefined;
    const promise = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.#waiters.push(wake);
    return { promise, cancel: wake };
  }

  /** Durable lines after `after`, oldest first, at most `limit`. */
  read(after: number, limit: number): readonly JournalLine[] {
    const oldestRecent = this.#recent[0]?.seq;
    if (oldestRecent !== undefined && after + 1 >= oldestRecent) {
      const start = after + 1 - oldestRecent;
      return this.#recent.slice(start, start + limit);
    }
    return readLines(this.#folder, after, limit);
  }

  async #drain(): Promise<void> {
    // Lost lines are told as soon as there is space again, not only when there is more to tell.
    while (!this.#isClosed && (this.#pending.length > 0 || this.#lost > 0)) {
      const drafts = this.#pending.splice(0, 500);
      if (!(await this.#write(drafts))) await sleep(retryMs);
    }
    this.#running = null;
  }

  async #write(drafts: readonly Draft[]): Promise<boolean> {
    const lost = this.#lost;
    const told =
      lost > 0 ? [this.#gapDraft(lost, this.#trouble ?? "too many at once"), ...drafts] : drafts;
    const lines = told.map((draft, index) => ({ ...draft, seq: this.#nextSeq + index }));
    const text = lines.map((line) => `${JSON.stringify(ordered(line))}\n`).join("");
    const segment = this.#segmentFor(Buffer.byteLength(text));
    try {
      await this.#disk.append(segment.file, text);
    } catch (error) {
      this.#trouble = error instanceof Error ? error.message : String(error);
      this.#lost += drafts.length;
      return false;
    }
    segment.bytes += Buffer.byteLength(text);
    this.#lost -= lost;
    this.#trouble = null;
    this.#nextSeq += lines.length;
    this.#recent = [...this.#recent, ...lines].slice(-recentMax);
    this.#forgetOldest();
    for (const wake of this.#waiters.splice(0)) wake();
    return true;
  }

  #segmentFor(bytes: number): Segment {
    const last = this.#segments.at(-1);
    const limit = Math.floor(this.#bytesMax / segmentsPerJournal);
    if (last !== undefined && (last.bytes === 0 || last.bytes + bytes <= limit)) return last;
    const made = {
      file: join(this.#folder, segmentName(this.#nextSeq)),
      firstSeq: this.#nextSeq,
      bytes: 0,
    };
    this.#segments.push(made);
    return made;
  }

  #forgetOldest(): void {
    let total = this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
    while (total > this.#bytesMax && this.#segments.length > 1) {
      const oldest = this.#segments.shift();
      if (oldest === undefined) return;
      total -= oldest.bytes;
      this.#disk.remove(oldest.file);
    }
  }
}

/**
 * Lines straight from the files, also while no agent runs. Lines that cannot be read are left out.
 */
export function readLines(folder: string, after: number, limit: number): readonly JournalLine[] {
  const files = segmentFiles(folder);
  const start = files.findLastIndex(({ firstSeq }) => firstSeq <= after + 1);
  const found: JournalLine[] = [];
  for (const { file } of files.slice(Math.max(0, start))) {
    for (const line of parseLines(readFileSync(file, "utf8"))) {
      if (line.seq > after) found.push(line);
      if (found.length >= limit) return found;
    }
  }
  return found;
}

/** The first and last sequence in the files; `last` is -1 when there is no line. */
export function journalRange(folder: string): { firstSeq: number; lastSeq: number } {
  const files = segmentFiles(folder);
  const last = files.at(-1);
  if (last === undefined) return { firstSeq: 0, lastSeq: -1 };
  const lines = parseLines(readFileSync(last.file, "utf8"));
  return {
    firstSeq: files[0]?.firstSeq ?? 0,
    lastSeq: lines.at(-1)?.seq ?? last.firstSeq - 1,
  };
}

function openSegments(folder: string): {
  segments: Segment[];
  nextSeq: number;
  tornLines: number;
  lastLine: JournalLine | null;
} {
  const segments: Segment[] = [];
  let nextSeq = 0;
  let tornLines = 0;
  let lastLine: JournalLine | null = null;
  const files = segmentFiles(folder);
  for (const [index, { file, firstSeq }] of files.entries()) {
    const isLast = index === files.length - 1;
    const bytes = readFileSync(file);
    let length = bytes.length;
    if (isLast) {
      // Only the last file is ever written to, so only it can end in half a line.
      length = bytes.lastIndexOf(0x0a) + 1;
      if (length < bytes.length) {
        truncateSync(file, length);
        tornLines = 1;
      }
      const lines = parseLines(bytes.toString("utf8", 0, length));
      lastLine = lines.at(-1) ?? null;
      nextSeq = Math.max(firstSeq, (lastLine?.seq ?? -1) + 1);
    }
    segments.push({ file, firstSeq, bytes: length });
  }
  return { segments, nextSeq, tornLines, lastLine };
}

function segmentFiles(folder: string): { file: string; firstSeq: number }[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    // No folder: nothing was ever written.
    return [];
  }
  return names
    .filter((name) => /^\d{12}\.jsonl$/.test(name))
    .toSorted()
    .map((name) => ({ file: join(folder, name), firstSeq: Number(name.slice(0, 12)) }));
}

function segmentName(firstSeq: number): string {
  return `${String(firstSeq).padStart(12, "0")}.jsonl`;
}

function parseLines(text: string): JournalLine[] {
  return text.split("\n").flatMap((row) => {
    if (row === "") return [];
    try {
      const parsed = journalLineSchema.safeParse(JSON.parse(row));
      return parsed.success ? [parsed.data] : [];
    } catch {
      // A damaged line is left out; its sequence is missing where somebody reads on.
      return [];
    }
  });
}

/** Keys in the order a person reads them. */
function ordered(line: JournalLine): JournalLine {
  const { v, host, boot, seq, term, monoMs, wallMs, event, inputs, rule, text } = line;
  return { v, host, boot, seq, term, monoMs, wallMs, event, inputs, rule, text };
}

function fileDisk(): JournalDisk {
  let current: { file: string; handle: FileHandle; bytes: number } | null = null;
  const handleOf = async (file: string): Promise<{ handle: FileHandle; bytes: number }> => {
    if (current?.file === file) return current;
    await current?.handle.close();
    current = null;
    const handle = await open(file, "a", 0o600);
    current = { file, handle, bytes: (await handle.stat()).size };
    return current;
  };
  return {
    async append(file, text) {
      const opened = await handleOf(file);
      try {
        await opened.handle.appendFile(text);
        await opened.handle.datasync();
        opened.bytes += Buffer.byteLength(text);
      } catch (error) {
        // Half a line at the end would swallow the next one.
        await opened.handle.truncate(opened.bytes).catch(() => undefined);
        await opened.handle.close().catch(() => undefined);
        current = null;
        throw error;
      }
    },
    remove: (file) => unlinkSync(file),
    async close() {
      await current?.handle.close();
      current = null;
    },
  };
}

/** Why no line could be written now, null when one could; "absent" before the first start. */
export function probeWritable(folder: string): string | null {
  if (!existsSync(folder)) return "absent";
  const file = join(folder, ".probe");
  try {
    writeFileSync(file, "probe\n");
    unlinkSync(file);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function sleep(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs));
}
