/** One physical host of a virtual pool: disk, guests, storage cables, power, and the XAPI on it. */
import { createNode } from "../create-node.ts";
import type { HttpRequest, NodeOptions, NodeUser, XapiNode } from "../node.ts";
import {
  DiskFull,
  DomainFailure,
  StorageUnreachable,
  type AttachedDisk,
  type Dice,
  type Disk,
  type Domain,
  type DomainEvent,
  type Domains,
  type DomainSpec,
  type Plugins,
  type PluginResult,
  type Ports,
  type Power,
  type Storage,
} from "../ports.ts";
import type { XapiGeneration } from "../generation.ts";
import type { Timing } from "../timing.ts";
import type { VirtualNetwork } from "./virtual-network.ts";
import type { VirtualTime } from "./virtual-time.ts";
import { VirtualClient } from "./virtual-client.ts";

const RESTART_MS = 2_000;
const BOOT_MS = 60_000;
const GUEST_SHUTDOWN_MS = 3_000;
const STOP_LIMIT_MS = 60_000;

/** Statefiles of all SRs: `sr/vdi` to slots by host uuid. Shared by the whole pool. */
export type Statefiles = Map<string, Record<string, string>>;

export interface MachineSpec {
  readonly name: string;
  readonly uuid: string;
  readonly address: string;
  readonly memoryBytes: number;
  readonly srUuids: readonly string[];
  readonly generation: XapiGeneration;
  readonly timing: Timing;
  readonly poolSecret: string;
  readonly rootPassword: string;
  readonly users: readonly NodeUser[];
}

export interface MachineWorld {
  readonly time: VirtualTime;
  readonly network: VirtualNetwork;
  readonly dice: Dice;
  readonly statefiles: Statefiles;
  readonly powerOn: (hostUuid: string) => Promise<boolean>;
}

type Plugin = (fn: string, args: Readonly<Record<string, string>>) => PluginResult;
type Hook = (args: Readonly<Record<string, string>>) => number;

export class VirtualMachine {
  readonly spec: MachineSpec;
  readonly files = new Map<string, string>();
  readonly domains = new Map<string, Domain>();
  readonly disks: AttachedDisk[] = [];
  readonly plugins = new Map<string, Plugin>();
  readonly hooks = new Map<string, Hook>();
  readonly log: string[] = [];
  /** Exit codes of XAPI so far. */
  readonly exits: number[] = [];
  readonly unreachableSrs = new Set<string>();
  diskFull = false;
  /** Files that cannot be written although the disk has space for others. */
  readonly unwritable = new Set<string>();
  hung = false;
  clockOffsetMs = 0;
  powered = false;
  bootedAtMs = 0;
  node: XapiNode | null = null;
  /** How often the watchdog or XAPI itself reset this machine. */
  fences = 0;
  #xapiRuns = false;
  #domid = 0;
  #callOffWatchdog: () => void = () => {};
  readonly #world: MachineWorld;
  readonly #watchers = new Set<(event: DomainEvent) => void>();

  constructor(spec: MachineSpec, world: MachineWorld) {
    this.spec = spec;
    this.#world = world;
    world.network.attach(spec.address, {
      state: () => this.#networkState(),
      handle: (request) =>
        this.node === null ? new Promise(() => {}) : this.node.handlePeer(request),
    });
  }

  get xapiRuns(): boolean {
    return this.#xapiRuns;
  }

