import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readHostCommand } from "../../main/contract/host-commands.ts";
import type { RolloutRun } from "../../main/contract/install.ts";
import type { BundleSource } from "../../main/install/bundle.ts";
import { Rollout } from "../../main/install/run.ts";
import { makeRelease } from "./release.ts";
import { hasOpenSsh, startSshHost } from "./ssh-host.ts";
import type { SshHost } from "./ssh-host.ts";
import { quickTiming, setStage } from "./stage.ts";
import type { StagePlan } from "./stage.ts";

let folder = "";
let hosts: SshHost[] = [];
let first: BundleSource;
let second: BundleSource;
let ill: BundleSource;
let privateKey = "";
let bare: readonly Readonly<Record<string, string>>[] = [];
const udpPort = 20_000 + Math.floor(Math.random() * 20_000);
const net = 1 + Math.floor(Math.random() * 250);

const odd = " 'a' \"b\" $(id)\n`c` ü 漢";

function planFor(kind: StagePlan["kind"], bundle: BundleSource): StagePlan {
  const shown = hosts.map(({ uuid, name, address, root, sshPort, key }) => ({
    uuid,
    // What administrators call hosts goes into files and sentences, never into a line.
    name: `${name}${odd}`,
    address,
    root,
    sshPort,
    key,
  }));
  const storeFile = join(folder, "run.json");
  return { kind, hosts: shown, privateKey, bundle, storeFile, udpPort, timing: quickTiming };
}

async function roll(
  kind: StagePlan["kind"],
  bundle: BundleSource,
  options: { dryRun?: boolean; signal?: AbortSignal } = {},
): Promise<RolloutRun> {
  const stage = await setStage(planFor(kind, bundle), () => undefined);
  const signal = options.signal ?? new AbortController().signal;
  const dryRun = options.dryRun ?? false;
  const run = await new Rollout(stage.plan, stage.ports, {
    runId: randomUUID(),
    dryRun,
    signal,
  }).run();
  stage.close();
  return run;
}

/** What a roll-out puts on a host, without what the agent writes by itself. */
function installedOf(manifest: Readonly<Record<string, string>>): Record<string, string> {
  const own = /^\/(?:var\/lib\/skink|run\/skink)(?:\/|$)/u;
  return Object.fromEntries(Object.entries(manifest).filter(([path]) => !own.test(path)));
}

