import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2 from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { lookCommand } from "../../main/contract/host-commands.ts";
import type { HostCommand } from "../../main/contract/host-commands.ts";
import type { SshKey } from "../../main/contract/install.ts";
import type { HostShell } from "../../main/install/shell.ts";
import { lookAtKey, openSsh } from "../../main/install/ssh.ts";
import { hasOpenSsh, startSshHost } from "./ssh-host.ts";
import type { SshHost } from "./ssh-host.ts";

const otherKey: SshKey = { type: "ssh-ed25519", fingerprint: `SHA256:${"A".repeat(43)}` };

describe("a host key", () => {
  let server: ssh2.Server;
  let port = 0;
  const attempts: string[] = [];

  beforeAll(async () => {
    const key = ssh2.utils.generateKeyPairSync("ecdsa", { bits: 256 });
    server = new ssh2.Server({ hostKeys: [key.private] }, (client) => {
      client.on("error", () => undefined);
      client.on("authentication", (attempt) => {
        attempts.push(
          attempt.method === "password" ? `password ${attempt.password}` : attempt.method,
        );
        if (attempt.method === "password" && attempt.password === "right") attempt.accept();
        else attempt.reject(["password"]);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as { port: number }).port;
  });
  afterEach(() => void attempts.splice(0));
  afterAll(() => new Promise<void>((resolve) => void server.close(() => resolve())));

  const login = (trusted: SshKey | null, password: string): Promise<HostShell> =>
    openSsh({
      endpoint: { host: "127.0.0.1", port },
      hostName: "node1",
      trusted,
      user: "root",
      login: { kind: "password", password },
    });

  it("can be looked at without a login", async () => {
    const key = await lookAtKey({ host: "127.0.0.1", port });
    expect(key).toMatchObject({ type: "ecdsa-sha2-nistp256" });
    expect(attempts).toEqual([]);
  });

  it("that was never accepted is not even dialled", async () => {
    await expect(login(null, "secret")).rejects.toMatchObject({ code: "key-unknown" });
    expect(attempts).toEqual([]);
  });

  it("that changed ends it before anything is sent", async () => {
    await expect(login(otherKey, "secret")).rejects.toMatchObject({
      code: "key-changed",
      message: expect.stringContaining(otherKey.fingerprint) as string,
    });
    expect(attempts).toEqual([]);
  });

  it("that is the accepted one lets the password through, once", async () => {
    const key = await lookAtKey({ host: "127.0.0.1", port });
    const shell = await login(key, "right");
    shell.close();
    expect(attempts.filter((one) => one.startsWith("password"))).toEqual(["password right"]);
    await expect(login(key, "wrong")).rejects.toMatchObject({ code: "login-refused" });
  });

  it("of nobody is an address that cannot be reached", async () => {
    await expect(lookAtKey({ host: "127.0.0.1", port: 1 })).rejects.toMatchObject({
      code: "unreachable",
    });
  });
});

describe.runIf(hasOpenSsh())("files and commands over OpenSSH", { timeout: 60_000 }, () => {
  let folder = "";
  let host: SshHost;
  let shell: HostShell;
  const open = (): Promise<HostShell> =>
    openSsh({
      endpoint: { host: "127.0.0.1", port: host.sshPort },
      hostName: host.name,
      trusted: host.key,
      user: "root",
      login: { kind: "key", privateKey: readFileSync(join(folder, "id"), "utf8") },
    });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "skink-ssh-"));
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, "id")]);
    const authorizedKey = readFileSync(join(folder, "id.pub"), "utf8").trim();
    const options = { folder, name: "node1", uuid: "u", address: "127.0.0.1", runsAgent: false };
    host = await startSshHost({ ...options, authorizedKey });
    shell = await open();
  });
  afterAll(async () => {
    shell?.close();
    await host?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("run what is in the list and give its output and status", async () => {
    expect(await shell.run(lookCommand("user"))).toEqual({ code: 0, stdout: "0\n", stderr: "" });
    const missing = await shell.run(lookCommand("hash", `/opt/skink/upload/${"0".repeat(64)}`));
    expect(missing.code).toBe(1);
  });

  it("let no line leave that is not in the list", async () => {
    const before = host.commands().length;
    const forged: HostCommand = { id: "user", argv: ["id"], line: "id; touch /tmp/x", root: null };
    await expect(shell.run(forged)).rejects.toThrow(/not in the list/u);
    expect(host.commands().length).toBe(before);
  });

  it("take names with quotes, line ends and unicode as names", async () => {
    const odd = join(host.root, "var/lib", "a 'b' \"c\" $(id)\n`d` ü 漢");
    await shell.makeFolder(odd, 0o700);
    expect(statSync(odd).isDirectory()).toBe(true);
    expect(await shell.list(join(host.root, "var/lib"))).toContain(odd.split("/").at(-1));
    await shell.putLink(`${odd}/link`, "target 'with' $(quotes)");
    expect(await shell.readLink(`${odd}/link`)).toBe("target 'with' $(quotes)");
    await shell.removeFile(`${odd}/link`);
    await shell.removeFolder(odd);
    expect(await shell.stat(odd)).toBeNull();
  });

  it("go on with an upload where the connection was cut", async () => {
    const content = randomBytes(24_000_000);
    mkdirSync(join(host.root, "opt/up"), { recursive: true });
    const path = join(host.root, "opt/up/file");
    const cut = shell.upload({
      content,
      path,
      onProgress: ({ sent }) => {
        if (sent > content.length / 3) host.cut();
      },
    });
    await expect(cut).rejects.toMatchObject({ code: "connection-lost" });
    host.heal();
    shell = await open();
    const done = await shell.upload({ content, path, onProgress: () => undefined });
    expect(done.resumedFrom).toBeGreaterThan(1_000_000);
    expect(done).toMatchObject({ sent: content.length, total: content.length });
    const hash = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
    expect(hash(readFileSync(path))).toBe(hash(content));
  });

  it("read files of the kernel, which have no size, and say null for missing ones", async () => {
    const boot = await shell.readFile("/proc/sys/kernel/random/boot_id");
    expect(boot?.toString("ascii").trim()).toMatch(/^[0-9a-f-]{36}$/u);
    expect(await shell.readFile("/nowhere/at/all")).toBeNull();
  });

  it("end whatever is under way when the connection is lost", async () => {
    const lost = new Promise<void>((resolve) => shell.onClose(resolve));
    const ping = shell.run(lookCommand("ping", "192.0.2.1"));
    host.cut();
    await expect(ping).rejects.toMatchObject({ code: "connection-lost" });
    await lost;
    host.heal();
    shell = await open();
  });
});
