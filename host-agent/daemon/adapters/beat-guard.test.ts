import { createHmac, randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { BeatGuard } from "./beat-guard.ts";
import {
  beatKey,
  datagramBytesMax,
  decodeBeat,
  encodeBeat,
  markOf,
  shortMarkOf,
} from "./beat-wire.ts";
import type { WireBeat } from "./beat-wire.ts";

/** Numbers in a row instead of dice, so that a test can name them. */
function counter(prefix: string): () => string {
  let next = 0;
  return () => {
    next += 1;
    return `${prefix}${next}`;
  };
}

describe("which authentic datagrams count", () => {
  test("the first one is a greeting, and the one that brings the question back counts", () => {
    const guard = new BeatGuard(counter("q"));
    const first = { instance: "i1", seq: 1, challenge: "c1", echoes: [] };
    expect(guard.judge("b", "mgmt", first)).toEqual({ status: "greeting" });
    expect(guard.echoesFor("b")).toEqual(["c1"]);
    const second = { ...first, seq: 2, echoes: [guard.questionFor("b")] };
    expect(guard.judge("b", "mgmt", second)).toEqual({ status: "counted" });
    const third = { ...first, seq: 3, echoes: [] };
    expect(guard.judge("b", "mgmt", third)).toEqual({ status: "counted" });
  });

  function proven(): { guard: BeatGuard; answered: string } {
    const guard = new BeatGuard(counter("q"));
    const answered = guard.questionFor("b");
    guard.judge("b", "mgmt", { instance: "i1", seq: 5, challenge: "c1", echoes: [answered] });
    return { guard, answered };
  }

  test("the same sequence, or an earlier one, is refused on its path and new on another", () => {
    const { guard, answered } = proven();
    const again = { instance: "i1", seq: 5, challenge: "c1", echoes: [answered] };
    expect(guard.judge("b", "mgmt", again)).toEqual({ status: "refused", reason: "old-sequence" });
    expect(guard.judge("b", "storage", again)).toEqual({ status: "counted" });
  });

  test("an earlier start, sent again after a new one was proven, does not come back", () => {
    const { guard, answered } = proven();
    const next = { instance: "i2", seq: 1, challenge: "c2", echoes: [guard.questionFor("b")] };
    expect(guard.judge("b", "mgmt", next)).toEqual({ status: "counted" });
    const kept = { instance: "i1", seq: 99, challenge: "c1", echoes: [answered] };
    expect(guard.judge("b", "mgmt", kept)).toEqual({ status: "refused", reason: "older-boot" });
    expect(guard.judge("b", "mgmt", { ...next, seq: 2 })).toEqual({ status: "counted" });
  });

  test("what was recorded before this agent started proves nothing, however often it comes", () => {
    const guard = new BeatGuard(counter("q"));
    const recorded = { instance: "i1", seq: 1, challenge: "c1", echoes: ["of-an-earlier-start"] };
    const verdicts = Array.from({ length: 25 }, (_, index) =>
      guard.judge("b", "mgmt", { ...recorded, seq: index }),
    );
    expect(verdicts.filter(({ status }) => status === "counted")).toEqual([]);
    expect(verdicts.at(-1)).toEqual({ status: "refused", reason: "unproven" });
  });

  test("recorded greetings do not keep a real new start from being proven", () => {
    const { guard } = proven();
    guard.judge("b", "mgmt", { instance: "i2", seq: 1, challenge: "c2", echoes: [] });
    guard.judge("b", "mgmt", { instance: "i0", seq: 1, challenge: "c0", echoes: [] });
    expect(guard.echoesFor("b")).toContain("c2");
    const real = { instance: "i2", seq: 2, challenge: "c2", echoes: [guard.questionFor("b")] };
    expect(guard.judge("b", "mgmt", real)).toEqual({ status: "counted" });
  });
});

describe("a datagram", () => {
  const key = beatKey(Buffer.alloc(32, 7));
  const beat: WireBeat = {
    protocol: 1,
    pool: markOf("pool"),
    from: markOf("a"),
    to: markOf("b"),
    path: shortMarkOf("mgmt"),
    instance: "00000000000000aa",
    seq: 12_345_678_901,
    hearsYou: true,
    role: "supporter",
    leaving: "shutdown",
    sentMonoMs: 12.5,
    sentWallMs: 1_700_000_000_000.25,
    echo: { monoMs: 3, heldMs: 0.5 },
    challenge: "00000000000000bb",
    beatIntervalMs: 500,
    echoes: ["00000000000000cc", "00000000000000dd"],
    boot: "1b2235e0-c464-4a3b-bfb0-6088ce984005",
    version: "0.1.0+abcdef01",
    digest: "3-12345678",
    hears: [shortMarkOf("c")],
  };

  test("comes out as it went in", () => {
    expect(decodeBeat(encodeBeat(beat, key), key)).toEqual({ status: "authentic", beat });
    const silent = { ...beat, echo: null, leaving: null, hearsYou: false, hears: [], echoes: [] };
    expect(decodeBeat(encodeBeat(silent, key), key)).toEqual({ status: "authentic", beat: silent });
  });

  test("of a pool of 64 hosts fits one packet", () => {
    const hears = Array.from({ length: 64 }, (_, index) => shortMarkOf(String(index)));
    const echoes = Array.from({ length: 4 }, () => "00000000000000cc");
    expect(encodeBeat({ ...beat, hears, echoes }, key).length).toBeLessThan(datagramBytesMax / 2);
  });

  test("with any bit changed is refused", () => {
    const datagram = encodeBeat(beat, key);
    const accepted = Array.from({ length: datagram.length * 8 }, (_, bit) => {
      const changed = Buffer.from(datagram);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return decodeBeat(changed, key).status;
    }).filter((status) => status === "authentic");
    expect(accepted).toEqual([]);
  });

  test("under another key, too long, or of chance bytes is refused with its reason", () => {
    const other = beatKey(Buffer.alloc(32, 8));
    const refusals = [
      decodeBeat(encodeBeat(beat, other), key),
      decodeBeat(Buffer.alloc(datagramBytesMax + 1), key),
      decodeBeat(randomBytes(200), key),
      decodeBeat(Buffer.alloc(0), key),
    ];
    expect(refusals).toEqual(
      ["wrong-key", "too-long", "malformed", "malformed"].map((reason) => {
        return { status: "refused", reason };
      }),
    );
  });

  test("of a later version with more at its end is understood", () => {
    const body = Buffer.concat([encodeBeat(beat, key).subarray(0, -32), Buffer.from("more")]);
    const longer = Buffer.concat([body, hmac(body, key)]);
    expect(decodeBeat(longer, key)).toEqual({ status: "authentic", beat });
  });
});

function hmac(body: Buffer, key: Buffer): Buffer {
  return createHmac("sha256", key).update(body).digest();
}
