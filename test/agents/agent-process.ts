import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentStatusSchema } from "../../host-agent/contract/control.ts";
import type { AgentStatus } from "../../host-agent/contract/control.ts";
import type { JournalEvent, JournalLine } from "../../host-agent/contract/journal.ts";
import type { HostFile } from "../../host-agent/contract/settings.ts";
import { heardAnswerSchema } from "../../host-agent/contract/verbs.ts";
import { readLines } from "../../host-agent/daemon/adapters/journal-file.ts";
import { askAgent } from "../../host-agent/daemon/control-client.ts";
import type { ControlRequest } from "../../host-agent/daemon/control-server.ts";

/* Agents as processes on loopback addresses, each in a root folder of its own. */

const entry = join(import.meta.dirname, "../../host-agent/daemon/entry.ts");

/** The sources by this Node; or a compiled program. */
export type Program = readonly [string, ...string[]];
export const sourceProgram: Program = [process.execPath, entry];

const poolKey = "5c".repeat(32);

export interface Wiring {
  /** names of the hosts, in the order of their addresses */
  readonly hosts: readonly string[];
  readonly paths: readonly string[];
  /** second number of the 127.x addresses: one per test file */
  readonly net: number;
  /** where a host sends to reach another on a path, when not straight to it */
  readonly via?: (
    from: string,
    to: string,
    path: string,
  ) => { address: string; port: number } | null;
}

export const udpPort = 17_694;

export function uuidOf(host: string): string {
  return `00000000-0000-4000-8000-${Buffer.from(host.padEnd(6, "-")).toString("hex").slice(0, 12)}`;
}

export function addressOf(wiring: Wiring, host: string, path: string): string {
  return `127.${wiring.net}.${wiring.paths.indexOf(path)}.${wiring.hosts.indexOf(host) + 1}`;
}

function hostFileOf(wiring: Wiring, host: string): HostFile {
  const others = wiring.hosts.filter((other) => other !== host);
  return {
    v: 1,
    poolUuid: "10000000-0000-4000-8000-000000000001",
    host: { uuid: uuidOf(host), name: host },
    udpPort,
    paths: wiring.paths.map((path) => ({
      name: path,
      localAddress: addressOf(wiring, host, path),
    })),
    peers: others.map((other) => ({
      uuid: uuidOf(other),
      name: other,
      addresses: Object.fromEntries(
        wiring.paths.map((path) => [
          path,
          wiring.via?.(host, other, path) ?? {
            address: addressOf(wiring, other, path),
            port: udpPort,
          },
        ]),
      ),
    })),
  };
}

/** Everything a test started; `end` leaves no process and no folder. */
export class AgentPool {
  readonly folder = mkdtempSync(join(tmpdir(), "skink-agents-"));
  readonly #children = new Map<string, ChildProcess>();
  readonly wiring: Wiring;

  constructor(wiring: Wiring, keyOf: (host: string) => string = () => poolKey) {
    this.wiring = wiring;
    for (const host of wiring.hosts) {
      const config = join(this.rootOf(host), "etc/skink");
      mkdirSync(config, { recursive: true });
      writeFileSync(join(config, "host.json"), JSON.stringify(hostFileOf(wiring, host)));
      writeFileSync(join(config, "pool.key"), keyOf(host), { mode: 0o600 });
    }
  }

  rootOf(host: string): string {
    return join(this.folder, host);
  }

  write(host: string, file: string, text: string): void {
    const path = join(this.rootOf(host), file);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, text);
  }

  start(
    host: string,
    program: Program = sourceProgram,
    more: readonly string[] = [],
  ): ChildProcess {
    const [file, ...first] = program;
    const args = [...first, "daemon", "--root", this.rootOf(host), ...more];
    const child = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"] });
    child.stderr?.resume();
    this.#children.set(host, child);
    return child;
  }

  async stop(host: string, signal: NodeJS.Signals): Promise<void> {
    const child = this.#children.get(host);
    if (child === undefined) return;
    this.#children.delete(host);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGCONT");
    child.kill(signal);
    await ended;
  }

  signal(host: string, signal: NodeJS.Signals): void {
    this.#children.get(host)?.kill(signal);
  }

  run(host: string, ...args: readonly string[]): Ran {
    return runProgram(sourceProgram, [...args, "--root", this.rootOf(host)]);
  }

  /** Asked without a process of its own: this one may hold relays that have to run on. */
  async status(host: string): Promise<AgentStatus> {
    return agentStatusSchema.parse(await this.#ask(host, { type: "status" }));
  }

  async isUp(host: string): Promise<boolean> {
    const asked = await askAgent(this.#socketOf(host), { type: "status" });
    return asked.status === "answered";
  }

  journal(host: string): readonly JournalLine[] {
    return readLines(join(this.rootOf(host), "var/lib/skink/journal"), -1, 1_000_000);
  }

  of<Type extends JournalEvent["type"]>(
    host: string,
    type: Type,
  ): (JournalLine & { event: Extract<JournalEvent, { type: Type }> })[] {
    return this.journal(host).flatMap((line) =>
      line.event.type === type
        ? [line as JournalLine & { event: Extract<JournalEvent, { type: Type }> }]
        : [],
    );
  }

  /** Waits until every one of these hosts hears every other on every path, both ways. */
  async allHeard(hosts: readonly string[]): Promise<void> {
    for (const host of hosts) {
      await until(`${host} hears all`, async () => {
        const asked = await askAgent(this.#socketOf(host), { type: "heard" });
        return asked.status === "answered" && heardAnswerSchema.parse(asked.value).isComplete;
      });
    }
  }

  async #ask(host: string, request: ControlRequest): Promise<unknown> {
    const asked = await askAgent(this.#socketOf(host), request);
    if (asked.status === "answered") return asked.value;
    throw new Error(`the agent of ${host}: ${asked.status}`);
  }

  #socketOf(host: string): string {
    return join(this.rootOf(host), "run/skink/control.sock");
  }

  async end(): Promise<void> {
    await Promise.all([...this.#children.keys()].map((host) => this.stop(host, "SIGKILL")));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

export function runProgram(
  program: Program,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {},
): Ran {
  const startedMs = performance.now();
  const [file, ...first] = program;
  const ran = spawnSync(file, [...first, ...args], {
    encoding: "utf8",
    timeout: 20_000,
    ...options,
  });
  const tookMs = performance.now() - startedMs;
  return { code: ran.status, stdout: ran.stdout, stderr: ran.stderr, tookMs };
}

const untilTimeoutMs = 20_000;

export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpMs = performance.now() + untilTimeoutMs;
  while (!(await isTrue())) {
    if (performance.now() > giveUpMs) throw new Error(`${what}: not within ${untilTimeoutMs} ms`);
    await pause(100);
  }
}

export function pause(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs));
}
