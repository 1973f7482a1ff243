import fc from "fast-check";
import { describe as about, expect, test } from "vitest";
import type { Effect } from "./effect.ts";
import type { Beat, Input, Settings } from "./input.ts";
import type { JournalEvent } from "./journal-event.ts";
import { initialState } from "./state.ts";
import type { State } from "./state.ts";
import { step } from "./step.ts";
import { linkViews } from "./view.ts";

const settings: Settings = {
  revision: 0,
  beatIntervalMs: 500,
  suspectAfterMissedBeats: 6,
  xapiProbeIntervalMs: 2_000,
  xapiProbeTimeoutMs: 5_000,
  domainScanIntervalMs: 2_000,
  clockOffsetReportMs: 1_000,
  journalBytesMax: 67_108_864,
};

const paths = ["mgmt", "storage"];

/** An agent on host a with one peer b on two paths, and all it recorded. */
class Watch {
  state: State;
  readonly records: { atMs: number; event: JournalEvent }[] = [];
  readonly beats: Extract<Effect, { type: "SendBeat" }>[] = [];
  #seq = 0;

  constructor() {
    const config = { host: "a", version: "1", peers: [{ uuid: "b", name: "b", paths }] };
    this.state = initialState({ config, settings, settingsSource: "default", monoMs: 0 });
  }

  take(monoMs: number, input: Input): void {
    const { state, effects } = step(this.state, input, { monoMs });
    this.state = state;
    for (const effect of effects) {
      if (effect.type === "Record") this.records.push({ atMs: monoMs, event: effect.event });
      if (effect.type === "SendBeat") this.beats.push(effect);
    }
  }

  tick(monoMs: number): void {
    this.take(monoMs, { type: "Tick" });
  }

  beat(monoMs: number, path: string, said: Partial<Beat> = {}): void {
    this.#seq += 1;
    const beat: Beat = {
      peer: "b",
      path,
      boot: "boot-1",
      instance: "instance-1",
      seq: this.#seq,
      hearsUs: true,
      hears: ["a"],
      role: "supporter",
      version: "1",
      digest: "0-0",
      beatIntervalMs: 500,
      leaving: null,
      sentWallMs: 1_000_000 + monoMs,
      roundTripMs: 2,
      ...said,
    };
    this.take(monoMs, { type: "BeatReceived", beat, receivedWallMs: 1_000_001 + monoMs });
  }

  /** both paths, every half second, until just before `untilMs`; the loop ticks after each */
  beatsFrom(fromMs: number, untilMs: number, on: readonly string[] = paths): void {
    for (let atMs = fromMs; atMs < untilMs; atMs += 500) {
      for (const path of on) this.beat(atMs, path);
      this.tick(atMs + 1);
    }
  }

  types(): string[] {
    return this.records.map(({ event }) => event.type);
  }

  of<Type extends JournalEvent["type"]>(type: Type): Extract<JournalEvent, { type: Type }>[] {
    return this.records.flatMap(({ event }) =>
      event.type === type ? [event as Extract<JournalEvent, { type: Type }>] : [],
    );
  }
}

