import { createHash } from "node:crypto";
import { createServer } from "node:net";
import ssh2 from "ssh2";
import type { AuthContext, Connection, ServerChannel, Session } from "ssh2";
import type { Readable, Writable } from "node:stream";
import type { Domain } from "../virtual-xapi/ports.ts";
import { HostRoot } from "./host-root.ts";
import type { NetworkGate } from "./network-gate.ts";
import { isSameSecret } from "./peer-wire.ts";
import type { Endpoint } from "./settings.ts";
import { serveSftp } from "./sftp-server.ts";

/** The two ends of a command that runs, and the moment its reader is gone. */
export interface CommandWires {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly gone: AbortSignal;
}

/** What the fixed commands of a host's SSH server can see and do. */
export interface HostShell {
  readonly hostName: string;
  /** An orderly reboot or power-off from inside, as root's shell would begin it. */
  reboot(): void;
  halt(): void;
  restartToolstack(): void;
  bootedAtMs(): number;
  poolConf(): string;
  domains(): readonly Domain[];
  /** Runs a listed command to its exit code; null for what is not in the list. */
  run(line: string, wires: CommandWires): Promise<number> | null;
  /** the folder that SFTP shows as this host's root */
  readonly root: string;
  isDiskFull(): boolean;
}

export interface SshServerOptions {
  readonly listen: Endpoint;
  /** OpenSSH private key, PEM */
  readonly hostKey: string;
  readonly password: string;
  readonly gate: NetworkGate;
  readonly shell: HostShell;
}

export interface SshServer {
  close(): Promise<void>;
}

interface CommandResult {
  readonly output: string;
  readonly code: number;
  /** Done once the answer is on its way. */
  readonly after?: () => void;
}

const unknownCommand = 127;

/** A new host key; kept by the caller, because clients remember it. */
export function makeHostKey(): string {
  // About one key in 200 of this generator cannot be read back: such a one is thrown away.
  for (;;) {
    const { private: key } = ssh2.utils.generateKeyPairSync("ed25519");
    if (!(ssh2.utils.parseKey(key) instanceof Error)) return key;
  }
}

/** The public half as clients see it, and as OpenSSH writes it in a line. */
export function publicHostKey(hostKey: string): {
  readonly type: string;
  readonly fingerprint: string;
  readonly line: string;
} {
  const parsed = ssh2.utils.parseKey(hostKey);
  if (parsed instanceof Error) throw parsed;
  const blob = parsed.getPublicSSH();
  const hash = createHash("sha256").update(blob).digest("base64").replace(/=+$/u, "");
  return {
    type: parsed.type,
    fingerprint: `SHA256:${hash}`,
    line: `${parsed.type} ${blob.toString("base64")}`,
  };
}

/**
 * The SSH server of a host. It belongs to the machine, not to XAPI: it answers while XAPI hangs and
 * goes with the power. It starts no shell and no process; the commands it knows are the ones below
 * and those that `run` takes. Terminals, variables, forwarding and other subsystems are refused.
 */
export async function openSshServer(options: SshServerOptions): Promise<SshServer> {
  const { gate } = options;
  const ssh = new ssh2.Server({ hostKeys: [options.hostKey] }, (client) => serve(client, options));
  const front = createServer({ noDelay: true }, (socket) =>
    gate.admit(socket, (admitted) => {
      gate.track(admitted);
      ssh.injectSocket(admitted);
    }),
  );
  await new Promise<void>((resolve, reject) => {
    front.once("error", reject);
    front.listen(options.listen.port, options.listen.host, resolve);
  });
  return {
    close() {
      gate.destroyAll();
      return new Promise((resolve) => front.close(() => resolve()));
    },
  };
}

function serve(client: Connection, options: SshServerOptions): void {
  // A scanner or a client that leaves in the middle of a handshake is none of the host's business.
  client.on("error", () => client.end());
  client.on("authentication", (attempt) => authenticate(attempt, options.password));
  client.on("ready", () => {
    client.on("session", (accept) => answerSession(accept(), options.shell));
    client.on("request", (_accept, reject) => reject?.());
    client.on("tcpip", (_accept, reject) => reject());
    client.on("openssh.streamlocal", (_accept, reject) => reject());
  });
}

