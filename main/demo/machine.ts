import { join } from "node:path";
import type { PowerAction } from "../../host-agent/xapi-host/channel.ts";
import { listDomains } from "../../host-agent/xapi-host/domains-file.ts";
import { readFileOrNothing } from "../../host-agent/xapi-host/disk-file.ts";
import { NetworkGate } from "../../host-agent/xapi-host/network-gate.ts";
import * as files from "../../host-agent/xapi-host/settings.ts";
import {
  openSshServer,
  type CommandWires,
  type SshServer,
} from "../../host-agent/xapi-host/ssh-server.ts";
import type { Endpoint } from "../../host-agent/xapi-host/settings.ts";
import type { ServiceListener, XapiService } from "./host-process.ts";
import { prepareForPoweroff } from "./orderly-stop.ts";
import { loseVolatile, readBoot, writeBoot, writeFaults } from "./work-folder.ts";

export interface MachineState {
  readonly power: "on" | "off" | "booting";
  readonly xapi: "running" | "hung" | "stopped" | "starting";
}

/** How long the parts of a machine take that are not XAPI. */
export interface MachineTiming {
  /** from the power button to services starting */
  readonly bootMs: number;
  /** the service manager waits so long before it starts XAPI again */
  readonly restartMs: number;
  /** how long XAPI may take to stop before it is killed */
  readonly stopMs: number;
}

export const machineTimings: Readonly<Record<"real" | "fast", MachineTiming>> = {
  real: { bootMs: 5_000, restartMs: 1_000, stopMs: 60_000 },
  fast: { bootMs: 1_000, restartMs: 200, stopMs: 5_000 },
};

/** The operating system apart from XAPI: its files, its commands, and the agent's unit. */
export interface MachineOs {
  /** folder of its root */
  readonly root: string;
  /** services that are enabled start */
  boot(): void;
  /** services stop in order, told what for */
  stop(how: "reboot" | "shutdown"): Promise<void>;
  /** everything ends at once */
  cutPower(): Promise<void>;
  /** null for what is not in the list of commands */
  run(line: string, wires: CommandWires): Promise<number> | null;
}

export interface MachineOptions {
  readonly name: string;
  readonly dir: string;
  readonly hostUuid: string;
  readonly ssh: { readonly listen: Endpoint; readonly hostKey: string; readonly password: string };
  readonly timing: MachineTiming;
  readonly os: MachineOs;
  readonly makeService: (listener: ServiceListener) => XapiService;
  readonly powerOnPeer: (hostUuid: string) => Promise<boolean>;
  readonly changed: () => void;
}

/**
 * One computer of the demo pool: power, boot, the service manager that looks after XAPI, the SSH
 * server of the operating system, and the order in which things stop. Every change of power begins
 * a new epoch; what was still going on in an older one has lost its machine and stops.
 */
export class Machine {
  readonly #options: MachineOptions;
  readonly #service: XapiService;
  readonly #sshGate = new NetworkGate();
  #ssh: SshServer | null = null;
  #power: MachineState["power"] = "off";
  #xapi: MachineState["xapi"] = "stopped";
  #faults = files.noFaults;
  #epoch = 0;
  #isStopping = false;
  #whenExited: (() => void)[] = [];
  #watchdog: NodeJS.Timeout | undefined;
  readonly #waits = new Set<() => void>();

