import { describe, expect, it } from "vitest";
import type { JournalEvent } from "../../../host-agent/contract/journal.ts";
import type { TimelineChunk } from "../../contract/timeline.ts";
import { Timeline } from "./timeline.ts";

const heard: JournalEvent = { type: "XapiAnswered", silentMs: 1_000 };

function timeline(): Timeline {
  return new Timeline({ names: (uuid) => uuid, wallMs: () => 5_000, journals: () => [] });
}

function write(to: Timeline, from: number, count: number, text = "said"): void {
  for (let seq = from; seq < from + count; seq += 1) {
    to.book.addLine({
      v: 1,
      host: "A",
      boot: "b",
      seq,
      term: 0,
      monoMs: seq,
      wallMs: seq,
      event: heard,
      inputs: [],
      rule: null,
      text,
    });
  }
  to.changed();
}

/** Everything a reader is given until there is nothing new. */
function reader(of: Timeline, after?: string): { read(): TimelineChunk[] } {
  const source = of.watch({ poolId: "p", ...(after === undefined ? {} : { after }) })(
    () => undefined,
  );
  return {
    read() {
      const chunks: TimelineChunk[] = [];
      for (let one = source.take(); one !== null; one = source.take()) chunks.push(one);
      return chunks;
    },
  };
}

describe("a reader of the timeline", () => {
  it("gets a snapshot in pieces, then only what is new", () => {
    const of = timeline();
    write(of, 0, 4_500);
    const one = reader(of);
    const first = one.read();
    expect(first.map(({ kind, more, items }) => [kind, more, items.length])).toEqual([
      ["snapshot", true, 2_000],
      ["patch", true, 2_000],
      ["patch", false, 500],
    ]);
    write(of, 4_500, 3);
    const next = one.read();
    expect(next.map(({ kind, items }) => [kind, items.length])).toEqual([["patch", 3]]);
    expect(one.read()).toEqual([]);
  });

  it("goes on from a cursor without a second snapshot", () => {
    const of = timeline();
    write(of, 0, 10);
    const cursor = reader(of).read().at(-1)?.cursor;
    write(of, 10, 2);
    const again = reader(of, cursor).read();
    expect(again.map(({ kind, items }) => [kind, items.length])).toEqual([["patch", 2]]);
  });

  it("gets everything anew when its cursor is of another console, or clocks were corrected", () => {
    const of = timeline();
    write(of, 0, 10);
    expect(reader(of, "77:3").read()[0]?.kind).toBe("snapshot");
    expect(reader(of, "nonsense").read()[0]?.kind).toBe("snapshot");
    const one = reader(of);
    one.read();
    of.book.setOffset("A", 3);
    of.restart();
    const [snapshot] = one.read();
    expect(snapshot?.kind).toBe("snapshot");
    expect(snapshot?.items[5]).toMatchObject({ atMs: 2, wallMs: 5 });
  });

  it("can take it away as lines of JSON and as a page that holds no code of others", () => {
    const of = timeline();
    write(of, 0, 1, `<script>alert("x")</script> & more`);
    const page = of.export({ poolId: "p", format: "html" });
    expect(page.text).toContain("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; more");
    expect(page.text).not.toContain("<script");
    const lines = of.export({ poolId: "p", format: "jsonl", fromMs: 1 });
    expect(lines.itemCount).toBe(0);
    expect(JSON.parse(lines.text)).toMatchObject({ kind: "head", v: 1 });
  });
});
