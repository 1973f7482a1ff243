import { spawn, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { journalLineSchema } from "../host-agent/contract/journal.ts";
import {
  AgentPool,
  addressOf,
  pause,
  sourceProgram,
  udpPort,
  until,
  uuidOf,
} from "./agents/agent-process.ts";
import type { Wiring } from "./agents/agent-process.ts";
import { openRelay } from "./agents/udp-relay.ts";
import type { Relay } from "./agents/udp-relay.ts";

/*
 * Agents as real processes that hear each other over real sockets. Every directed path of a wired
 * pool is a relay that a test can cut, listen to and send through.
 */

const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

function open(wiring: Wiring, keyOf?: (host: string) => string): AgentPool {
  const pool = new AgentPool(wiring, keyOf);
  ends.push(() => pool.end());
  return pool;
}

/** A pool in which every directed link is a relay, by "from>to path". */
async function openWired(net: number): Promise<{ pool: AgentPool; link: (name: string) => Relay }> {
  const plain: Wiring = { hosts: ["a", "b"], paths: ["mgmt", "storage"], net };
  const relays = new Map<string, Relay>();
  for (const [from, to] of [
    ["a", "b"],
    ["b", "a"],
  ] as const) {
    for (const path of plain.paths) {
      const target = { address: addressOf(plain, to, path), port: udpPort };
      const relay = await openRelay(`127.${net}.200.1`, target);
      relays.set(`${from}>${to} ${path}`, relay);
      ends.push(relay.close);
    }
  }
  const link = (name: string): Relay => {
    const relay = relays.get(name);
    if (relay === undefined) throw new Error(`no link ${name}`);
    return relay;
  };
  const pool = open({
    ...plain,
    via: (from, to, path) => {
      return { address: `127.${net}.200.1`, port: link(`${from}>${to} ${path}`).port };
    },
  });
  return { pool, link };
}

const limitMs = 3_000;
/** a turn of the loop, and what two busy cores may add */
const toleranceMs = 1_500;

describe("three hosts on two paths", () => {
  test("hear each other; one that is killed is suspected in time by both and live again later", async () => {
    const pool = open({ hosts: ["a", "b", "c"], paths: ["mgmt", "storage"], net: 41 });
    for (const host of ["a", "b", "c"]) pool.start(host);
    await pool.allHeard(["a", "b", "c"]);
    expect((await pool.status("a")).state).toBe("observing");
    expect((await pool.status("a")).peers.map(({ state, hears }) => [state, hears.length])).toEqual(
      [
        ["live", 2],
        ["live", 2],
      ],
    );
    const killedMs = Date.now();
    await pool.stop("b", "SIGKILL");
    for (const host of ["a", "c"]) {
      await until(`${host} suspects b`, () => pool.of(host, "HostSuspected").length > 0);
      const [line] = pool.of(host, "HostSuspected");
      expect(line?.event).toMatchObject({ peer: uuidOf("b"), pathsSilent: ["mgmt", "storage"] });
      expect((line?.wallMs ?? 0) - killedMs).toBeLessThanOrEqual(limitMs + toleranceMs);
      expect(line?.text).toContain("b is suspected: silent on 2 paths");
    }
    expect(pool.run("a", "why", "b").stdout).toContain("Rule: suspect-after-missed-beats.");
    pool.start("b");
    await pool.allHeard(["a", "b", "c"]);
    expect(pool.of("a", "HostHeardAgain")).toHaveLength(1);
    expect(pool.of("b", "AgentStarted").map(({ event }) => event.previousEnd)).toEqual([
      "first",
      "unclean",
    ]);
  });

  test("one that stops when asked is leaving, not suspected, and starts as after a clean end", async () => {
    const pool = open({ hosts: ["a", "b"], paths: ["mgmt"], net: 42 });
    pool.start("a");
    pool.start("b");
    await pool.allHeard(["a", "b"]);
    await pool.stop("b", "SIGTERM");
    await until("a sees the silence", () => pool.of("a", "PathSilent").length > 0);
    expect(pool.of("a", "PeerLeaving")).toHaveLength(1);
    expect(pool.of("a", "HostSuspected")).toEqual([]);
    expect((await pool.status("a")).peers[0]?.state).toBe("leaving");
    expect(
      pool
        .journal("b")
        .slice(-2)
        .map(({ event }) => event.type),
    ).toEqual(["LeaveAnnounced", "AgentStopped"]);
    pool.start("b");
    await until("b is live", async () => (await pool.status("a")).peers[0]?.state === "live");
    expect(pool.of("b", "AgentStarted")[1]?.event.previousEnd).toBe("clean");
  });

  test("one that stood still for ten seconds blames nobody else for it", async () => {
    const pool = open({ hosts: ["a", "b"], paths: ["mgmt"], net: 43 });
    pool.start("a");
    pool.start("b");
    await pool.allHeard(["a", "b"]);
    pool.signal("a", "SIGSTOP");
    await pause(8_000);
    pool.signal("a", "SIGCONT");
    await until("a notices", () => pool.of("a", "AgentStalled").length > 0);
    await pause(2_000);
    expect(pool.of("a", "HostSuspected")).toEqual([]);
    expect(pool.of("b", "HostSuspected")).toHaveLength(1);
  });
});

describe("cables", () => {
  test("one of two paths cut makes the path silent and suspects nobody", async () => {
    const { pool, link } = await openWired(44);
    pool.start("a");
    pool.start("b");
    await pool.allHeard(["a", "b"]);
    link("a>b mgmt").isCut = true;
    link("b>a mgmt").isCut = true;
    for (const host of ["a", "b"]) {
      await until("silence", () => pool.of(host, "PathSilent").length > 0);
    }
    await pause(1_000);
    expect(pool.of("a", "PathSilent").map(({ event }) => event.path)).toEqual(["mgmt"]);
    expect(pool.of("a", "HostSuspected")).toEqual([]);
    link("a>b mgmt").isCut = false;
    link("b>a mgmt").isCut = false;
    await pool.allHeard(["a", "b"]);
    expect(pool.of("b", "PathHeardAgain")).toHaveLength(1);
  });

  test("a cut in one direction is silence on one side and one-way on the other", async () => {
    const { pool, link } = await openWired(45);
    pool.start("a");
    pool.start("b");
    await pool.allHeard(["a", "b"]);
    for (const path of ["mgmt", "storage"]) link(`a>b ${path}`).isCut = true;
    await until("b suspects a", () => pool.of("b", "HostSuspected").length === 1);
    await until("a is told", () => pool.of("a", "PathOneWay").length === 2);
    expect(pool.of("a", "HostSuspected")).toEqual([]);
    expect((await pool.status("a")).paths.map(({ state }) => state)).toEqual([
      "one-way",
      "one-way",
    ]);
    for (const path of ["mgmt", "storage"]) link(`a>b ${path}`).isCut = false;
    await until("both ways", () => pool.of("a", "PathBothWays").length === 2);
  });
});

describe("datagrams that must not count", () => {
  test("of a host with another key are refused by name, and the host is never heard", async () => {
    const pool = open({ hosts: ["a", "b"], paths: ["mgmt"], net: 46 }, (host) =>
      host === "a" ? "aa".repeat(32) : "bb".repeat(32),
    );
    pool.start("a");
    pool.start("b");
    await until("refusals", () => pool.of("a", "BeatsRefused").length > 0);
    expect(Object.keys(pool.of("a", "BeatsRefused")[0]?.event.counts ?? {})).toEqual(["wrong-key"]);
    expect((await pool.status("a")).peers[0]?.state).toBe("never-heard");
  });

  test("sent again, reflected, or on another path neither keep a host alive nor wake it", async () => {
    const { pool, link } = await openWired(47);
    pool.start("a");
    pool.start("b");
    await pool.allHeard(["a", "b"]);
    await pool.stop("b", "SIGKILL");
    await until("a suspects b", () => pool.of("a", "HostSuspected").length === 1);
    const toA = { address: "127.47.0.1", port: udpPort };
    const recorded = link("b>a mgmt").seen;
    for (const datagram of recorded) await link("b>a mgmt").send(datagram);
    for (const datagram of link("b>a storage").seen) await link("b>a mgmt").send(datagram, toA);
    for (const datagram of link("a>b mgmt").seen.slice(0, 20)) {
      await link("a>b mgmt").send(datagram, toA);
    }
    await until("a has refused them", () => pool.of("a", "BeatsRefused").length > 0);
    expect(Object.keys(pool.of("a", "BeatsRefused")[0]?.event.counts ?? {}).toSorted()).toEqual([
      "old-sequence",
      "reflected",
      "wrong-path",
    ]);
    expect((await pool.status("a")).peers[0]?.state).toBe("suspected");
    // The next start of a knows nothing of sequences: only the question it asks protects it.
    await pool.stop("a", "SIGKILL");
    pool.start("a");
    await until("a is up", () => pool.isUp("a"));
    for (const datagram of recorded) await link("b>a mgmt").send(datagram);
    await pause(1_000);
    expect((await pool.status("a")).peers[0]?.state).toBe("never-heard");
    // Nor does an earlier start of b come back once a later one was heard.
    pool.start("b");
    await pool.allHeard(["a", "b"]);
    await pool.stop("b", "SIGKILL");
    await until(
      "a suspects b",
      async () => (await pool.status("a")).peers[0]?.state === "suspected",
    );
    for (const datagram of recorded) await link("b>a mgmt").send(datagram);
    await pause(1_000);
    expect((await pool.status("a")).peers[0]?.state).toBe("suspected");
  });
});

describe("a full disk", () => {
  test("keeps no agent from watching; what was lost is counted and told when there is space", async () => {
    const pool = open({ hosts: ["a", "b"], paths: ["mgmt"], net: 52 });
    const state = join(pool.rootOf("a"), "var/lib/skink");
    pool.write("a", "var/lib/skink/.keep", "");
    const mount = ["-t", "tmpfs", "-o", "size=256k", "tmpfs", state];
    if (spawnSync("mount", mount).status !== 0) {
      // The same is told to the journal alone, without root, beside its file.
      expect(process.getuid?.(), "left out: needs root to mount a small disk").not.toBe(0);
      return;
    }
    ends.push(() => void spawnSync("umount", ["-l", state]));
    const domains = join(pool.rootOf("a"), "domains.json");
    pool.write("a", "domains.json", '{"domains":[]}');
    pool.start("a", sourceProgram, ["--domains-file", domains]);
    pool.start("b");
    await pool.allHeard(["a", "b"]);
    const filler = join(state, "filler");
    spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=1k", "count=512"]);
    // More lines than the last page of the file has room for.
    const guests = Array.from({ length: 60 }, (_, index) => ({ vmUuid: `vm-${index}` }));
    pool.write("a", "domains.json", JSON.stringify({ domains: guests }));
    await pool.stop("b", "SIGKILL");
    await until(
      "b is suspected",
      async () => (await pool.status("a")).peers[0]?.state === "suspected",
    );
    rmSync(filler);
    await until("the gap is told", () => pool.of("a", "JournalGap").length === 1);
    const [gap] = pool.of("a", "JournalGap");
    expect(gap?.event.lostLines).toBeGreaterThanOrEqual(50);
    expect(gap?.event.reason).toContain("ENOSPC");
    const seqs = pool.journal("a").map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.map((_, index) => index));
    pool.start("b");
    await pool.allHeard(["a"]);
  });
});