function authenticate(attempt: AuthContext, password: string): void {
  const isRoot = attempt.username === "root";
  if (attempt.method === "password" && isRoot && isSameSecret(attempt.password, password)) {
    attempt.accept();
    return;
  }
  attempt.reject(["password"]);
}

function answerSession(session: Session, shell: HostShell): void {
  session.on("exec", (accept, _reject, info) => {
    const channel = accept();
    channel.on("error", () => channel.destroy());
    const started = shell.run(info.command, wiresOf(channel));
    if (started === null) answerAtOnce(channel, runCommand(info.command, shell));
    else void started.then((code) => leave(channel, code));
  });
  session.on("sftp", (accept) => {
    const sftp = accept();
    sftp.on("error", () => sftp.end());
    serveSftp(sftp, { root: new HostRoot(shell.root), isDiskFull: () => shell.isDiskFull() });
  });
  session.on("shell", (_accept, reject) => reject());
  session.on("pty", (_accept, reject) => reject?.());
  session.on("env", (_accept, reject) => reject?.());
  session.on("x11", (_accept, reject) => reject?.());
  session.on("auth-agent", (_accept, reject) => reject?.());
  session.on("subsystem", (_accept, reject) => reject());
}

function wiresOf(channel: ServerChannel): CommandWires {
  const gone = new AbortController();
  channel.on("close", () => gone.abort());
  return {
    stdin: channel.stdin,
    stdout: channel.stdout,
    stderr: channel.stderr,
    gone: gone.signal,
  };
}

function leave(channel: ServerChannel, code: number): void {
  if (channel.destroyed) return;
  channel.exit(code);
  channel.end();
}

function answerAtOnce(channel: ServerChannel, result: CommandResult): void {
  const stream = result.code === 0 ? channel : channel.stderr;
  stream.write(result.output);
  leave(channel, result.code);
  result.after?.();
}

/** Compared whole: what is not in the list letter by letter is not run. */
function runCommand(command: string, shell: HostShell): CommandResult {
  switch (command) {
    case "reboot":
    case "shutdown -r now":
      return { output: "", code: 0, after: () => shell.reboot() };
    case "shutdown -h now":
      return { output: "", code: 0, after: () => shell.halt() };
    case "xe-toolstack-restart":
      return {
        output: "Executing xe-toolstack-restart\ndone.\n",
        code: 0,
        after: () => shell.restartToolstack(),
      };
    case "hostname":
      return { output: `${shell.hostName}\n`, code: 0 };
    case "uptime":
      return { output: `${uptimeLine(shell.bootedAtMs(), Date.now())}\n`, code: 0 };
    case "cat /etc/xensource/pool.conf":
      return { output: shell.poolConf(), code: 0 };
    case "xl list":
      return { output: domainTable(shell.domains()), code: 0 };
    // A list of strings has no last member to exhaust, so here everything else has an answer.
    default:
      return {
        output: "This virtual host has no shell; it knows a short list of commands.\n",
        code: unknownCommand,
      };
  }
}

export function uptimeLine(bootedAtMs: number, nowMs: number): string {
  const minutes = Math.max(0, Math.floor((nowMs - bootedAtMs) / 60_000));
  const days = Math.floor(minutes / 1_440);
  const clock = `${Math.floor((minutes % 1_440) / 60)}:${String(minutes % 60).padStart(2, "0")}`;
  const time = new Date(nowMs).toISOString().slice(11, 19);
  return ` ${time} up ${days === 0 ? "" : `${days} days, `}${clock},  0 users`;
}

function domainTable(domains: readonly Domain[]): string {
  const rows = domains.map((domain) =>
    [
      domain.vmUuid.padEnd(40),
      String(domain.domid).padStart(5),
      String(Math.round(domain.memoryBytes / 1_048_576)).padStart(7),
      String(domain.vcpus).padStart(5),
      domain.paused ? "--p---" : "-b----",
    ].join(" "),
  );
  const head = ["Name".padEnd(40), "   ID", "    Mem", "VCPUs", "State"].join(" ");
  const dom0 = ["Domain-0".padEnd(40), "    0", "   4096", "   16", "r-----"].join(" ");
  return `${[head, dom0, ...rows].join("\n")}\n`;
}
