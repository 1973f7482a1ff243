import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JournalEvent, JournalLine } from "../../../host-agent/contract/journal.ts";
import { TimelineBook } from "./timeline-book.ts";

const line = (host: string, seq: number, event: JournalEvent, boot = "boot-1"): JournalLine => ({
  v: 1,
  host,
  boot,
  seq,
  term: 0,
  monoMs: seq * 1_000,
  wallMs: 1_000_000 + seq * 1_000,
  event,
  inputs: [{ name: "silent", value: "3 s" }],
  rule: "a-rule",
  text: `${event.type} of ${host}.`,
});

const started: JournalEvent = {
  type: "AgentStarted",
  version: "1.0.0",
  settingsRevision: 0,
  previousEnd: "unclean",
};
const silent: JournalEvent = {
  type: "PathSilent",
  peer: "B",
  path: "storage",
  silentMs: 500,
  missedBeats: 1,
};
const heard: JournalEvent = { type: "PathHeardAgain", peer: "B", path: "storage", silentMs: 4_000 };

function book(): { book: TimelineBook; changed: string[] } {
  const changed: string[] = [];
  return {
    book: new TimelineBook(
      (uuid) => `host ${uuid}`,
      (id) => void changed.push(id),
    ),
    changed,
  };
}

describe("the timeline", () => {
  it("shows silence from when it began until it ended, in the words of the agent", () => {
    const { book: one } = book();
    one.addLine(line("A", 0, silent));
    expect(one.item("A:0:span")).toMatchObject({
      kind: "span",
      laneId: "path:A:B:storage",
      atMs: 1_000_000 - 500,
      toMs: null,
      text: "PathSilent of A.",
      rule: "a-rule",
    });
    one.addLine(line("A", 1, heard));
    expect(one.item("A:0:span")).toMatchObject({ toMs: 1_001_000 });
  });

  it("takes every line once, whatever is read again", () => {
    const { book: one, changed } = book();
    const lines = [line("A", 0, started), line("A", 1, silent), line("A", 2, heard)];
    for (const each of lines) expect(one.addLine(each)).toBe(true);
    const count = changed.length;
    for (const each of lines) expect(one.addLine(each)).toBe(false);
    expect(changed.length).toBe(count);
  });

  it("shows missing lines as a gap, not as quiet", () => {
    const { book: one } = book();
    one.addLine(line("A", 3, silent));
    one.addLine(line("A", 9, heard));
    expect(one.item("A:9:gap")).toMatchObject({
      kind: "gap",
      atMs: 1_003_000,
      toMs: 1_009_000,
      text: "5 lines of this journal were not read.",
    });
  });

  it("ends what was open where an agent was last heard of before it started again", () => {
    const { book: one } = book();
    one.addLine(line("A", 0, silent));
    one.addLine(line("B", 0, { ...silent, peer: "A" }));
    one.addLine(line("A", 1, started, "boot-2"));
    expect(one.item("A:0:span")).toMatchObject({ toMs: 1_000_000 });
    expect(one.item("B:0:span")).toMatchObject({ toMs: null });
    expect(one.item("A:1:gap")).toMatchObject({ kind: "gap" });
  });

  it("puts a suspicion on the lane of the host that is suspected", () => {
    const { book: one } = book();
    const event: JournalEvent = {
      type: "HostSuspected",
      peer: "B",
      silentMs: 3_000,
      suspectAfterMs: 3_000,
      pathsSilent: ["storage"],
      coordinatorSeenBy: [],
    };
    one.addLine(line("A", 0, event));
    expect(one.item("A:0:span")).toMatchObject({ laneId: "host:B", hostUuid: "A" });
    expect(one.lanes().map(({ id }) => id)).toContain("host:B");
  });

  it("moves a host's items onto the console's clock and leaves the others", () => {
    const { book: one } = book();
    one.addLine(line("A", 0, silent));
    one.addLine(line("B", 0, silent));
    one.setOffset("A", 250);
    expect(one.item("A:0")).toMatchObject({ atMs: 999_750, wallMs: 1_000_000 });
    expect(one.item("B:0")).toMatchObject({ atMs: 1_000_000 });
  });

  it("comes to the same items however the journals of two hosts are mixed", () => {
    const events = [started, silent, heard, silent, heard];
    const ofHost = (host: string): JournalLine[] =>
      events.map((event, seq) => line(host, seq, event));
    const plain = book().book;
    for (const each of [...ofHost("A"), ...ofHost("B")]) plain.addLine(each);
    const wanted = plain
      .ids()
      .toSorted()
      .map((id) => plain.item(id));
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }), (turns) => {
        const { book: mixed } = book();
        const queues = [ofHost("A"), ofHost("B")];
        for (const turn of turns) {
          const next = queues[turn ? 0 : 1]?.shift();
          if (next !== undefined) mixed.addLine(next);
        }
        for (const rest of queues.flat()) mixed.addLine(rest);
        expect(
          mixed
            .ids()
            .toSorted()
            .map((id) => mixed.item(id)),
        ).toEqual(wanted);
      }),
    );
  });

  it("keeps the newest items when it is full", () => {
    const small = new TimelineBook(
      (uuid) => uuid,
      () => undefined,
      3,
    );
    for (let seq = 0; seq < 6; seq += 1) small.addLine(line("A", seq, heard));
    expect(small.ids()).toEqual(["A:3", "A:4", "A:5"]);
  });
});
