import { spawn, type ChildProcess } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import * as cgroups from "./cgroups.ts";
import { furnish } from "./furnish.ts";
import { makeHostNetwork, plugIn, removeHostNetwork, unplug } from "./network.ts";
import { compileCache, nodeProgram, repository, type LabPaths } from "./paths.ts";
import type { LabPlan, PlannedHost } from "./plan.ts";
import { script, until } from "./run.ts";

export type HostState = "on" | "off" | "hung";

/** systemd-nspawn ends so when the host asked for a reboot. */
const exitReboot = 133;
const endTimeoutMs = 10_000;
const boardPollMs = 100;
const xapiUnit = "xapi.service";

/** One machine of the lab: its disk, its cables, its power button and its board controller. */
export class LabHost {
  readonly planned: PlannedHost;
  readonly #plan: LabPlan;
  readonly #paths: LabPaths;
  readonly #powerOnPeer: (hostUuid: string) => void;
  #state: HostState = "off";
  #isXapiHung = false;
  #child: ChildProcess | null = null;
  #boots = 0;
  /** the power button is pressed by one hand at a time */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #board: string;
  readonly #disk: string;
  readonly #root: string;

  constructor(
    planned: PlannedHost,
    lab: { readonly plan: LabPlan; readonly paths: LabPaths },
    powerOnPeer: (hostUuid: string) => void,
  ) {
    this.planned = planned;
    this.#plan = lab.plan;
    this.#paths = lab.paths;
    this.#powerOnPeer = powerOnPeer;
    this.#disk = join(lab.paths.disks, planned.id);
    this.#root = join(this.#disk, "root");
    this.#board = join(lab.paths.pool, `board-${planned.id}`);
  }

  get state(): HostState {
    return this.#state;
  }

  get isXapiHung(): boolean {
    return this.#isXapiHung;
  }

  /** Boots of this lab, the first one too. */
  get boots(): number {
    return this.#boots;
  }

