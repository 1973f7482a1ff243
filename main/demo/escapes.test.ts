import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  existsSync,
  writeFileSync,
} from "node:fs";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2 from "ssh2";
import type { Client, SFTPWrapper } from "ssh2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NetworkGate } from "../../host-agent/xapi-host/network-gate.ts";
import {
  makeHostKey,
  openSshServer,
  type SshServer,
} from "../../host-agent/xapi-host/ssh-server.ts";
import { AgentHost, writeRoot } from "./agent-host.ts";

/*
 * Ways out of a demo host, tried by somebody who has its password. Every process this host may
 * start is told of to the undertaker, so what was started is known; besides, the machine's own list
 * of children is looked at, and what each trick would have left behind.
 */
const address = "127.78.4.1";
const port = 20_000 + (process.pid % 20_000);
const password = "demo";

let folder = "";
let server: SshServer;
const started: number[] = [];
const powerActs: string[] = [];
const current = "/opt/skink/current/skink";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "skink-escape-"));
  const dir = join(folder, "h1");
  mkdirSync(dir);
  writeFileSync(join(folder, "secret"), "the owner's");
  writeRoot(dir, {
    hostUuid: "uuid-a",
    hostName: "host-a",
    productBrand: "XCP-ng",
    productVersion: "8.3.0",
    sshPublicKey: "ssh-ed25519 AAAA",
  });
  const host = new AgentHost({
    dir,
    timing: { restartMs: 100, stopMs: 1_000 },
    undertaker: { began: (pid) => started.push(pid), ended: () => {} },
    facts: {
      kernel: "4.19.0+1",
      libc: "glibc 2.17",
      isDiskFull: () => false,
      reaches: () => false,
    },
  });
  // A program that could be started, so that nothing is refused for want of one.
  const release = join(host.root.folder, "opt/skink/releases/1");
  mkdirSync(release, { recursive: true });
  writeFileSync(join(release, "skink"), `#!${process.execPath}\nconsole.log(process.argv[2])`);
  chmodSync(join(release, "skink"), 0o755);
  symlinkSync("releases/1", join(host.root.folder, "opt/skink/current"));
  host.boot();
  server = await openSshServer({
    listen: { host: address, port },
    hostKey: makeHostKey(),
    password,
    gate: new NetworkGate(),
    shell: {
      hostName: "host-a",
      reboot: () => powerActs.push("reboot"),
      halt: () => powerActs.push("halt"),
      restartToolstack: () => powerActs.push("restart"),
      bootedAtMs: () => Date.now(),
      poolConf: () => "master",
      domains: () => [],
      root: host.root.folder,
      isDiskFull: () => false,
      run: (line, wires) => host.run(line, wires),
    },
  });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = new ssh2.Client();
  await new Promise<void>((resolve, reject) => {
    client.on("error", reject);
    client.on("ready", resolve);
    client.connect({ host: address, port, username: "root", password, agentForward: false });
  });
  try {
    return await work(client);
  } finally {
    client.end();
  }
}

/** The exit code, or "refused" when the channel or the request itself was. */
function exec(
  command: string,
  options: ssh2.ExecOptions = {},
): Promise<{ readonly code: number | "refused"; readonly out: string }> {
  return withClient(
    (client) =>
      new Promise((resolve) => {
        client.exec(command, options, (error, channel) => {
          if (error !== undefined) return resolve({ code: "refused", out: "" });
          let code: number | "refused" = "refused";
          let out = "";
          channel.on("data", (part: Buffer) => (out += part.toString()));
          channel.stderr.resume();
          channel.on("exit", (status: number) => (code = status));
          channel.on("close", () => resolve({ code, out }));
          channel.end();
        });
      }),
  );
}