  /** Boots the machine and starts XAPI. Nothing happens when it is on already. */
  powerOn(): void {
    if (this.powered) return;
    this.powered = true;
    this.bootedAtMs = this.#world.time.nowMs;
    this.node = createNode(this.#nodeOptions());
    this.startXapi();
  }

  /** The plug is pulled: guests die, nothing is said to anybody. */
  cutPower(): void {
    this.#callOffWatchdog();
    this.powered = false;
    this.#xapiRuns = false;
    void this.node?.stop({ clean: false });
    this.domains.clear();
    this.disks.length = 0;
  }

  startXapi(): void {
    if (!this.powered || this.#xapiRuns) return;
    this.#xapiRuns = true;
    this.node?.start();
  }

  /** `kill -9`: guests live on, connections break. */
  async killXapi(): Promise<void> {
    this.#xapiRuns = false;
    await this.node?.stop({ clean: false });
    this.#world.network.breakConnections(this.spec.address);
  }

  /** As the service manager does it. */
  async stopXapi(): Promise<void> {
    const stopped = this.node?.stop({ clean: true });
    await Promise.race([stopped, this.#world.time.sleep(STOP_LIMIT_MS)]);
    await this.killXapi();
  }

  async restartToolstack(): Promise<void> {
    await this.stopXapi();
    await this.#world.time.sleep(RESTART_MS);
    this.startXapi();
  }

  /** `shutdown -r now` or `-h now` from the shell: the services' stop actions, then power. */
  async shutDown(then: "reboot" | "halt"): Promise<void> {
    const root = this.client({ via: "socket" });
    try {
      const session = await root.call("session.login_with_password", "root", "", "1.0", "shutdown");
      const host = await root.call("host.get_by_uuid", session, this.spec.uuid);
      await root.call("host.prepare_for_poweroff", session, host);
    } catch (error) {
      this.log.push(`prepare for poweroff: ${String(error)}`);
    }
    try {
      const session = await root.call("session.slave_local_login_with_password", "root", "");
      await root.call("host.emergency_ha_disable", session, true);
    } catch (error) {
      this.log.push(`disarm: ${String(error)}`);
    }
    await this.stopXapi();
    this.cutPower();
    if (then === "halt") return;
    await this.#world.time.sleep(BOOT_MS);
    this.powerOn();
  }

  handle(
    request: Omit<HttpRequest, "peerAddress">,
  ): Promise<{ readonly status: number; readonly contentType: string; readonly body: string }> {
    if (!this.#xapiRuns || this.node === null) return Promise.reject(new Error("ECONNREFUSED"));
    if (this.hung) return new Promise(() => {});
    return this.node.handle({ ...request, peerAddress: "198.51.100.1" });
  }

  client(
    options: { readonly via?: "tcp" | "socket"; readonly format?: "xml" | "json" } = {},
  ): VirtualClient {
    return new VirtualClient((request) => this.handle(request), options);
  }

  #networkState(): "up" | "refusing" | "down" | "hung" {
    if (!this.powered) return "down";
    if (this.hung) return "hung";
    return this.#xapiRuns ? "up" : "refusing";
  }

  #nodeOptions(): NodeOptions {
    const { uuid, address, generation, timing, poolSecret, rootPassword, users } = this.spec;
    const { bootedAtMs } = this;
    const ports = this.#ports();
    return {
      ports,
      timing,
      generation,
      hostUuid: uuid,
      address,
      poolSecret,
      rootPassword,
      users,
      bootedAtMs,
    };
  }

  #ports(): Ports {
    const { time, network, dice } = this.#world;
    return {
      clock: time.clock(() => this.clockOffsetMs),
      dice,
      disk: this.#disk(),
      peers: network.linkOf(this.spec.address),
      domains: this.#domainsPort(),
      storage: this.#storage(),
      power: this.#power(),
      plugins: this.#plugins(),
      log: { write: ({ level, message }) => this.log.push(`${level}: ${message}`) },
      watchdog: {
        feed: (timeoutMs) => {
          this.#callOffWatchdog();
          this.#callOffWatchdog = time.schedule(timeoutMs, () => {
            this.fences += 1;
            this.cutPower();
            time.schedule(BOOT_MS, () => this.powerOn());
          });
        },
        disarm: () => this.#callOffWatchdog(),
      },
    };
  }