about("a host falls silent", () => {
  test("it is suspected after six missed beats on every path, not a moment earlier", () => {
    const watch = new Watch();
    watch.beatsFrom(0, 5_000);
    watch.tick(4_500 + 2_999);
    expect(watch.types()).toEqual(["PathHeard", "PathHeard"]);
    watch.tick(4_500 + 3_000);
    expect(watch.of("HostSuspected")).toEqual([
      {
        type: "HostSuspected",
        peer: "b",
        silentMs: 3_000,
        suspectAfterMs: 3_000,
        pathsSilent: ["mgmt", "storage"],
        coordinatorSeenBy: [],
      },
    ]);
    expect(watch.types().slice(2)).toEqual(["PathSilent", "PathSilent", "HostSuspected"]);
  });

  test("one path alone makes the path silent and no host suspected", () => {
    const watch = new Watch();
    watch.beatsFrom(0, 5_000);
    watch.beatsFrom(5_000, 15_000, ["storage"]);
    expect(watch.types().slice(2)).toEqual(["PathSilent"]);
    expect(watch.of("PathSilent")[0]).toMatchObject({ path: "mgmt", missedBeats: 6 });
  });

  test("it is heard again in the same boot, and a path at a time", () => {
    const watch = new Watch();
    watch.beatsFrom(0, 1_000);
    watch.tick(10_000);
    watch.beatsFrom(11_000, 12_000);
    expect(watch.types().slice(5)).toEqual(["HostHeardAgain", "PathHeardAgain", "PathHeardAgain"]);
    expect(watch.of("HostHeardAgain")[0]).toMatchObject({ silentMs: 10_500, sameBoot: true });
  });

  test("another boot is a reboot, announced or not", () => {
    const watch = new Watch();
    watch.beatsFrom(0, 1_000);
    watch.tick(10_000);
    watch.beat(20_000, "mgmt", { boot: "boot-2" });
    expect(watch.of("PeerRebooted")).toEqual([
      { type: "PeerRebooted", peer: "b", boot: "boot-2", announced: false },
    ]);
    expect(watch.of("HostHeardAgain")[0]?.sameBoot).toBe(false);
    watch.beat(20_500, "mgmt", { boot: "boot-2", leaving: "reboot" });
    watch.beat(60_000, "mgmt", { boot: "boot-3" });
    expect(watch.of("PeerRebooted")[1]?.announced).toBe(true);
  });

  test("an announced leave suspects nobody before its deadline, and does after it", () => {
    const watch = new Watch();
    watch.beatsFrom(0, 1_000);
    watch.beat(1_000, "mgmt", { leaving: "agent-stop" });
    watch.tick(120_999);
    expect(watch.of("HostSuspected")).toEqual([]);
    expect(watch.state.peers["b"]?.state).toBe("leaving");
    watch.tick(121_000);
    expect(watch.of("HostSuspected")).toHaveLength(1);
  });

  test("a peer that was never heard is not suspected", () => {
    const watch = new Watch();
    for (let atMs = 0; atMs < 60_000; atMs += 500) watch.tick(atMs);
    expect(watch.types()).toEqual([]);
  });
});

about("settings reach hosts one after the other", () => {
  test("a peer that still beats, or already beats, more slowly is given its own rhythm", () => {
    const watch = new Watch();
    watch.beat(0, "mgmt", { beatIntervalMs: 5_000 });
    watch.tick(29_999);
    expect(watch.types()).toEqual(["PathHeard"]);
    watch.tick(30_000);
    expect(watch.of("PathSilent")).toMatchObject([{ silentMs: 30_000, missedBeats: 6 }]);
  });
});

about("the agent itself was late", () => {
  test("its own stall is nobody's silence, and is written down", () => {
    const watch = new Watch();
    watch.beatsFrom(0, 5_000);
    watch.take(15_000, { type: "LoopWasLate", lateMs: 9_500 });
    watch.tick(15_000);
    expect(watch.types().slice(2)).toEqual(["AgentStalled"]);
    watch.tick(16_999);
    expect(watch.of("HostSuspected")).toEqual([]);
    watch.tick(17_000);
    expect(watch.of("HostSuspected")).toHaveLength(1);
  });
});

about("one direction only", () => {
  test("a peer that no longer hears this host is heard one-way, once, until it says otherwise", () => {
    const watch = new Watch();
    watch.beatsFrom(0, 2_000);
    for (let atMs = 2_000; atMs < 9_000; atMs += 500) {
      watch.beat(atMs, "mgmt", { hearsUs: false });
      watch.beat(atMs, "storage");
      watch.tick(atMs + 1);
    }
    expect(watch.of("PathOneWay")).toEqual([{ type: "PathOneWay", peer: "b", path: "mgmt" }]);
    expect(linkViews(watch.state, 8_600).map(({ state }) => state)).toEqual(["one-way", "heard"]);
    watch.beat(9_000, "mgmt");
    expect(watch.of("PathBothWays")).toEqual([
      { type: "PathBothWays", peer: "b", path: "mgmt", oneWayMs: 7_000 },
    ]);
  });

  test("a beat tells the peer on which path it is heard", () => {
    const watch = new Watch();
    watch.beatsFrom(0, 1_000, ["mgmt"]);
    watch.tick(1_001);
    const last = watch.beats.slice(-2).map(({ path, hearsYou }) => ({ path, hearsYou }));
    expect(last).toEqual([
      { path: "mgmt", hearsYou: true },
      { path: "storage", hearsYou: false },
    ]);
  });
});