  constructor(options: MachineOptions) {
    this.#options = options;
    this.#service = options.makeService({
      listening: () => this.#listening(),
      power: (action) => this.#asked(action),
      watchdog: (timeoutMs) => this.#armWatchdog(timeoutMs),
      exited: (code) => this.#exited(code),
      powerOnPeer: options.powerOnPeer,
    });
  }

  get name(): string {
    return this.#options.name;
  }

  get hostUuid(): string {
    return this.#options.hostUuid;
  }

  get state(): MachineState {
    return { power: this.#power, xapi: this.#xapi };
  }

  get faults(): files.HardwareFaults {
    return this.#faults;
  }

  setFaults(faults: files.HardwareFaults): void {
    this.#faults = faults;
    writeFaults(this.#options.dir, faults);
    this.#service.send({ type: "faults", dir: this.#options.dir, faults });
    if (faults.isNetworkCut) this.#sshGate.cut();
    else this.#sshGate.restore();
    this.#options.changed();
  }

  /** As it is when the demo begins: booted long ago, its guests running. */
  async wake(): Promise<void> {
    await this.#bringUp(this.#newEpoch());
  }

  /** The power button. Does nothing while the power is on. */
  async powerOn(): Promise<void> {
    if (this.#power !== "off") return;
    await this.#boot();
  }

  /** The plug: everything is gone at once, nothing is said to anybody. */
  async cutPower(): Promise<void> {
    this.#newEpoch();
    this.#power = "off";
    this.#isStopping = false;
    await this.#loseEverything();
  }

  hangXapi(): void {
    if (this.#xapi !== "running" && this.#xapi !== "starting") return;
    this.#service.hang();
    this.#setXapi("hung");
  }

  resumeXapi(): void {
    if (this.#xapi !== "hung") return;
    this.#service.resume();
    this.#setXapi("running");
  }

  /** The service manager starts it again, as after any crash. */
  killXapi(): void {
    this.#service.kill();
  }

  /**
   * `reboot` typed by root, or run by XAPI: services stop in order, then the machine starts anew.
   */
  async reboot(): Promise<void> {
    const epoch = await this.#shutDownServices("reboot");
    if (epoch === null) return;
    await this.#boot();
  }

  async halt(): Promise<void> {
    const epoch = await this.#shutDownServices("shutdown");
    if (epoch === null) return;
    await this.cutPower();
  }

  async restartToolstack(): Promise<void> {
    if (this.#power !== "on" || this.#isStopping) return;
    const epoch = this.#epoch;
    this.#isStopping = true;
    await this.#stopXapi();
    if (epoch !== this.#epoch) return;
    this.#isStopping = false;
    this.#startXapi();
  }

  /** Everything that still waits in the old epoch wakes, sees that it is over, and stops. */
  #newEpoch(): number {
    this.#epoch += 1;
    for (const wake of this.#waits) wake();
    return this.#epoch;
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waits.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#waits.add(wake);
    });
  }

  async #boot(): Promise<void> {
    const epoch = this.#newEpoch();
    this.#power = "booting";
    this.#isStopping = false;
    await this.#loseEverything();
    const bootedAtMs = Date.now();
    await this.#wait(this.#options.timing.bootMs);
    if (epoch !== this.#epoch) return;
    writeBoot(this.#options.dir, bootedAtMs);
    await this.#bringUp(epoch);
  }

  async #bringUp(epoch: number): Promise<void> {
    const { ssh } = this.#options;
    const server = await openSshServer({
      listen: ssh.listen,
      hostKey: ssh.hostKey,
      password: ssh.password,
      gate: this.#sshGate,
      shell: this.#shell(),
    });
    if (epoch !== this.#epoch) {
      await server.close();
      return;
    }
    this.#ssh = server;
    this.#power = "on";
    this.#options.os.boot();
    this.#startXapi();
  }

  #shell(): Parameters<typeof openSshServer>[0]["shell"] {
    const { dir, os } = this.#options;
    return {
      root: os.root,
      isDiskFull: () => this.#faults.isDiskFull,
      run: (line, wires) => os.run(line, wires),
      hostName: this.#options.name,
      reboot: () => void this.reboot(),
      halt: () => void this.halt(),
      restartToolstack: () => void this.restartToolstack(),
      bootedAtMs: () => readBoot(dir),
      poolConf: () => readFileOrNothing(join(dir, "disk", "pool.conf")) ?? "",
      domains: () => listDomains(join(dir, files.domainsFile)),
    };
  }

  /** Resets the machine when nobody feeds it: XAPI hung, gone, or cut off and keeping still. */
  #armWatchdog(timeoutMs: number | null): void {
    clearTimeout(this.#watchdog);
    if (timeoutMs === null || this.#power !== "on") return;
    const epoch = this.#epoch;
    this.#watchdog = setTimeout(() => {
      if (epoch === this.#epoch) void this.#boot();
    }, timeoutMs);
  }

  async #loseEverything(): Promise<void> {
    clearTimeout(this.#watchdog);
    const ssh = this.#ssh;
    this.#ssh = null;
    const wasThere = this.#xapi !== "stopped";
    const exited = wasThere ? this.#exit() : Promise.resolve();
    this.#service.kill();
    this.#options.changed();
    await Promise.all([exited, ssh?.close(), this.#options.os.cutPower()]);
    loseVolatile(this.#options.dir);
  }

  /** Null when the power went in the meantime, or a shutdown was already under way. */
  async #shutDownServices(how: "reboot" | "shutdown"): Promise<number | null> {
    if (this.#power !== "on" || this.#isStopping) return null;
    const epoch = this.#epoch;
    this.#isStopping = true;
    // Before XAPI: it tells its peers that the silence to come is meant.
    await this.#options.os.stop(how);
    if (epoch !== this.#epoch) return null;
    if (this.#xapi !== "stopped") {
      const stopped = new AbortController();
      // With XAPI gone there is nobody left to prepare anything.
      void this.#exit().then(() => stopped.abort());
      await prepareForPoweroff({
        socketPath: join(this.#options.dir, files.socketFile),
        hostUuid: this.#options.hostUuid,
        signal: stopped.signal,
      });
      if (epoch !== this.#epoch) return null;
      await this.#stopXapi();
    }
    return epoch === this.#epoch ? epoch : null;
  }

  async #stopXapi(): Promise<void> {
    if (this.#xapi === "stopped") return;
    const exited = this.#exit();
    this.#service.send({ type: "stop", dir: this.#options.dir });
    const isOver = await Promise.race([
      exited.then(() => true),
      this.#wait(this.#options.timing.stopMs).then(() => false),
    ]);
    if (isOver) return;
    this.#service.kill();
    await exited;
  }

  #startXapi(): void {
    this.#setXapi("starting");
    this.#service.start();
  }

  #setXapi(xapi: MachineState["xapi"]): void {
    this.#xapi = xapi;
    this.#options.changed();
  }

  #exit(): Promise<void> {
    return new Promise((resolve) => this.#whenExited.push(resolve));
  }

  #listening(): void {
    if (this.#xapi === "starting") this.#setXapi("running");
    // The faults may have changed while it was starting.
    this.#service.send({ type: "faults", dir: this.#options.dir, faults: this.#faults });
  }

  #asked(action: PowerAction): void {
    switch (action) {
      case "reboot":
        void this.reboot();
        return;
      case "halt":
        void this.halt();
        return;
      case "fence":
        void this.#boot();
        return;
      case "restart-toolstack":
        void this.restartToolstack();
        return;
    }
  }

  #exited(code: number | null): void {
    this.#setXapi("stopped");
    const waiting = this.#whenExited;
    this.#whenExited = [];
    for (const resolve of waiting) resolve();
    // Exit 0 is a wish to stay down; everything else, 123 included, is started again.
    if (code === 0 || this.#power !== "on" || this.#isStopping) return;
    const epoch = this.#epoch;
    void this.#wait(this.#options.timing.restartMs).then(() => {
      const isWanted = epoch === this.#epoch && !this.#isStopping && this.#xapi === "stopped";
      if (isWanted) this.#startXapi();
    });
  }
}
