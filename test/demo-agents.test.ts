import { createHash, randomBytes, randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ensureAgent } from "../build/agent-bundle.ts";
import { agentStatusSchema, type AgentStatus } from "../host-agent/contract/control.ts";
import { journalLineSchema, type JournalLine } from "../host-agent/contract/journal.ts";
import { hostFileSchema, type HostFile } from "../host-agent/contract/settings.ts";
import {
  actAnswerSchema,
  heardAnswerSchema,
  type HeardAnswer,
} from "../host-agent/contract/verbs.ts";
import type { DemoAccess, DemoHostAccess } from "../main/console/ports.ts";
import { lookCommand, verbCommand, type VerbId } from "../main/contract/host-commands.ts";
import { createDemoControl } from "../main/demo/demo-control.ts";
import { startDemoPool, type DemoPool } from "../main/demo/demo-pool.ts";
import type { HostShell } from "../main/install/shell.ts";
import { openSsh } from "../main/install/ssh.ts";

/*
 * Agents on demo hosts, put there with SFTP and the listed commands only: real processes that hear
 * each other over cables the break panel cuts.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const current = "/opt/skink/current/skink";
const isLinux = process.platform === "linux";

/** Processes that were started for this demo: its folder is in their command line. */
function processesOf(pool: DemoPool): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/u.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(pool.folder);
      } catch {
        return false;
      }
    });
}

function agentsOf(pool: DemoPool): readonly number[] {
  return processesOf(pool).filter((pid) => {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("\0daemon\0");
  });
}

/** What a roll-out writes: own addresses as they are, peers by the cables that lead to them. */
function hostFileOf(access: DemoAccess, own: DemoHostAccess, poolUuid: string): HostFile {
  const peers = access.hosts
    .filter((other) => other !== own)
    .map(({ uuid, name, paths }) => {
      const ends = paths.map((path) => {
        const { host, port } = path.peerEndpoint;
        return [path.name, { address: host, port }] as const;
      });
      return { uuid, name, addresses: Object.fromEntries(ends) };
    });
  return hostFileSchema.parse({
    v: 1,
    poolUuid,
    host: { uuid: own.uuid, name: own.name },
    udpPort: own.udpPort,
    paths: own.paths.map(({ name, localAddress }) => ({ name, localAddress })),
    peers,
  });
}

