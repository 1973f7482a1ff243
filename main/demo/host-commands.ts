import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { HostRoot } from "../../host-agent/xapi-host/host-root.ts";
import type { CommandWires } from "../../host-agent/xapi-host/ssh-server.ts";
import type { CommandId, HostCommand, VerbId } from "../contract/host-commands.ts";
import { readHostCommand } from "../contract/host-commands.ts";

/** What the answers of one virtual host are made of. */
export interface CommandHost {
  readonly root: HostRoot;
  readonly kernel: string;
  readonly libc: string;
  isDiskFull(): boolean;
  /** whether an answer comes back from there, as cables and power are now */
  reaches(address: string): boolean;
  /** Runs a verb of the uploaded program; null when the host has no such program. */
  runVerb(verb: HostVerb, wires: CommandWires): Promise<number> | null;
}

export interface HostVerb {
  readonly id: VerbId;
  readonly program: string;
  readonly args: readonly string[];
}

/** A line of the list run on a virtual host; null for every other line. */
export function runHostCommand(
  line: string,
  host: CommandHost,
  wires: CommandWires,
): Promise<number> | null {
  const command = readHostCommand(line);
  // A trial folder of the caller's choice is for trials; these hosts have one, and it is not that.
  if (command === null || command.root !== null) return null;
  if (isLook(command.id)) return answers[command.id](host, command, wires);
  const [program = "", ...args] = command.argv;
  if (!program.startsWith("/opt/skink/")) return null;
  return host.runVerb({ id: command.id, program, args }, wires);
}

type LookId = Exclude<CommandId, VerbId>;
type Answer = (host: CommandHost, command: HostCommand, wires: CommandWires) => Promise<number>;

const answers: Readonly<Record<LookId, Answer>> = {
  user: says(() => "0"),
  machine: says(() => "x86_64"),
  kernel: says((host) => host.kernel),
  libc: says((host) => host.libc),
  time: says(() => `${Date.now()}000000`),
  space: says(spaceTable),
  systemd: says(() => "systemd 219"),
  iptables: says(() => "iptables v1.4.21"),
  ping,
  hash,
  unpack,
};

function isLook(id: CommandId): id is LookId {
  return Object.hasOwn(answers, id);
}

function says(text: (host: CommandHost) => string): Answer {
  return (host, _command, { stdout }) => {
    stdout.write(`${text(host)}\n`);
    return Promise.resolve(0);
  };
}

const diskKib = 18_432_000;
const systemKib = 2_600_000;

/** One disk for all three folders, as a fresh installation has it. */
function spaceTable(host: CommandHost): string {
  const used = systemKib + Math.ceil(bytesBelow(host.root.folder) / 1_024);
  const free = host.isDiskFull() ? 0 : Math.max(0, diskKib - used);
  const share = `${Math.round((100 * (diskKib - free)) / diskKib)}%`;
  const row = ["/dev/sda1", diskKib, diskKib - free, free, share, "/"].join(" ");
  const head = "Filesystem 1024-blocks Used Available Capacity Mounted on";
  return [head, row, row, row].join("\n");
}

function bytesBelow(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => {
      const found = statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false });
      return sum + (found?.size ?? 0);
    }, 0);
}

const pingWaitMs = 1_000;

async function ping(host: CommandHost, command: HostCommand, wires: CommandWires): Promise<number> {
  const address = command.argv.at(-1) ?? "";
  const isReached = host.reaches(address);
  // Silence takes as long as it is waited for.
  if (!isReached) await new Promise((resolve) => setTimeout(resolve, pingWaitMs));
  const [count, loss] = isReached ? [1, 0] : [0, 100];
  wires.stdout.write(
    [
      `PING ${address} (${address}) 56(84) bytes of data.`,
      ...(isReached ? [`64 bytes from ${address}: icmp_seq=1 ttl=64 time=0.2 ms`] : []),
      "",
      `--- ${address} ping statistics ---`,
      `1 packets transmitted, ${count} received, ${loss}% packet loss, time 0ms`,
      "",
    ].join("\n"),
  );
  return isReached ? 0 : 1;
}

async function hash(host: CommandHost, command: HostCommand, wires: CommandWires): Promise<number> {
  const path = command.argv.at(-1) ?? "";
  try {
    const sum = createHash("sha256");
    await pipeline(createReadStream(host.root.follow(path)), sum);
    wires.stdout.write(`${sum.digest("hex")}  ${path}\n`);
    return 0;
  } catch {
    wires.stderr.write(`sha256sum: ${path}: No such file or directory\n`);
    return 1;
  }
}

/** `FILE.gz` becomes `FILE`; what was begun goes again when it fails, as gzip does it. */
async function unpack(
  host: CommandHost,
  command: HostCommand,
  wires: CommandWires,
): Promise<number> {
  const path = command.argv.at(-1) ?? "";
  const target = path.replace(/\.gz$/u, "");
  const refuse = (reason: string): number => {
    wires.stderr.write(`gzip: ${path}: ${reason}\n`);
    return 1;
  };
  if (target === path) return refuse("unknown suffix -- ignored");
  if (host.isDiskFull()) return refuse("No space left on device");
  const from = host.root.follow(path);
  const to = host.root.entry(target);
  const packed = statSync(from, { throwIfNoEntry: false });
  if (packed === undefined) return refuse("No such file or directory");
  try {
    rmSync(to, { force: true });
    const { mode } = packed;
    await pipeline(
      createReadStream(from),
      createGunzip(),
      createWriteStream(to, { flags: "wx", mode }),
    );
    rmSync(from);
    return 0;
  } catch {
    rmSync(to, { force: true });
    return refuse("unexpected end of file or not in gzip format");
  }
}
