import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { createServer, connect } from "node:net";
import type { Server, Socket } from "node:net";
import { join } from "node:path";
import type { SshKey } from "../../main/contract/install.ts";

/*
 * A host for trials: a real OpenSSH server over a folder of its own, and what systemd would do for
 * the agent. Everything the server was asked to run is written down by the command it is forced to
 * start.
 */
export interface SshHost {
  readonly name: string;
  readonly uuid: string;
  readonly address: string;
  /** the trial root */
  readonly root: string;
  /** through the relay that can be cut */
  readonly sshPort: number;
  readonly key: SshKey;
  /** every line the server was asked to run, subsystems left out */
  commands(): readonly string[];
  cut(): void;
  heal(): void;
  fillDisk(): void;
  freeDisk(): void;
  /** every file, folder and link with mode and content */
  manifest(): Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export interface SshHostOptions {
  readonly folder: string;
  readonly name: string;
  readonly uuid: string;
  readonly address: string;
  /** OpenSSH text of the public key that may log in */
  readonly authorizedKey: string;
  /** bytes; the root is a file system of its own then */
  readonly diskBytes?: number;
  /** start the agent as systemd would; false: nobody does */
  readonly runsAgent?: boolean;
}

const sftpServer = "/usr/lib/openssh/sftp-server";
const filler = "/var/lib/filler";

export function hasOpenSsh(): boolean {
  return fs.existsSync("/usr/sbin/sshd") && fs.existsSync(sftpServer) && process.getuid?.() === 0;
}

export async function startSshHost(options: SshHostOptions): Promise<SshHost> {
  const { folder, name } = options;
  const own = join(folder, name);
  const root = join(own, "root");
  fs.mkdirSync(root, { recursive: true });
  if (options.diskBytes !== undefined) {
    execFileSync("mount", [
      "-t",
      "tmpfs",
      "-o",
      `size=${options.diskBytes},mode=755`,
      "tmpfs",
      root,
    ]);
  }
  furnish(root);
  const port = await freePort();
  const key = writeServer(own, port, options);
  fs.mkdirSync("/run/sshd", { recursive: true });
  const server = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", join(own, "sshd_config")], {
    stdio: "ignore",
  });
  await listening(port);
  const relay = await startRelay(port);
  const keeper = options.runsAgent === false ? null : keepAgent(root);
  return {
    name,
    uuid: options.uuid,
    address: options.address,
    root,
    sshPort: relay.port,
    key,
    commands: () => readLines(join(own, "commands")).filter((line) => line !== sftpServer),
    cut: () => relay.cut(),
    heal: () => relay.heal(),
    fillDisk: () => fill(join(root, filler)),
    freeDisk: () => fs.rmSync(join(root, filler), { force: true }),
    manifest: () => manifestOf(root),
    async stop() {
      await keeper?.stop();
      relay.close();
      server.kill("SIGKILL");
      for (const line of readLines(join(own, "pids"))) {
        // A session whose client is gone may still wait for what it started.
        try {
          process.kill(Number(line), "SIGKILL");
        } catch {
          // It has ended.
        }
      }
      if (options.diskBytes !== undefined) execFileSync("umount", ["-l", root]);
    },
  };
}

/** What an installer finds on dom0, as far as it looks. */
function furnish(root: string): void {
  for (const path of [
    "opt",
    "etc/systemd/system/multi-user.target.wants",
    "etc/sysconfig",
    "var/lib",
    "run",
  ]) {
    fs.mkdirSync(join(root, path), { recursive: true });
  }
  const rules = ["*filter", ":INPUT ACCEPT [0:0]", ":RH-Firewall-1-INPUT - [0:0]"];
  const rest = ["-A RH-Firewall-1-INPUT -p icmp -j ACCEPT", "COMMIT", ""];
  fs.writeFileSync(join(root, "etc/sysconfig/iptables"), [...rules, ...rest].join("\n"));
  fs.writeFileSync(
    join(root, "etc/xensource-inventory"),
    "PRODUCT_BRAND='XCP-ng'\nPRODUCT_VERSION='8.3.0'\n",
  );
  fs.writeFileSync(join(root, "var/lib/domains.json"), "[]");
}