describe("answers", () => {
  test("come within a second while XAPI accepts calls and never answers one", async () => {
    const pool = open({ hosts: ["a", "b"], paths: ["mgmt"], net: 48 });
    pool.write("a", "var/lib/xcp/.keep", "");
    pool.write("a", "etc/xensource/pool.conf", "slave:10.1.2.3");
    const hung = createServer(() => undefined);
    const socket = join(pool.rootOf("a"), "var/lib/xcp/xapi");
    await new Promise<void>((resolve) => hung.listen(socket, resolve));
    ends.push(() => void hung.close());
    pool.start("a");
    pool.start("b");
    await pool.allHeard(["a", "b"]);
    await until("silence of XAPI", () => pool.of("a", "XapiSilent").length === 1);
    for (const verb of [["status"], ["heard"], ["why", "b"], ["journal"], ["self-test"]]) {
      // Other tests' processes share the machine: the quickest of three is the agent's own time.
      const took = [1, 2, 3].map(() => pool.run("a", ...verb, "--json").tookMs);
      expect([verb[0], Math.min(...took) < 1_000]).toEqual([verb[0], true]);
    }
    const status = await pool.status("a");
    expect(status).toMatchObject({ role: "supporter", coordinatorAddress: "10.1.2.3" });
    expect(status.xapi.state).toBe("silent");
    expect(status.peers[0]?.state).toBe("live");
    const selfTest = pool.run("a", "self-test", "--json");
    expect(selfTest.code).toBe(1);
    expect(selfTest.stdout).toContain("within 600 ms");
  });

  test("say with status 3 that no agent runs, and keep the journal readable", async () => {
    const pool = open({ hosts: ["a"], paths: ["mgmt"], net: 49 });
    const before = pool.run("a", "status", "--json");
    expect(before.code).toBe(3);
    expect(JSON.parse(before.stdout)).toMatchObject({ ok: false, code: "not-running" });
    pool.start("a");
    await until("a is up", () => pool.isUp("a"));
    await pool.stop("a", "SIGTERM");
    expect(pool.run("a", "status").code).toBe(3);
    expect(pool.journal("a").map(({ event }) => event.type)).toEqual([
      "AgentStarted",
      "LeaveAnnounced",
      "AgentStopped",
    ]);
  });

  test("a follower goes on over a restart of the agent without a lost or doubled line", async () => {
    const pool = open({ hosts: ["a", "b"], paths: ["mgmt"], net: 50 });
    pool.start("a");
    await until("a is up", () => pool.isUp("a"));
    const [node, ...entry] = sourceProgram;
    const args = [...entry, "journal", "--follow", "--after", "-1", "--json"];
    const follower = spawn(node, [...args, "--root", pool.rootOf("a")]);
    ends.push(() => void follower.kill("SIGKILL"));
    let text = "";
    follower.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    const seqs = (): number[] =>
      text
        .split("\n")
        .filter((row) => row !== "")
        .map((row) => journalLineSchema.parse(JSON.parse(row)).seq);
    await until("the first line", () => seqs().length > 0);
    pool.start("b");
    await until("b is heard", () => text.includes('"PathHeard"'));
    await pool.stop("a", "SIGTERM");
    await pause(500);
    pool.start("a");
    await until("a hears b again", () => text.split('"type":"PathHeard"').length === 3);
    const all = pool.journal("a").map(({ seq }) => seq);
    await until("the follower has all", () => seqs().length >= all.length);
    expect(seqs().slice(0, all.length)).toEqual(all);
    expect(all).toEqual(all.map((_, index) => index));
  });
});
