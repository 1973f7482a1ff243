/** A whole pool in virtual time: n machines, their network, one shared clock. */
import { dumpTables } from "../database/dump.ts";
import type { XapiGeneration } from "../generation.ts";
import type { NodeUser } from "../node.ts";
import type { AttachedDisk, Dice, DomainSpec } from "../ports.ts";
import { REAL_TIMING, type Timing } from "../timing.ts";
import type { XapiRecord } from "../value.ts";
import { VirtualMachine, type Statefiles } from "./virtual-machine.ts";
import { VirtualNetwork } from "./virtual-network.ts";
import { VirtualTime } from "./virtual-time.ts";

const ROOT_PASSWORD = "opensesame";

/** What a pool starts from; every preset fits. The coordinator comes first. */
export interface PoolBlueprint {
  readonly generation: XapiGeneration;
  readonly tables: Readonly<Record<string, Readonly<Record<string, XapiRecord>>>>;
  readonly hosts: readonly {
    readonly ref: string;
    readonly uuid: string;
    readonly name: string;
    readonly address: string;
    readonly memoryBytes: number;
    readonly domains: readonly DomainSpec[];
    readonly srUuids: readonly string[];
    /** Open disks of the guests that run here. */
    readonly attachedDisks?: readonly AttachedDisk[];
  }[];
}

export interface VirtualPoolOptions {
  readonly blueprint: PoolBlueprint;
  /** Runs everything that is ready; see `VirtualTime`. */
  readonly turn: () => Promise<void>;
  readonly startMs?: number;
  readonly timing?: Partial<Timing>;
  readonly users?: readonly NodeUser[];
  readonly dice?: Dice;
}

/** Repeatable dice. */
export function seededDice(seed = 1): Dice {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const digits = (count: number): string =>
    Array.from({ length: count }, () => Math.floor(fraction() * 16).toString(16)).join("");
  return {
    fraction,
    uuid: () => `${digits(8)}-${digits(4)}-4${digits(3)}-8${digits(3)}-${digits(12)}`,
  };
}

/** 2026-03-01, a Sunday. */
const START_MS = 1_772_323_200_000;

export class VirtualPool {
  readonly time: VirtualTime;
  readonly network: VirtualNetwork;
  readonly machines: readonly VirtualMachine[];
  readonly statefiles: Statefiles = new Map();

  constructor(options: VirtualPoolOptions) {
    const { blueprint } = options;
    this.time = new VirtualTime(options.startMs ?? START_MS, options.turn);
    this.network = new VirtualNetwork(this.time);
    const world = {
      time: this.time,
      network: this.network,
      dice: options.dice ?? seededDice(),
      statefiles: this.statefiles,
      powerOn: (uuid: string) => this.#powerOnPeer(uuid),
    };
    const state = dumpTables(blueprint.tables, blueprint.generation.version);
    const first = blueprint.hosts[0]?.address ?? "";
    this.machines = blueprint.hosts.map((host, index) => {
      const machine = new VirtualMachine(
        {
          ...host,
          generation: blueprint.generation,
          timing: { ...REAL_TIMING, ...options.timing },
          poolSecret: "the pool's secret",
          rootPassword: ROOT_PASSWORD,
          users: options.users ?? [],
        },
        world,
      );
      machine.files.set("pool.conf", index === 0 ? "master" : `slave:${first}`);
      machine.files.set("state.db", state);
      for (const domain of host.domains) machine.placeDomain(domain);
      machine.disks.push(...(host.attachedDisks ?? []));
      return machine;
    });
  }

  /** By name or by position. */
  host(which: string | number): VirtualMachine {
    const machine =
      typeof which === "number"
        ? this.machines[which]
        : this.machines.find((candidate) => candidate.spec.name === which);
    if (machine === undefined) throw new Error(`no host ${which}`);
    return machine;
  }

  /** All machines on, and time passes until every host is a working, enabled member. */
  async start(): Promise<void> {
    for (const machine of this.machines) machine.powerOn();
    await this.time.advance(60_000);
  }

  async #powerOnPeer(uuid: string): Promise<boolean> {
    const machine = this.machines.find((candidate) => candidate.spec.uuid === uuid);
    await this.time.sleep(1_000);
    if (machine === undefined) return false;
    this.time.schedule(30_000, () => machine.powerOn());
    return true;
  }
}