function writeServer(own: string, port: number, options: SshHostOptions): SshKey {
  const hostKey = join(own, "host_key");
  if (!fs.existsSync(hostKey)) {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", hostKey]);
  }
  const [type = "", blob = ""] = fs.readFileSync(`${hostKey}.pub`, "utf8").split(" ");
  const wrapper = join(own, "forced");
  fs.writeFileSync(
    wrapper,
    [
      "#!/bin/sh",
      `printf '%s\\n' "$SSH_ORIGINAL_COMMAND" >> ${join(own, "commands")}`,
      `printf '%s\\n' "$$" >> ${join(own, "pids")}`,
      // As the server itself would: the subsystem, or the line by a shell.
      `if [ "$SSH_ORIGINAL_COMMAND" = ${sftpServer} ]; then exec ${sftpServer}; fi`,
      'exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"',
      "",
    ].join("\n"),
    { mode: 0o755 },
  );
  fs.writeFileSync(join(own, "authorized_keys"), `${options.authorizedKey}\n`);
  fs.writeFileSync(
    join(own, "sshd_config"),
    [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${hostKey}`,
      `PidFile ${join(own, "pid")}`,
      `AuthorizedKeysFile ${join(own, "authorized_keys")}`,
      "PermitRootLogin yes",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "StrictModes no",
      "UsePAM no",
      "MaxStartups 100",
      // The start-up file of this machine's shell is none of the trial's; bash reads it at level one.
      "SetEnv SHLVL=5",
      `Subsystem sftp ${sftpServer}`,
      `ForceCommand ${wrapper}`,
      "",
    ].join("\n"),
  );
  const hash = createHash("sha256").update(Buffer.from(blob, "base64")).digest("base64");
  return { type, fingerprint: `SHA256:${hash.replace(/=+$/u, "")}` };
}

/** Does what systemd does with the unit: runs what is current while the unit is enabled. */
function keepAgent(root: string): { stop(): Promise<void> } {
  const unit = join(root, "etc/systemd/system/multi-user.target.wants/skink.service");
  const current = join(root, "opt/skink/current");
  let running: { process: ChildProcess; release: string } | null = null;
  const look = (): void => {
    const isEnabled = fs.lstatSync(unit, { throwIfNoEntry: false }) !== undefined;
    const release = isEnabled ? linkOf(current) : null;
    if (running !== null && running.release !== release) {
      running.process.kill("SIGKILL");
      running = null;
    }
    if (release === null || running !== null) return;
    const args = ["daemon", "--root", root, "--domains-file", join(root, "var/lib/domains.json")];
    const process_ = spawn(join(current, "skink"), args, { stdio: "ignore" });
    const started = { process: process_, release };
    running = started;
    process_.on("error", () => undefined);
    process_.on("close", () => {
      if (running === started) running = null;
    });
  };
  const timer = setInterval(look, 50);
  return {
    stop() {
      clearInterval(timer);
      running?.process.kill("SIGKILL");
      return Promise.resolve();
    },
  };
}

function linkOf(path: string): string | null {
  try {
    return fs.readlinkSync(path);
  } catch {
    return null;
  }
}

async function startRelay(
  to: number,
): Promise<{ port: number; cut(): void; heal(): void; close(): void }> {
  const open = new Set<Socket>();
  let isCut = false;
  const server: Server = createServer((near) => {
    if (isCut) {
      near.destroy();
      return;
    }
    const far = connect(to, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  const cut = (): void => {
    isCut = true;
    for (const socket of open) socket.destroy();
  };
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : 0,
    cut,
    heal() {
      isCut = false;
    },
    close() {
      cut();
      server.close();
    },
  };
}

function fill(path: string): void {
  const handle = fs.openSync(path, "a");
  try {
    for (const size of [65_536, 1_024, 1]) fillWith(handle, Buffer.alloc(size));
  } finally {
    fs.closeSync(handle);
  }
}

function fillWith(handle: number, block: Buffer): void {
  try {
    for (;;) fs.writeSync(handle, block);
  } catch {
    // Full for blocks of this size.
  }
}

function manifestOf(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  const visit = (path: string): void => {
    const shown = path.slice(root.length) || "/";
    if (shown === filler) return;
    const stat = fs.lstatSync(path);
    const mode = (stat.mode & 0o7777).toString(8);
    if (stat.isSymbolicLink()) found[shown] = `link ${fs.readlinkSync(path)}`;
    else if (stat.isFile()) {
      const hash = createHash("sha256").update(fs.readFileSync(path)).digest("hex");
      found[shown] = `file ${mode} ${hash}`;
    } else if (stat.isDirectory()) {
      found[shown] = `folder ${mode}`;
      for (const name of fs.readdirSync(path).toSorted()) visit(join(path, name));
    } else found[shown] = `other ${mode}`;
  };
  visit(root);
  return found;
}

function readLines(path: string): readonly string[] {
  if (!fs.existsSync(path)) return [];
  return fs
    .readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "");
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const bound = probe.address();
      probe.close(() => resolve(typeof bound === "object" && bound !== null ? bound.port : 0));
    });
  });
}

async function listening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const probe = connect(port, "127.0.0.1");
      probe.on("connect", () => {
        probe.destroy();
        resolve(true);
      });
      probe.on("error", () => resolve(false));
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the SSH server did not start");
}
