import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { rolloutRunSchema } from "../../main/contract/install.ts";
import type { RolloutRun } from "../../main/contract/install.ts";
import type { BundleSource } from "../../main/install/bundle.ts";
import { Rollout } from "../../main/install/run.ts";
import { makeRelease } from "./release.ts";
import { startSshHost } from "./ssh-host.ts";
import type { SshHost } from "./ssh-host.ts";
import { quickTiming, setStage } from "./stage.ts";
import type { StagePlan } from "./stage.ts";

/*
 * Every fault at every phase, on hosts with real OpenSSH and a disk of their own that can be full.
 * What
 * comes out is one row: how the run ended, and that the hosts are as before or the run went on.
 */

export type FaultKind = "connection lost" | "disk full" | "console killed";

export interface FaultRow {
  readonly kind: "install" | "upgrade";
  readonly phase: string;
  readonly fault: FaultKind;
  /** how the run with the fault ended */
  readonly ended: string;
  /** what it came to */
  readonly outcome: "as before" | "resumed" | "not hurt" | "WRONG";
  /** empty unless wrong */
  readonly detail: string;
}

export interface FaultRoom {
  readonly hosts: readonly SshHost[];
  readonly first: BundleSource;
  readonly second: BundleSource;
  phases(kind: FaultRow["kind"]): readonly string[];
  tryFault(kind: FaultRow["kind"], phase: string, fault: FaultKind): Promise<FaultRow>;
  close(): Promise<void>;
}

const diskBytes = 64 * 1_048_576;

const phasesOf = {
  install: [
    "upload",
    "verify",
    "release",
    "host-file",
    "key",
    "firewall",
    "link",
    "unit",
    "start",
    "heard",
  ],
  upgrade: ["upload", "verify", "release", "stop", "link", "unit", "start", "healthy"],
} as const;

export async function openFaultRoom(): Promise<FaultRoom> {
  const folder = mkdtempSync(join(tmpdir(), "skink-faults-"));
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, "id")]);
  const authorizedKey = readFileSync(join(folder, "id.pub"), "utf8").trim();
  const first = makeRelease(join(folder, "first"), "1.0.0");
  const second = makeRelease(join(folder, "second"), "1.0.1");
  const net = 1 + Math.floor(Math.random() * 250);
  const hosts: SshHost[] = [];
  for (const index of [1, 2]) {
    const address = `127.92.${net}.${index}`;
    const options = { folder, name: `node${index}`, uuid: `uuid-${index}`, address };
    hosts.push(await startSshHost({ ...options, authorizedKey, diskBytes }));
  }
  const room = new Room(folder, hosts, { first, second });
  return room;
}

class Room implements FaultRoom {
  readonly hosts: readonly SshHost[];
  readonly first: BundleSource;
  readonly second: BundleSource;
  readonly #folder: string;
  readonly #privateKey: string;
  #isKnown = false;
  readonly #udpPort = 20_000 + Math.floor(Math.random() * 20_000);

  constructor(
    folder: string,
    hosts: readonly SshHost[],
    bundles: { readonly first: BundleSource; readonly second: BundleSource },
  ) {
    this.#folder = folder;
    this.hosts = hosts;
    this.first = bundles.first;
    this.second = bundles.second;
    this.#privateKey = readFileSync(join(folder, "id"), "utf8");
  }

  phases(kind: FaultRow["kind"]): readonly string[] {
    return phasesOf[kind];
  }