function sftp<T>(
  work: (files: SFTPWrapper, done: (error: unknown, value?: T) => void) => void,
): Promise<T | "refused"> {
  return withClient(
    (client) =>
      new Promise((resolve) => {
        client.sftp((error, files) => {
          if (error !== undefined) return resolve("refused");
          work(files, (failure, value) =>
            resolve(failure === undefined || failure === null ? (value as T) : "refused"),
          );
        });
      }),
  );
}

function children(): readonly string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/u.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === process.pid;
    } catch {
      return false;
    }
  });
}

const mark = "/tmp/skink-was-here";
const beside = "/opt/skink/current.new";
const upload = `/opt/skink/upload/${"0".repeat(64)}`;

describe.runIf(process.platform === "linux")("ways out of a demo host", () => {
  it("can start the program that is there, so that refusals below mean something", async () => {
    expect(await exec(`${current} version --json`)).toEqual({ code: 0, out: "version\n" });
    expect(started).toHaveLength(1);
    started.length = 0;
  });

  it.each([
    ["a second command", `id -u; touch ${mark}`],
    ["a conjunction", `id -u && touch ${mark}`],
    ["a pipe", `id -u | tee ${mark}`],
    ["a redirection", `id -u > ${mark}`],
    ["a substitution", `sha256sum -- $(touch ${mark})`],
    ["backticks", `ping -c 1 -W 1 \`touch ${mark}\``],
    ["a newline", `id -u\ntouch ${mark}`],
    ["a newline at the end", "reboot\n"],
    ["a carriage return", "id -u\r"],
    ["a NUL", `id -u\0touch ${mark}`],
    ["a look-alike semicolon", `id -u；touch ${mark}`],
    ["a look-alike space", "id\u00a0-u"],
    ["a look-alike letter", "rеboot"],
    ["a variable", "$SHELL"],
    ["a quoted shell", `"/bin/sh" -c 'touch ${mark}'`],
    ["a shell by its path", `/bin/sh -c id`],
    ["steps up to a shell", "/opt/skink/upload/../../../bin/sh version --json"],
    ["steps up in a release", "/opt/skink/releases/../../../bin/sh version --json"],
    ["a program elsewhere", `/tmp/x${current} version --json`],
    ["another root", `${current} state --json --root /`],
    ["a daemon beside the unit", `${current} daemon --json`],
    ["an argument of its own", `${current} status --xapi-socket /tmp/x --json`],
    ["a file of the owner", "sha256sum -- /etc/passwd"],
    ["a file outside to unpack", "gzip -d -f -- /etc/passwd.gz"],
    ["an option for ping", "ping -c 1 -W 1 -f"],
    ["a very long line", `id -u ${"a".repeat(100_000)}`],
    ["nothing", ""],
    ["an uploaded program that is not there", `${upload} version --json`],
    ["a copy over SSH", "scp -t /tmp"],
  ])("%s is refused, and nothing runs", async (_name, command) => {
    const before = children();
    expect((await exec(command)).code).toSatisfy((code) => code === 127 || code === "refused");
    expect(started).toEqual([]);
    expect(children().filter((pid) => !before.includes(pid))).toEqual([]);
    expect(powerActs).toEqual([]);
    expect(existsSync(mark)).toBe(false);
  });

  it("variables reach nobody: the program's environment is empty", async () => {
    const path = join(folder, "h1/root/opt/skink/releases/1/skink");
    writeFileSync(path, `#!${process.execPath}\nconsole.log(Object.keys(process.env).join())`);
    const answer = await exec(`${current} version --json`, {
      env: { BUN_BE_BUN: "1", LD_PRELOAD: "/tmp/x.so", NODE_OPTIONS: "--inspect" },
    });
    expect(answer).toEqual({ code: 0, out: "\n" });
    started.length = 0;
  });

  it("a terminal is refused", async () => {
    expect((await exec("id -u", { pty: true })).code).toBe("refused");
  });

  it("a window system is refused", async () => {
    expect((await exec("id -u", { x11: true })).code).toBe("refused");
  });

  it("a shell is refused", async () => {
    const isRefused = await withClient(
      (client) => new Promise((resolve) => client.shell((error) => resolve(error !== undefined))),
    );
    expect(isRefused).toBe(true);
  });

  it.each(["netconf", "sftp-server; id", "shell", ""])(
    "the subsystem %j is refused",
    async (name) => {
      const isRefused = await withClient(
        (client) =>
          new Promise((resolve) => client.subsys(name, (error) => resolve(error !== undefined))),
      );
      expect(isRefused).toBe(true);
    },
  );

  it("forwarding is refused in either direction", async () => {
    const out = await withClient(
      (client) =>
        new Promise((resolve) =>
          client.forwardOut("127.0.0.1", 1, "127.0.0.1", 22, (error) =>
            resolve(error !== undefined),
          ),
        ),
    );
    const back = await withClient(
      (client) =>
        new Promise((resolve) =>
          client.forwardIn("127.0.0.1", 0, (error) => resolve(error !== undefined)),
        ),
    );
    const socket = await withClient(
      (client) =>
        new Promise((resolve) =>
          client.openssh_forwardOutStreamLocal("/var/run/docker.sock", (error) =>
            resolve(error !== undefined),
          ),
        ),
    );
    expect([out, back, socket]).toEqual([true, true, true]);
  });

  it.each(["/etc/shadow", "/../../secret", "../../../secret", "/etc/xensource/pool.conf"])(
    "no file outside is read as %s",
    async (path) => {
      expect(
        await sftp<Buffer>((files, done) =>
          files.readFile(path, (error, data) => done(error, data)),
        ),
      ).toBe("refused");
    },
  );

  it("what is written with steps up stays in the host", async () => {
    const path = "/../../../../../../tmp/skink-was-here";
    await sftp<void>((files, done) => files.writeFile(path, "x", (error) => done(error)));
    expect(existsSync(mark)).toBe(false);
    expect(readFileSync(join(folder, "h1/root/tmp/skink-was-here"), "utf8")).toBe("x");
  });

  it.each([
    ["/", "/opt/skink/upload"],
    ["/etc/passwd", "/opt/skink/current.new"],
    ["releases/../../..", "/opt/skink/current.new"],
    ["releases/1", "/etc/skink"],
  ])("a link to %s is not planted at %s", async (target, at) => {
    expect(
      await sftp<void>((files, done) => files.symlink(target, at, (error) => done(error))),
    ).toBe("refused");
  });

  it("the link of the current release is switched by rename, and no other link is moved", async () => {
    const at = join(folder, "h1/root/opt/skink/current");
    const rename = (from: string, to: string): Promise<void | "refused"> =>
      sftp<void>((files, done) => files.ext_openssh_rename(from, to, (error) => done(error)));
    await sftp<void>((files, done) => files.symlink("releases/2", beside, done));
    expect(await rename(beside, "/opt/skink/elsewhere")).toBe("refused");
    expect(await rename("/opt/skink/current", "/opt/skink/releases/3")).toBe("refused");
    expect(await rename(beside, "/opt/skink/current")).not.toBe("refused");
    expect(readlinkSync(at)).toBe("releases/2");
  });

  it("a link the host has leads no further than its root", async () => {
    symlinkSync("/", join(folder, "h1/root/up"));
    symlinkSync(join(folder, "secret"), join(folder, "h1/root/plain"));
    for (const path of ["/up/etc/shadow", "/plain", `/up${folder}/secret`]) {
      expect(
        await sftp<Buffer>((files, done) =>
          files.readFile(path, (error, data) => done(error, data)),
        ),
      ).toBe("refused");
    }
  });

  it("the root itself can be neither removed nor renamed", async () => {
    expect(await sftp<void>((files, done) => files.rmdir("/", (error) => done(error)))).toBe(
      "refused",
    );
    expect(
      await sftp<void>((files, done) => files.rename("/", "/opt/root", (error) => done(error))),
    ).toBe("refused");
  });
});
