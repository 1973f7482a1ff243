import type { InputOf, OutputOf } from "../../contract/console-api.ts";
import type { JournalState, TimelineItem } from "../../contract/timeline.ts";
import { Listeners } from "../streams.ts";
import type { OpenStream } from "../streams.ts";
import { TimelineBook } from "./timeline-book.ts";
import type { HostNames } from "./timeline-book.ts";
import { exportHtml, exportLines } from "./timeline-export.ts";

type Chunk = OutputOf<"timeline.watch">;

const pieceMax = 2_000;
const logMax = 400_000;

/** The book with everybody who reads along. */
export class Timeline {
  readonly book: TimelineBook;
  readonly #listeners = new Listeners();
  readonly #wallMs: () => number;
  readonly #journals: () => JournalState[];
  /** ids in the order they changed; `#dropped` of them are gone from the front */
  #log: string[] = [];
  #dropped = 0;
  #epoch = 1;

  constructor(options: {
    readonly names: HostNames;
    readonly wallMs: () => number;
    readonly journals: () => JournalState[];
  }) {
    this.#wallMs = options.wallMs;
    this.#journals = options.journals;
    this.book = new TimelineBook(options.names, (id) => {
      this.#log.push(id);
      if (this.#log.length <= logMax) return;
      this.#dropped += logMax / 2;
      this.#log = this.#log.slice(logMax / 2);
    });
  }

  /** Tells readers that something came; called once for many changes. */
  changed(): void {
    this.#listeners.call();
  }

  /** Everything is to be read again: clocks were found to be otherwise. */
  restart(): void {
    this.#epoch += 1;
    this.#listeners.call();
  }

  watch({ after }: InputOf<"timeline.watch">): OpenStream<Chunk> {
    return (wake) => {
      const reader = new Reader(after);
      const unsubscribe = this.#listeners.add(wake);
      return { take: () => this.#take(reader), close: unsubscribe };
    };
  }

  export(input: InputOf<"timeline.export">): OutputOf<"timeline.export"> {
    const { fromMs = -Infinity, toMs = Infinity, format } = input;
    const items = this.book
      .ids()
      .map((id) => this.book.item(id))
      .filter((item): item is TimelineItem => item !== undefined)
      .filter((item) => endOf(item) >= fromMs && item.atMs <= toMs)
      .toSorted((a, b) => a.atMs - b.atMs || (a.seq ?? 0) - (b.seq ?? 0));
    const stamp = new Date(this.#wallMs()).toISOString().replace(/[:.]/gu, "-");
    const about = { items, lanes: this.book.lanes(), journals: this.#journals() };
    return format === "jsonl"
      ? {
          fileName: `skink-timeline-${stamp}.jsonl`,
          mediaType: "application/jsonl",
          text: exportLines(about),
          itemCount: items.length,
        }
      : {
          fileName: `skink-timeline-${stamp}.html`,
          mediaType: "text/html",
          text: exportHtml(about, this.#wallMs()),
          itemCount: items.length,
        };
  }

  #take(reader: Reader): Chunk | null {
    const end = this.#dropped + this.#log.length;
    const isLost = reader.epoch !== this.#epoch || reader.position < this.#dropped;
    if (isLost && reader.pending === null) {
      reader.pending = this.book.ids();
      reader.isFirst = true;
      reader.epoch = this.#epoch;
      reader.position = end;
    }
    if (reader.pending !== null) return this.#piece(reader);
    const journals = JSON.stringify(this.#journals());
    if (reader.position >= end && journals === reader.journals) return null;
    const ids = this.#log.slice(reader.position - this.#dropped).slice(0, pieceMax);
    reader.position += ids.length;
    return this.#chunk(reader, "patch", [...new Set(ids)], false);
  }

  #piece(reader: Reader): Chunk {
    const ids = reader.pending ?? [];
    const rest = ids.slice(pieceMax);
    reader.pending = rest.length === 0 ? null : rest;
    return this.#chunk(
      reader,
      reader.isFirst ? "snapshot" : "patch",
      ids.slice(0, pieceMax),
      rest.length > 0,
    );
  }

  #chunk(reader: Reader, kind: Chunk["kind"], ids: readonly string[], more: boolean): Chunk {
    if (kind === "snapshot") reader.lanes.clear();
    reader.isFirst = false;
    const lanes = this.book.lanes().filter((lane) => reader.lanes.get(lane.id) !== lane.name);
    for (const lane of lanes) reader.lanes.set(lane.id, lane.name);
    const journals = this.#journals();
    reader.journals = JSON.stringify(journals);
    return {
      kind,
      atMs: this.#wallMs(),
      more,
      lanes: [...lanes],
      items: ids.map((id) => this.book.item(id)).filter((item) => item !== undefined),
      journals,
      cursor: more ? "0:0" : `${reader.epoch}:${reader.position}`,
    };
  }
}

class Reader {
  epoch = 0;
  position = 0;
  pending: readonly string[] | null = null;
  isFirst = false;
  journals = "";
  readonly lanes = new Map<string, string>();

  constructor(after: string | undefined) {
    const found = /^(\d{1,15}):(\d{1,15})$/u.exec(after ?? "");
    if (found === null) return;
    this.epoch = Number(found[1]);
    this.position = Number(found[2]);
  }
}

function endOf(item: TimelineItem): number {
  if (item.kind === "instant") return item.atMs;
  return item.toMs ?? Infinity;
}