async function until<T>(limitMs: number, ask: () => Promise<T | null>): Promise<T> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const found = await ask();
    if (found !== null) return found;
    if (performance.now() > endMs) throw new Error(`it did not come within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

let pool: DemoPool;
let access: DemoAccess;
const shells: HostShell[] = [];

const connect = (host: DemoHostAccess): Promise<HostShell> =>
  openSsh({
    endpoint: host.ssh,
    hostName: host.name,
    trusted: host.sshKey,
    user: access.user,
    login: { kind: "password", password: access.password },
  });
const host = (index: number): DemoHostAccess => access.hosts[index]!;
const shell = (index: number): HostShell => shells[index]!;

async function verb(index: number, id: VerbId, words: readonly string[] = [], stdin?: string) {
  const command = verbCommand(id, null, current, ...words);
  return shell(index).run(command, stdin === undefined ? {} : { stdin });
}
async function act(index: number, id: VerbId, words: readonly string[] = [], stdin?: string) {
  const { code, stdout, stderr } = await verb(index, id, words, stdin);
  expect({ id, code, stderr }).toEqual({ id, code: 0, stderr: "" });
  return actAnswerSchema.parse(JSON.parse(stdout));
}
async function status(index: number): Promise<AgentStatus> {
  return agentStatusSchema.parse(JSON.parse((await verb(index, "status")).stdout));
}
async function heard(index: number): Promise<HeardAnswer | null> {
  const { code, stdout } = await verb(index, "heard");
  if (code !== 0) return null;
  const answer = heardAnswerSchema.parse(JSON.parse(stdout));
  return answer.isComplete ? answer : null;
}
const peerState = async (index: number, wanted: string): Promise<AgentStatus | null> => {
  const said = await status(index);
  return said.peers[0]?.state === wanted ? said : null;
};
async function journal(index: number): Promise<readonly JournalLine[]> {
  const lines: JournalLine[] = [];
  const enough = new AbortController();
  const stop = setTimeout(() => enough.abort(), 700);
  const command = verbCommand("journal", null, current, "-1");
  await shell(index).follow(
    command,
    (line) => void lines.push(journalLineSchema.parse(JSON.parse(line))),
    enough.signal,
  );
  clearTimeout(stop);
  return lines;
}

describe.runIf(isLinux)("agents on the demo's hosts", () => {
  beforeAll(async () => {
    pool = await startDemoPool({ preset: "two", timing: "fast" });
    access = await createDemoControl({ timing: "fast", running: pool }).start("two");
    shells.push(...(await Promise.all(access.hosts.map(connect))));
  });
  afterAll(async () => {
    for (const one of shells) one.close();
    await pool.stop();
  });

  test("put the program there with SFTP and fixed commands, and start it as a unit", async () => {
    const release = ensureAgent(root, (sentence) => void process.stderr.write(`${sentence}\n`));
    const content = readFileSync(path.join(root, "dist/agent/skink"));
    const packed = gzipSync(content, { level: 1 });
    const poolKey = randomBytes(32).toString("hex");
    const poolUuid = randomUUID();
    for (const [index, own] of access.hosts.entries()) {
      const on = shell(index);
      const uploaded = `/opt/skink/upload/${release.sha256}`;
      await on.makeFolder("/opt/skink", 0o755);
      await on.makeFolder("/opt/skink/upload", 0o700);
      await on.upload({ content: packed, path: `${uploaded}.gz`, onProgress: () => undefined });
      expect((await on.run(lookCommand("unpack", `${uploaded}.gz`))).code).toBe(0);
      const { stdout } = await on.run(lookCommand("hash", uploaded));
      expect(stdout).toBe(`${release.sha256}  ${uploaded}\n`);
      await on.setMode(uploaded, 0o700);
      const put = verbCommand(
        "putRelease",
        null,
        uploaded,
        uploaded,
        release.version,
        release.sha256,
      );
      expect(await on.run(put)).toMatchObject({ code: 0, stderr: "" });
      const program = `/opt/skink/releases/${release.version}/skink`;
      const link = verbCommand("link", null, program, release.version);
      expect(await on.run(link)).toMatchObject({ code: 0, stderr: "" });
      const hostFile = hostFileOf(access, own, poolUuid);
      await act(index, "writeKey", [], poolKey);
      await act(index, "writeHostFile", [], JSON.stringify(hostFile));
      expect(await act(index, "firewallAdd", [String(own.udpPort)])).toMatchObject({
        changed: true,
      });
      expect((await on.readFile("/etc/sysconfig/iptables"))?.toString()).toContain("skink");
      await act(index, "unitWrite");
      await act(index, "unitEnable");
      expect((await act(index, "unitStart")).sentence).toBe("The unit is running.");
    }
    expect(createHash("sha256").update(content).digest("hex")).toBe(release.sha256);
  });

  test("they hear each other on both paths", async () => {
    for (const index of [0, 1]) {
      const answer = await until(10_000, () => heard(index));
      expect(answer.paths.map((each) => [each.path, each.state])).toEqual([
        ["management", "heard"],
        ["storage", "heard"],
      ]);
    }
    expect(agentsOf(pool)).toHaveLength(2);
  });

  test("an agent that dies is started again", async () => {
    const [before] = agentsOf(pool);
    if (before === undefined) throw new Error("no agent runs");
    process.kill(before, "SIGKILL");
    await until(5_000, async () => {
      const now = agentsOf(pool);
      return now.length === 2 && !now.includes(before) ? now : null;
    });
    await until(5_000, () => heard(0));
  });

  test("one direction cut makes a path one-way, and hides nothing of it", async () => {
    const [from, to] = [host(0).name, host(1).name];
    await until(5_000, () => heard(1));
    await pool.act({ action: "cut-link", from, to });
    await until(8_000, () => peerState(1, "suspected"));
    const near = await until(5_000, async () => {
      const said = await status(0);
      return said.paths.every((each) => each.state === "one-way") ? said : null;
    });
    expect(near.peers[0]?.state).toBe("live");
    await pool.act({ action: "restore-link", from, to });
    await until(5_000, () => heard(0));
    await until(5_000, () => heard(1));
  });

  test("a network cut is suspected within 3 s, and heard again after the heal", async () => {
    await pool.act({ action: "cut-network", host: host(1).name });
    const cutMs = performance.now();
    const suspected = await until(8_000, () => peerState(0, "suspected"));
    expect(performance.now() - cutMs).toBeLessThan(4_000);
    expect(suspected.paths.map((each) => each.state)).toEqual(["silent", "silent"]);
    await pool.act({ action: "restore-network", host: host(1).name });
    await until(5_000, () => heard(0));
    expect((await status(0)).peers[0]?.state).toBe("live");
  });

  test("a hung XAPI does not hang the agent", async () => {
    await pool.act({ action: "hang-xapi", host: host(1).name });
    const silent = await until(15_000, async () => {
      const said = await status(1);
      return said.xapi.state === "silent" ? said : null;
    });
    expect(silent.peers[0]?.state).toBe("live");
    await pool.act({ action: "resume-xapi", host: host(1).name });
  });

  test("a reboot from the shell stops the agent first, which says so to its peer", async () => {
    await pool.act({ action: "shell-reboot", host: host(1).name });
    await until(10_000, () => peerState(0, "leaving"));
    await until(40_000, async () => {
      const lines = await journal(0);
      const found = lines.some(({ event }) => event.type === "PeerRebooted" && event.announced);
      return found ? true : null;
    });
    // Once for the cut network, and not for the silence that was announced.
    const suspicions = (await journal(0)).filter(({ event }) => event.type === "HostSuspected");
    expect(suspicions).toHaveLength(1);
    shells[1]?.close();
    shells[1] = await connect(host(1));
  });

  test("power off is suspected at once, and a boot is a new boot of that peer", async () => {
    const bootBefore = (await status(0)).peers[0]?.boot;
    await pool.act({ action: "cut-power", host: host(1).name });
    expect(agentsOf(pool)).toHaveLength(1);
    await until(8_000, () => peerState(0, "suspected"));
    await pool.act({ action: "power-on", host: host(1).name });
    await until(15_000, () => heard(0));
    expect((await status(0)).peers[0]?.boot).not.toBe(bootBefore);
    const reboots = (await journal(0)).flatMap(({ event }) => {
      return event.type === "PeerRebooted" ? [event.announced] : [];
    });
    expect(reboots).toEqual([true, false]);
    shells[1]?.close();
    shells[1] = await connect(host(1));
  });

  test("a full disk takes no file and says so", async () => {
    await pool.act({ action: "fill-disk", host: host(1).name });
    const content = Buffer.from("x");
    const path = `/opt/skink/upload/${"0".repeat(64)}`;
    await expect(
      shell(1).upload({ content, path, onProgress: () => undefined }),
    ).rejects.toMatchObject({ code: "disk-full" });
    expect((await verb(1, "unitWrite")).stdout).toContain("ENOSPC");
    expect((await shell(1).run(lookCommand("space"))).stdout).toContain(" 0 100% /");
    await pool.act({ action: "free-disk", host: host(1).name });
    expect((await act(1, "unitWrite")).changed).toBe(false);
  });

  test("ping answers as the cables are", async () => {
    const pings = host(0).paths.map(({ localAddress }) => lookCommand("ping", localAddress));
    expect(pings).toHaveLength(2);
    for (const ping of pings) expect((await shell(1).run(ping)).code).toBe(0);
    await pool.act({ action: "cut-link", from: host(0).name, to: host(1).name });
    for (const ping of pings) {
      expect((await shell(1).run(ping)).stdout).toContain("100% packet loss");
    }
    await pool.act({ action: "restore-link", from: host(0).name, to: host(1).name });
  });

  test("removed, nothing of it is left on the host", async () => {
    await act(1, "removeAll");
    expect(agentsOf(pool)).toHaveLength(1);
    for (const place of ["/opt/skink", "/etc/skink", "/var/lib/skink"]) {
      expect(await shell(1).stat(place)).toBeNull();
    }
    expect((await shell(1).readFile("/etc/sysconfig/iptables"))?.toString()).not.toContain("skink");
    expect((await verb(1, "status")).code).toBe(127);
  });

  test("with the demo everything ends: no process, no folder", async () => {
    await pool.stop();
    expect(processesOf(pool)).toEqual([]);
    expect(existsSync(pool.folder)).toBe(false);
  });
});