  async tryFault(kind: FaultRow["kind"], phase: string, fault: FaultKind): Promise<FaultRow> {
    await this.#reach(kind);
    const before = this.#manifests();
    const plan = this.#plan(kind, kind === "install" ? this.first : this.second);
    // One host is hurt; what happens to the other is part of the answer.
    const hurt = this.hosts[1];
    if (hurt === undefined) throw new Error("two hosts are needed");
    const ended = await this.#hurt(plan, { phase, fault, hurt });
    hurt.heal();
    hurt.freeDisk();
    const row = { kind, phase, fault, ended };
    if (ended === "done") return { ...row, outcome: "not hurt", detail: "" };
    if (ended === "put-back") {
      const detail = differences(before, this.#manifests());
      return { ...row, outcome: detail === "" ? "as before" : "WRONG", detail };
    }
    const again = await this.#run(plan, () => undefined);
    const isDone = again.status === "done";
    const detail = isDone ? "" : (again.error?.sentence ?? again.status);
    return { ...row, outcome: isDone ? "resumed" : "WRONG", detail };
  }

  async close(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.stop()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Bare hosts for an install, hosts with the first release for an upgrade. */
  async #reach(kind: FaultRow["kind"]): Promise<void> {
    const current = this.#manifests().map((one) => one["/opt/skink/current"] ?? "bare");
    const previous = this.#manifests().map((one) => one["/opt/skink/previous"] ?? "none");
    const wanted = kind === "install" ? "bare" : "link releases/1.0.0";
    const isThere = current.every((one) => one === wanted);
    if (isThere && previous.every((one) => one === "none") && this.#isKnown) return;
    this.#isKnown = true;
    const removed = await this.#run(this.#plan("remove", this.first), () => undefined);
    if (removed.status !== "done") throw new Error(`not removed: ${removed.error?.sentence ?? ""}`);
    if (kind === "upgrade") {
      const run = await this.#run(this.#plan("install", this.first), () => undefined);
      if (run.status !== "done") throw new Error(`not installed: ${run.error?.sentence ?? ""}`);
    }
  }

  #plan(kind: StagePlan["kind"], bundle: BundleSource): StagePlan {
    return {
      kind,
      hosts: this.hosts.map(({ uuid, name, address, root, sshPort, key }) => ({
        uuid,
        name,
        address,
        root,
        sshPort,
        key,
      })),
      privateKey: this.#privateKey,
      bundle,
      storeFile: join(this.#folder, "run.json"),
      udpPort: this.#udpPort,
      timing: { ...quickTiming, watchMs: 300, canaryWatchMs: 300, lossMs: 400 },
    };
  }

  async #hurt(
    plan: StagePlan,
    { phase, fault, hurt }: { phase: string; fault: FaultKind; hurt: SshHost },
  ): Promise<string> {
    if (fault === "console killed") return this.#killed(plan, phase, hurt);
    const run = await this.#run(plan, (view) => {
      if (!isAt(view, hurt, phase)) return;
      if (fault === "disk full") hurt.fillDisk();
      else hurt.cut();
    });
    return run.status;
  }

  async #run(plan: StagePlan, onView: (view: RolloutRun) => void): Promise<RolloutRun> {
    let rollout: Rollout | null = null;
    const stage = await setStage(plan, () => {
      if (rollout !== null) onView(rollout.view());
    });
    const options = { runId: randomUUID(), dryRun: false, signal: new AbortController().signal };
    rollout = new Rollout(stage.plan, stage.ports, options);
    const run = await rollout.run();
    stage.close();
    return run;
  }

  /** Another process rolls out and is killed the moment the phase is under way. */
  #killed(plan: StagePlan, phase: string, hurt: SshHost): Promise<string> {
    const file = join(this.#folder, "plan.json");
    writeFileSync(file, JSON.stringify(plan), { mode: 0o600 });
    const program = join(import.meta.dirname, "console-process.ts");
    const child = spawn(process.execPath, [program, file], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let last = "killed";
    createInterface({ input: child.stdout }).on("line", (line) => {
      const view = rolloutRunSchema.parse(JSON.parse(line));
      if (isAt(view, hurt, phase)) child.kill("SIGKILL");
      if (view.endedAtMs !== null) last = view.status;
    });
    return new Promise((resolve) => child.on("close", () => resolve(last)));
  }

  #manifests(): readonly Readonly<Record<string, string>>[] {
    return this.hosts.map((host) => host.manifest());
  }
}

function isAt(view: RolloutRun, host: SshHost, phase: string): boolean {
  const phases = view.hosts.find(({ hostUuid }) => hostUuid === host.uuid)?.phases;
  return phases?.find(({ id }) => id === phase)?.state === "running";
}

/** What a running agent writes by itself is no work of the roll-out. */
const ownWork = /^\/(?:var\/lib\/skink|run\/skink)(?:\/|$)/u;

function differences(
  before: readonly Readonly<Record<string, string>>[],
  after: readonly Readonly<Record<string, string>>[],
): string {
  const rows = before.flatMap((was, index) => {
    const is = after[index] ?? {};
    const paths = [...new Set([...Object.keys(was), ...Object.keys(is)])];
    const isInstalled = "/opt/skink/current" in was;
    return paths
      .filter((path) => was[path] !== is[path] && !(isInstalled && ownWork.test(path)))
      .map(
        (path) => `node${index + 1} ${path}: ${was[path] ?? "absent"} -> ${is[path] ?? "absent"}`,
      );
  });
  return rows.join("; ");
}

export function faultTable(rows: readonly FaultRow[]): string {
  const head = `# Roll-out faults

Generated by \`test/rollout/faults.test.ts\`: two hosts with real OpenSSH, the agent's own code, and a
fault on one of them in each phase. \`as before\`: files, key and firewall of both hosts are exactly as they
were. \`resumed\`: nothing could be undone, and the same run, started again, came to its end. \`not hurt\`:
the run came to its end in spite of the fault.

| Run | Phase | Fault | The run ended | Then |
| --- | --- | --- | --- | --- |
`;
  return `${head}${rows.map((row) => `| ${row.kind} | ${row.phase} | ${row.fault} | ${row.ended} | ${row.outcome} |\n`).join("")}`;
}