  #disk(): Disk {
    return {
      read: (name) => this.files.get(name),
      write: (name, text) => {
        if (this.diskFull || this.unwritable.has(name)) throw new DiskFull(name);
        this.files.set(name, text);
      },
      remove: (name) => {
        this.files.delete(name);
      },
    };
  }

  #power(): Power {
    const { time } = this.#world;
    return {
      reboot: () => void this.shutDown("reboot"),
      halt: () => void this.shutDown("halt"),
      fence: () => {
        this.fences += 1;
        this.cutPower();
        time.schedule(BOOT_MS, () => this.powerOn());
      },
      exitXapi: (code) => {
        this.exits.push(code);
        void this.killXapi();
        if (code !== 0) time.schedule(RESTART_MS, () => this.startXapi());
      },
      restartToolstack: () => void this.restartToolstack(),
      powerOnPeer: (hostUuid) => this.#world.powerOn(hostUuid),
    };
  }

  #plugins(): Plugins {
    return {
      run: async (name, fn, args) => {
        const plugin = this.plugins.get(name);
        await this.#world.time.sleep(1);
        return plugin?.(fn, args) ?? { status: "missing", stdout: "", stderr: "" };
      },
      runHook: async (directory, args) => {
        await this.#world.time.sleep(1);
        const code = this.hooks.get(directory)?.(args) ?? 0;
        return code > 1 ? { script: "10-test", code, stdout: "" } : null;
      },
    };
  }

  #storage(): Storage {
    const reaches = (srUuid: string): boolean =>
      this.spec.srUuids.includes(srUuid) && !this.unreachableSrs.has(srUuid);
    const slots = (srUuid: string, vdiUuid: string): Record<string, string> => {
      if (!reaches(srUuid)) throw new StorageUnreachable(srUuid);
      const key = `${srUuid}/${vdiUuid}`;
      const found = this.#world.statefiles.get(key) ?? {};
      this.#world.statefiles.set(key, found);
      return found;
    };
    return {
      reaches,
      attached: () => [...this.disks],
      attach: (disk) => {
        if (!reaches(disk.srUuid)) throw new StorageUnreachable(disk.srUuid);
        this.disks.push(disk);
      },
      detach: (vdiUuid, vmUuid) => {
        const at = this.disks.findIndex(
          (disk) => disk.vdiUuid === vdiUuid && disk.vmUuid === vmUuid,
        );
        if (at >= 0) this.disks.splice(at, 1);
      },
      readStatefile: (srUuid, vdiUuid) => ({ ...slots(srUuid, vdiUuid) }),
      writeStatefile: (srUuid, vdiUuid, hostUuid, text) => {
        slots(srUuid, vdiUuid)[hostUuid] = text;
      },
    };
  }

  #freeMemory(): number {
    const used = [...this.domains.values()].reduce((sum, domain) => sum + domain.memoryBytes, 0);
    return this.spec.memoryBytes - used;
  }

  /** Puts a guest here directly, as if it had been running before the story begins. */
  placeDomain(spec: DomainSpec): Domain {
    return this.#build(spec.vmUuid, spec, null);
  }

  /** The guest does something by itself. */
  guestActs(event: DomainEvent): void {
    for (const watcher of this.#watchers) watcher(event);
  }

  #build(key: string, spec: DomainSpec, incomingFor: string | null): Domain {
    if (this.domains.has(key)) throw new DomainFailure("exists", key);
    if (this.#freeMemory() < spec.memoryBytes) throw new DomainFailure("not-enough-memory", key);
    this.#domid += 1;
    const domain = { ...spec, vmUuid: key, domid: this.#domid, incomingFor };
    this.domains.set(key, domain);
    return domain;
  }

  #change(vmUuid: string, change: Partial<Domain>): Domain {
    const domain = this.domains.get(vmUuid);
    if (domain === undefined) throw new DomainFailure("unknown", vmUuid);
    const changed = { ...domain, ...change };
    this.domains.set(vmUuid, changed);
    return changed;
  }

  #domainsPort(): Domains {
    return {
      list: () => [...this.domains.values()],
      find: (vmUuid) => this.domains.get(vmUuid),
      freeMemoryBytes: () => this.#freeMemory(),
      create: (spec) => this.#build(spec.vmUuid, spec, null),
      unpause: (vmUuid) => void this.#change(vmUuid, { paused: false }),
      pause: (vmUuid) => void this.#change(vmUuid, { paused: true }),
      requestShutdown: (vmUuid) => {
        const domain = this.#change(vmUuid, {});
        if (domain.cooperative === false) return;
        this.#world.time.schedule(GUEST_SHUTDOWN_MS, () => {
          if (this.domains.has(vmUuid)) this.guestActs({ type: "shutdown", vmUuid });
        });
      },
      destroy: (vmUuid) => {
        this.domains.delete(vmUuid);
      },
      createIncoming: (temporaryUuid, spec) =>
        this.#build(temporaryUuid, { ...spec, paused: true }, spec.vmUuid),
      commitIncoming: (temporaryUuid) => {
        const domain = this.#change(temporaryUuid, {});
        this.domains.delete(temporaryUuid);
        const vmUuid = domain.incomingFor ?? temporaryUuid;
        const committed = { ...domain, vmUuid, incomingFor: null, paused: false };
        this.domains.set(vmUuid, committed);
        return committed;
      },
      watch: (listener) => {
        this.#watchers.add(listener);
        return () => this.#watchers.delete(listener);
      },
    };
  }
}
