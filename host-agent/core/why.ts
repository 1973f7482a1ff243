import type { Named } from "./effect.ts";
import type { JournalEvent } from "./journal-event.ts";
import type { Names } from "./describe.ts";
import { list } from "./words.ts";

/** What an explanation needs of a journal line. */
export interface ToldLine {
  readonly seq: number;
  readonly event: JournalEvent;
  readonly inputs: readonly Named[];
  readonly rule: string | null;
  readonly text: string;
}

export interface Explanation {
  readonly sentences: readonly string[];
  /** sequences of the lines that the sentences rest on, oldest first */
  readonly seqs: readonly number[];
}

const linesMax = 12;

/**
 * Why a host is seen as it is: the last lines about it, oldest first, each with its rule and
 * inputs. Without a host, the last lines about this one. `lines` in their order.
 */
export function why(lines: readonly ToldLine[], host: string | null, names: Names): Explanation {
  const about = lines.filter((line) => subjectOf(line.event) === host).slice(-linesMax);
  const who = host === null ? "this host" : (names[host] ?? host);
  if (about.length === 0) {
    return { sentences: [`The journal has no line about ${who}.`], seqs: [] };
  }
  return { sentences: about.map(told), seqs: about.map(({ seq }) => seq) };
}

function told(line: ToldLine): string {
  const because = line.inputs.map(({ name, value }) => `${name} ${value}`);
  const inputs = because.length === 0 ? "" : ` Seen: ${list(because)}.`;
  const rule = line.rule === null ? "" : ` Rule: ${line.rule}.`;
  return `${line.text}${inputs}${rule}`;
}

/** The peer that an event is about; null for this host. */
function subjectOf(event: JournalEvent): string | null {
  return "peer" in event ? event.peer : null;
}
