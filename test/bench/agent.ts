import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensureAgent } from "../../build/agent-bundle.ts";
import { machineFacts } from "../../build/bench/machine.ts";
import { rounded } from "../../build/bench/statistics.ts";
import { AgentPool, addressOf, pause, udpPort } from "../agents/agent-process.ts";
import type { Wiring } from "../agents/agent-process.ts";
import { openRelay } from "../agents/udp-relay.ts";
import type { Relay } from "../agents/udp-relay.ts";

/*
 * What an idle agent costs a host: three compiled agents on two paths, at rest but for their beats.
 * Datagrams go through relays, which count them; relays are processes of the bench, not of the
 * agents.
 */

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    seconds: { type: "string", default: "60" },
  },
});
const seconds = Number(values.seconds);
const settleMs = 5_000;
const udpHeaderBytes = 28;

const definitions = {
  cpuPercent: "user and system time of the agent's process over the time watched, of one CPU",
  rssBytes: "resident memory of the agent's process at the end",
  sentBytesPerSecond: "IPv4 bytes of UDP that a host sends, headers included",
};
const aims = { cpuPercent: 1, rssBytes: 64 * 1_048_576, sentBytesPerSecond: 5_000 };

const hosts = ["a", "b", "c"];
const plain: Wiring = { hosts, paths: ["mgmt", "storage"], net: 71 };

async function openLinks(): Promise<Map<string, Relay>> {
  const links = new Map<string, Relay>();
  for (const from of hosts) {
    for (const to of hosts.filter((host) => host !== from)) {
      for (const path of plain.paths) {
        const target = { address: addressOf(plain, to, path), port: udpPort };
        links.set(`${from}>${to} ${path}`, await openRelay("127.71.200.1", target));
      }
    }
  }
  return links;
}

/** Ticks of user and system time; fields 14 and 15 of proc(5), counted after the program's name. */
function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function rssBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

function sentBytes(links: ReadonlyMap<string, Relay>, from: string): number {
  return [...links]
    .filter(([name]) => name.startsWith(`${from}>`))
    .flatMap(([, relay]) => relay.seen)
    .reduce((sum, datagram) => sum + datagram.length + udpHeaderBytes, 0);
}

async function measure(): Promise<object[]> {
  const root = join(import.meta.dirname, "../..");
  ensureAgent(root, (sentence) => void process.stderr.write(`${sentence}\n`));
  const links = await openLinks();
  const via: Wiring["via"] = (from, to, path) => {
    const relay = links.get(`${from}>${to} ${path}`);
    return relay === undefined ? null : { address: "127.71.200.1", port: relay.port };
  };
  const pool = new AgentPool({ ...plain, via });
  try {
    const pids = hosts.map((host) => pool.start(host, [join(root, "dist/agent/skink")]).pid ?? 0);
    await pool.allHeard(hosts);
    await pause(settleMs);
    const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
    const before = pids.map((pid, index) => ({
      ticks: cpuTicks(pid),
      bytes: sentBytes(links, hosts[index] ?? ""),
    }));
    const startedMs = performance.now();
    await pause(seconds * 1_000);
    const tookS = (performance.now() - startedMs) / 1_000;
    return pids.map((pid, index) => {
      const ticks = cpuTicks(pid) - (before[index]?.ticks ?? 0);
      const bytes = sentBytes(links, hosts[index] ?? "") - (before[index]?.bytes ?? 0);
      return {
        host: hosts[index],
        cpuPercent: rounded((ticks / ticksPerSecond / tookS) * 100, 2),
        rssBytes: rssBytes(pid),
        sentBytesPerSecond: rounded(bytes / tookS, 0),
      };
    });
  } finally {
    await pool.end();
    for (const relay of links.values()) relay.close();
  }
}

const agents = await measure();
const result = { bench: "agent", machine: machineFacts(null), seconds, definitions, aims, agents };
if (values.json) console.log(JSON.stringify(result));
else console.table(agents);