describe.runIf(hasOpenSsh())("a roll-out over real OpenSSH", { timeout: 120_000 }, () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "skink-rollout-"));
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, "id")]);
    privateKey = readFileSync(join(folder, "id"), "utf8");
    const authorizedKey = readFileSync(join(folder, "id.pub"), "utf8").trim();
    first = makeRelease(join(folder, "first"), "1.0.0");
    second = makeRelease(join(folder, "second"), "1.0.1");
    ill = makeRelease(join(folder, "ill"), "1.0.2", true);
    hosts = [];
    for (const index of [1, 2]) {
      const address = `127.91.${net}.${index}`;
      const name = `node${index}`;
      hosts.push(
        await startSshHost({ folder, name, uuid: `uuid-${index}`, address, authorizedKey }),
      );
    }
    bare = hosts.map((host) => host.manifest());
  });
  afterAll(async () => {
    await Promise.all(hosts.map((host) => host.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  it("shows what it would do and writes nothing", async () => {
    const run = await roll("install", first, { dryRun: true });
    expect(run.error).toBeNull();
    expect(run.hosts[0]?.phases.map(({ state }) => state)).toContain("pending");
    expect(run.hosts[0]?.phases.find(({ id }) => id === "firewall")?.sentence).toMatch(
      /Add one rule/u,
    );
    expect(hosts.map((host) => host.manifest())).toEqual(bare);
  });

  it("installs on bare hosts until every host hears every other", async () => {
    const run = await roll("install", first);
    expect(run).toMatchObject({ status: "done", error: null });
    expect(run.hosts.every(({ state }) => state === "done")).toBe(true);
    const key = hosts.map(({ root }) => readFileSync(join(root, "etc/skink/pool.key"), "utf8"));
    expect(key[0]).toMatch(/^[0-9a-f]{64}\n$/u);
    expect(key[1]).toBe(key[0]);
    expect(JSON.stringify(run)).not.toContain(key[0]?.trim());
  });

  it("has nothing to do when it is started again", async () => {
    const before = hosts.map(({ root }) => readFileSync(join(root, "etc/skink/pool.key"), "utf8"));
    const run = await roll("install", first);
    expect(run.status).toBe("done");
    const done = run.hosts.flatMap(({ phases }) => phases.filter(({ state }) => state === "done"));
    expect([...new Set(done.map(({ id }) => id))]).toEqual(["unit", "start", "heard"]);
    expect(hosts.map(({ root }) => readFileSync(join(root, "etc/skink/pool.key"), "utf8"))).toEqual(
      before,
    );
  });

  it("upgrades one host at a time, a supporter first, and rolls back", async () => {
    const run = await roll("upgrade", second);
    expect(run).toMatchObject({ status: "done", error: null });
    expect(run.hosts.map(({ hostName, isCanary }) => [hostName, isCanary])).toEqual([
      [`node2${odd}`, true],
      [`node1${odd}`, false],
    ]);
    const [canary, last] = run.hosts.map(({ phases }) => phases);
    const canaryEnd = canary?.find(({ id }) => id === "healthy")?.endedAtMs ?? 0;
    const lastStart = last?.find(({ id }) => id === "stop")?.startedAtMs ?? 0;
    expect(lastStart).toBeGreaterThanOrEqual(canaryEnd);
    const back = await roll("rollback", second);
    expect(back).toMatchObject({ status: "done", error: null });
    const current = hosts.map(({ manifest }) => manifest()["/opt/skink/current"]);
    expect(current).toEqual(["link releases/1.0.0", "link releases/1.0.0"]);
  });

  it("goes back by itself from a release that is ill, and leaves the other hosts alone", async () => {
    const before = hosts.map(({ manifest }) => installedOf(manifest()));
    const run = await roll("upgrade", ill);
    expect(run).toMatchObject({ status: "put-back" });
    expect(run.error?.code).toMatch(/not-heard|not-healthy/u);
    expect(run.hosts.map(({ state }) => state)).toEqual(["put-back", "put-back"]);
    expect(run.hosts[1]?.phases.find(({ id }) => id === "stop")?.state).toBe("pending");
    expect(hosts.map(({ manifest }) => installedOf(manifest()))).toEqual(before);
    // The release from before runs again: all is heard without anything being changed.
    expect(await roll("install", first)).toMatchObject({ status: "done", error: null });
  });

  it("stops when a person says so and puts back what was begun", async () => {
    const before = hosts.map(({ manifest }) => installedOf(manifest()));
    const stopped = new AbortController();
    stopped.abort();
    const run = await roll("upgrade", second, { signal: stopped.signal });
    expect(run.status).toBe("stopped");
    expect(hosts.map(({ manifest }) => installedOf(manifest()))).toEqual(before);
  });

  it("leaves every host as it was found when it removes", async () => {
    const run = await roll("remove", first);
    expect(run).toMatchObject({ status: "done", error: null });
    expect(hosts.map((host) => host.manifest())).toEqual(bare);
  });

  it("asked the servers for lines of the list only, and never with a secret", () => {
    const lines = hosts.flatMap((host) => host.commands());
    expect(lines.length).toBeGreaterThan(50);
    for (const line of lines) expect(readHostCommand(line)?.line).toBe(line);
    const ids = new Set(lines.map((line) => readHostCommand(line)?.id));
    expect(ids).toContain("writeKey");
    const key = lines.filter((line) => /(?<![0-9a-f/])[0-9a-f]{64}(?![0-9a-f])/u.test(line));
    expect(key.every((line) => /--sha256 [0-9a-f]{64}/u.test(line))).toBe(true);
  });
});