about("what is measured", () => {
  test("margin now, and the worst of the last hour", () => {
    const watch = new Watch();
    watch.beat(0, "mgmt");
    watch.beat(2_400, "mgmt");
    watch.beat(2_900, "mgmt");
    const [mgmt] = linkViews(watch.state, 3_000);
    expect(mgmt).toMatchObject({ marginMs: 2_900, worstMarginMs: 600, lastBeatAgeMs: 100 });
    watch.beatsFrom(3_400, 4_000_000, ["mgmt"]);
    expect(linkViews(watch.state, 4_000_000)[0]?.worstMarginMs).toBe(2_500);
  });

  test("a peer's clock is told when it moved by more than the settings allow, once a minute", () => {
    const watch = new Watch();
    const ahead = (atMs: number, byMs: number): void =>
      watch.beat(atMs, "mgmt", { sentWallMs: 1_000_000 + atMs + byMs });
    ahead(0, 500);
    expect(watch.of("ClockOffsetChanged")).toEqual([]);
    ahead(500, 90_000);
    ahead(1_000, 50_000);
    expect(watch.of("ClockOffsetChanged")).toEqual([
      { type: "ClockOffsetChanged", peer: "b", offsetMs: 90_000, uncertaintyMs: 1 },
    ]);
    ahead(61_000, 0);
    expect(watch.of("ClockOffsetChanged")).toHaveLength(2);
  });

  test("refused datagrams are told soon, then summed up by the minute", () => {
    const watch = new Watch();
    for (let atMs = 0; atMs <= 120_000; atMs += 100) {
      const refusal = { path: "mgmt", reason: "wrong-key", peer: null, count: 10 } as const;
      watch.take(atMs, { type: "BeatRefused", ...refusal });
      if (atMs % 500 === 0) watch.tick(atMs);
    }
    expect(watch.of("BeatsRefused").map(({ counts }) => counts)).toEqual([
      { "wrong-key": 310 },
      { "wrong-key": 6_000 },
    ]);
  });
});

about("whatever the network does", () => {
  const gap = fc.integer({ min: 1, max: 2_900 });

  test("a peer whose beats come in time on any one path is never suspected", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(gap, fc.constantFrom(...paths)), { minLength: 1, maxLength: 200 }),
        (arrivals) => {
          const watch = new Watch();
          let atMs = 0;
          for (const [gapMs, path] of arrivals) {
            for (let tickMs = atMs; tickMs < atMs + gapMs; tickMs += 250) watch.tick(tickMs);
            atMs += gapMs;
            watch.beat(atMs, path);
          }
          expect(watch.of("HostSuspected")).toEqual([]);
        },
      ),
    );
  });

  test("a peer that goes silent is suspected within the limit and one turn, own lateness added", () => {
    const lateness = fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 5 });
    fc.assert(
      fc.property(lateness, fc.integer({ min: 1, max: 500 }), (lateTimes, turnMs) => {
        const watch = new Watch();
        watch.beatsFrom(0, 3_000);
        let atMs = 2_500;
        for (const lateMs of lateTimes) {
          atMs += lateMs;
          watch.take(atMs, { type: "LoopWasLate", lateMs });
        }
        const counted = lateTimes.filter((lateMs) => lateMs >= 250);
        const lateTotal = counted.reduce((sum, lateMs) => sum + lateMs, 0);
        const limitMs = 2_500 + 3_000 + lateTotal + turnMs;
        while (atMs <= limitMs) {
          watch.tick(atMs);
          atMs += turnMs;
        }
        const suspected = watch.records.find(({ event }) => event.type === "HostSuspected");
        expect(suspected?.atMs).toBeGreaterThanOrEqual(5_500 + lateTotal);
        expect(suspected?.atMs).toBeLessThanOrEqual(limitMs);
      }),
    );
  });

  test("flapping of any kind writes a bounded number of lines", () => {
    const arrival = fc.record({
      gapMs: fc.integer({ min: 1, max: 4_000 }),
      path: fc.constantFrom(...paths),
      hearsUs: fc.boolean(),
      offsetMs: fc.integer({ min: -100_000, max: 100_000 }),
    });
    fc.assert(
      fc.property(fc.array(arrival, { minLength: 20, maxLength: 300 }), (arrivals) => {
        const watch = new Watch();
        let atMs = 0;
        for (const { gapMs, path, hearsUs, offsetMs } of arrivals) {
          for (let tickMs = atMs; tickMs < atMs + gapMs; tickMs += 500) watch.tick(tickMs);
          atMs += gapMs;
          watch.beat(atMs, path, { hearsUs, sentWallMs: 1_000_000 + atMs + offsetMs });
        }
        // Per path silent and heard again in 3 s, per host the same, one-way twice in 10 s and
        // path, the clock once a minute; and what each may do once at the start.
        const lines =
          8 + 4 * (atMs / 3_000) + 2 * (atMs / 3_000) + 4 * (atMs / 10_000) + atMs / 60_000;
        expect(watch.records.length).toBeLessThanOrEqual(Math.ceil(lines));
      }),
    );
  });
});