  /** Gives the machine its disk: the shared image with a layer of its own in memory. */
  async build(): Promise<void> {
    mkdirSync(this.#disk, { recursive: true });
    mkdirSync(this.#board, { recursive: true });
    const [disk, name] = [this.#disk, `lab-${this.planned.id}`];
    const layers = `lowerdir=${this.#plan.image},upperdir=${disk}/upper,workdir=${disk}/work`;
    await script(`
      mount -t tmpfs -o size=${this.#plan.hostDiskMib}m,mode=755 ${name} ${disk}
      mkdir ${disk}/upper ${disk}/work ${this.#root}
      mount -t overlay -o ${layers} ${name} ${this.#root}
    `);
    await furnish(this.#root, this.planned, { plan: this.#plan, paths: this.#paths });
    this.#watchBoard();
  }

  powerOn(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state === "off") await this.#boot();
    });
  }

  /** The plug: silence first, so that no dying process says goodbye. */
  powerOff(): Promise<void> {
    return this.#inTurn(() => this.#loseAll());
  }

  /** What the watchdog does. */
  reset(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state === "off") return;
      await this.#loseAll();
      await this.#boot();
    });
  }

  hang(): void {
    if (this.#state !== "on") return;
    cgroups.freezeHost(this.#plan.name, this.planned.id);
    this.#state = "hung";
  }

  resume(): void {
    if (this.#state !== "hung") return;
    cgroups.thawHost(this.#plan.name, this.planned.id);
    this.#state = "on";
  }

  /** How many processes of its XAPI took the signal. */
  signalXapi(signal: "SIGSTOP" | "SIGCONT" | "SIGKILL"): number {
    const pids = cgroups.processesOfUnit(this.#plan.name, this.planned.id, xapiUnit);
    for (const pid of pids) endProcess(pid, signal);
    this.#isXapiHung = signal === "SIGSTOP" && pids.length > 0;
    return pids.length;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #boot(): Promise<void> {
    const { id } = this.planned;
    rmSync(join(this.#board, "watchdog"), { force: true });
    await makeHostNetwork(this.planned);
    await until(() => cgroups.removeHostFolders(this.#plan.name, id), endTimeoutMs);
    const folders = cgroups.makeHostFolders(this.#plan.name, id);
    const log = openSync(join(this.#paths.folder, `${id}.log`), "a", 0o600);
    const enter = folders.map((folder) => `echo $$ > ${folder}/cgroup.procs`).join("; ");
    const child = spawn(
      "sh",
      ["-ec", `${enter}; exec systemd-nspawn "$@"`, "sh", ...this.#args()],
      {
        stdio: ["ignore", log, log],
        env: { PATH: process.env["PATH"] ?? "", SYSTEMD_LOG_LEVEL: "warning" },
      },
    );
    closeSync(log);
    this.#child = child;
    this.#boots += 1;
    this.#isXapiHung = false;
    this.#state = "on";
    child.once("close", (code) => this.#ended(child, code));
    child.once("error", () => this.#ended(child, null));
    await plugIn(id);
  }

  #args(): readonly string[] {
    const { id, name } = this.planned;
    const { pool } = this.#paths;
    return [
      `--directory=${this.#root}`,
      "--boot",
      "--quiet",
      "--register=no",
      "--keep-unit",
      `--machine=${this.#plan.name}-${id}`,
      `--hostname=${name}`,
      `--network-namespace-path=/run/netns/${id}`,
      "--capability=CAP_NET_ADMIN,CAP_NET_RAW,CAP_IPC_LOCK,CAP_SYS_NICE,CAP_SYS_RESOURCE",
      "--console=pipe",
      "--resolv-conf=off",
      "--timezone=off",
      "--link-journal=no",
      `--bind-ro=${repository}:/opt/virtual/repository`,
      `--bind-ro=${nodeProgram}:/opt/virtual/node`,
      `--bind=${compileCache}:/opt/virtual/compiled`,
      `--bind=${join(pool, id)}:/opt/virtual/host`,
      `--bind=${join(pool, "shared")}:/opt/virtual/shared`,
      `--bind=${this.#board}:/opt/virtual/board`,
    ];
  }

  /** The host went by itself: off, or down to come back. */
  #ended(child: ChildProcess, code: number | null): void {
    if (this.#child !== child) return;
    void this.#inTurn(async () => {
      if (this.#child !== child) return;
      await this.#loseAll();
      if (code === exitReboot) await this.#boot();
    });
  }

  async #loseAll(): Promise<void> {
    const { id } = this.planned;
    const child = this.#child;
    this.#child = null;
    this.#state = "off";
    this.#isXapiHung = false;
    await unplug(id);
    const lab = this.#plan.name;
    // A frozen process takes its end only once it is thawed, and must do nothing else by then.
    for (const pid of cgroups.processesOf(lab, id)) endProcess(pid, "SIGKILL");
    cgroups.thawHost(lab, id);
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
    }
    await until(() => cgroups.processesOf(lab, id).length === 0, endTimeoutMs, 20);
    cgroups.removeHostFolders(lab, id);
    await removeHostNetwork(id);
    rmSync(join(this.#board, "watchdog"), { force: true });
  }

  /** The board controller: the watchdog's clock and the power buttons of its neighbours. */
  #watchBoard(): void {
    const look = (): void => {
      if (!existsSync(this.#board)) return;
      for (const name of readdirSync(this.#board)) this.#readBoard(name);
    };
    setInterval(look, boardPollMs);
  }

  #readBoard(name: string): void {
    const file = join(this.#board, name);
    if (name.startsWith("power-on-")) {
      rmSync(file, { force: true });
      this.#powerOnPeer(name.slice("power-on-".length));
    }
    if (name !== "watchdog" || this.#state === "off") return;
    const deadlineMs = Number(readOrNothing(file));
    if (!(deadlineMs > 0) || monotonicMs() < deadlineMs) return;
    rmSync(file, { force: true });
    void this.reset();
  }
}

/** The clock that all processes of a machine share, in containers too. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function endProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    if (pid > 0) process.kill(pid, signal);
  } catch {
    // It went by itself.
  }
}
