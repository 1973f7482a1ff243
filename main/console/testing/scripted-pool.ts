import {
  OutcomeUnknown,
  XapiFailure,
  type PoolRecords,
  type PoolSession,
} from "../pool-session.ts";
import { liveConnection, recordsOf, type Tables } from "./small-pool.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/**
 * How a call goes wrong: refused by XAPI; the line breaks before it arrives; the line breaks after
 * it took effect.
 */
export type Fault = "refused" | "lost-before" | "lost-after";

export interface PlannedFault {
  readonly method: string;
  readonly fault: Fault;
  /** which call of that method, counted from 1; default the first */
  readonly nth?: number;
  /** every later call of that method fails alike */
  readonly forEver?: boolean;
  /** default: all objects */
  readonly onRef?: string;
}

export interface ScriptedPool extends PoolSession {
  /** methods called, in order, with their first argument */
  readonly calls: string[];
  plan(fault: PlannedFault): void;
  /** forgets all planned faults */
  heal(): void;
  /** VMs that were lost because their host went down under them */
  readonly killed: string[];
  /** how a generation before 25.31 behaves */
  oldGeneration: boolean;
  /** a host that is told to reboot never comes back */
  neverReturns: boolean;
  /** a host that is told to reboot stays up */
  neverGoes: boolean;
  /** VMs that ignore a clean shutdown */
  readonly stubborn: Set<string>;
}

type Row = Record<string, unknown>;
const nothing = "OpaqueRef:NULL";

/** Just enough of a coordinator for the steps of a run, with faults on demand, in virtual time. */
export function createScriptedPool(tables: Tables, clock: VirtualClock): ScriptedPool {
  const line = createLine(clock);
  const listeners = new Set<() => void>();
  const faults: PlannedFault[] = [];
  const perform = createCoordinator({
    line,
    faults,
    told: () => listeners.forEach((one) => one()),
  });
  const script: ScriptedPool = {
    poolId: "test",
    calls: [],
    killed: [],
    stubborn: new Set(),
    oldGeneration: false,
    neverReturns: false,
    neverGoes: false,
    plan: (fault) => void faults.push(fault),
    heal: () => void faults.splice(0),
    connection: () => (line.isLive() ? liveConnection : ({ status: "stale", sinceMs: 0 } as never)),
    records: () => recordsOf(tables),
    freshAtMs: () => clock.nowMs(),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    call: (method, ...args) => perform(world, method, args),
    async callTask(method, args, options) {
      options?.onProgress?.(0.5);
      if (method === "VM.clean_shutdown" && script.stubborn.has(args[0] as string)) {
        while (options?.signal?.aborted !== true && clock.step()) await Promise.resolve();
        throw new OutcomeUnknown(method, new Error("deadline"));
      }
      return (await perform(world, method, args)) as string;
    },
    async untilLive(timeoutMs) {
      if (!(await line.waitFor(() => true, timeoutMs))) throw new Error("not live");
    },
    async untilFacts(what, predicate: (records: PoolRecords) => boolean, timeoutMs) {
      const holds = (): boolean => predicate(recordsOf(tables));
      if (!(await line.waitFor(holds, timeoutMs))) throw new Error(what);
    },
  };
  const world: World = { ...createWorld(tables, clock), script };
  return script;
}

interface Line {
  isLive(): boolean;
  drop(): void;
  waitFor(holds: () => boolean, timeoutMs: number): Promise<boolean>;
}

/** The connection: it comes back by itself after fifteen seconds. */
function createLine(clock: VirtualClock): Line {
  let isLive = true;
  return {
    isLive: () => isLive,
    drop() {
      isLive = false;
      clock.at(15_000, () => {
        isLive = true;
      });
    },
    async waitFor(holds, timeoutMs) {
      const deadlineMs = clock.nowMs() + timeoutMs;
      while (!(isLive && holds())) {
        const next = clock.nextAtMs();
        if (next === null || next > deadlineMs) {
          clock.moveTo(deadlineMs);
          return false;
        }
        clock.step();
        await Promise.resolve();
      }
      return true;
    },
  };
}

type Perform = (world: World, method: string, args: readonly unknown[]) => Promise<unknown>;

function createCoordinator(what: {
  readonly line: Line;
  readonly faults: readonly PlannedFault[];
  readonly told: () => void;
}): Perform {
  const { line } = what;
  const counts = new Map<string, number>();
  const faultFor = (method: string, ref: string): Fault | null => {
    const count = (counts.get(method) ?? 0) + 1;
    counts.set(method, count);
    const found = what.faults.find(
      (one) =>
        one.method === method &&
        (one.onRef === undefined || one.onRef === ref) &&
        (count === (one.nth ?? 1) || (one.forEver === true && count >= (one.nth ?? 1))),
    );
    return found?.fault ?? null;
  };
  return async (world, method, args) => {
    if (!line.isLive()) throw new OutcomeUnknown(method, new Error("not connected"));
    const ref = typeof args[0] === "string" ? args[0] : "";
    world.script.calls.push(`${method} ${ref.replace("OpaqueRef:", "")}`.trim());
    const fault = faultFor(method, ref);
    if (fault === "refused") throw new XapiFailure("TEST_REFUSAL", [method]);
    const act = effects[method];
    if (act === undefined) throw new XapiFailure("MESSAGE_METHOD_UNKNOWN", [method]);
    const answer = fault === "lost-before" ? undefined : await act(world, args);
    what.told();
    if (fault !== null || method === "pool.designate_new_master") line.drop();
    if (fault !== null) throw new OutcomeUnknown(method, new Error("broken"));
    return answer;
  };
}

function createWorld(tables: Tables, clock: VirtualClock): Omit<World, "script"> {
  return {
    tables,
    clock,
    row(cls, ref) {
      const found = tables[cls]?.[String(ref)];
      if (found === undefined) throw new XapiFailure("HANDLE_INVALID", [cls, String(ref)]);
      return found;
    },
    pool: () => Object.values(tables["pool"]!)[0]!,
  };
}

interface World {
  readonly tables: Tables;
  readonly clock: VirtualClock;
  row(cls: string, ref: unknown): Row;
  pool(): Row;
  readonly script: ScriptedPool;
}

type Effect = (world: World, args: readonly unknown[]) => unknown;

const config = (one: Row): Record<string, string> => one["other_config"] as Record<string, string>;

function addKey(one: Row, key: unknown, value: unknown): void {
  if (String(key) in config(one)) throw new XapiFailure("MAP_DUPLICATE_KEY", ["", "", "", ""]);
  one["other_config"] = { ...config(one), [String(key)]: String(value) };
}

function dropKey(one: Row, key: unknown): void {
  const { [String(key)]: _gone, ...rest } = config(one);
  one["other_config"] = rest;
}

function place(world: World, vmRef: unknown, hostRef: string): void {
  const vm = world.row("VM", vmRef);
  for (const host of Object.values(world.tables["host"]!)) {
    host["resident_VMs"] = (host["resident_VMs"] as string[]).filter((one) => one !== vmRef);
  }
  if (hostRef !== nothing) (world.row("host", hostRef)["resident_VMs"] as unknown[]).push(vmRef);
  vm["resident_on"] = hostRef;
}

const metricsOf = (world: World, hostRef: unknown): Row =>
  world.row("host_metrics", world.row("host", hostRef)["metrics"]);

function assertEnabled(world: World, hostRef: unknown): void {
  if (metricsOf(world, hostRef)["live"] !== true) throw new XapiFailure("HOST_OFFLINE", []);
  if (world.row("host", hostRef)["enabled"] !== true) throw new XapiFailure("HOST_DISABLED", []);
}

const effects: Readonly<Record<string, Effect>> = {
  "pool.add_to_other_config": (world, [, key, value]) => addKey(world.pool(), key, value),
  "pool.remove_from_other_config": (world, [, key]) => dropKey(world.pool(), key),
  "host.add_to_other_config": (world, [ref, key, value]) =>
    addKey(world.row("host", ref), key, value),
  "host.remove_from_other_config": (world, [ref, key]) => dropKey(world.row("host", ref), key),
  "pool.disable_ha": (world) => {
    Object.assign(world.pool(), { ha_enabled: false, ha_statefiles: [], ha_configuration: {} });
    Object.assign(world.pool(), { ha_plan_exists_for: 0 });
    for (const host of Object.values(world.tables["host"]!)) {
      Object.assign(host, { ha_statefiles: [], ha_network_peers: [] });
    }
  },
  "pool.set_ha_host_failures_to_tolerate": (world, [, value]) => {
    world.pool()["ha_host_failures_to_tolerate"] = value;
  },
  "pool.enable_ha": enableHa,
  "pool.sync_database": () => undefined,
  "pool.designate_new_master": designate,
  "host.disable": (world, args) => {
    if (world.script.oldGeneration && args.length > 1) {
      throw new XapiFailure("MESSAGE_PARAMETER_COUNT_MISMATCH", ["host.disable", "2", "3"]);
    }
    world.row("host", args[0])["enabled"] = false;
  },
  "host.enable": (world, [ref]) => {
    if (metricsOf(world, ref)["live"] !== true) throw new XapiFailure("HOST_OFFLINE", []);
    world.row("host", ref)["enabled"] = true;
  },
  "host.reboot": reboot,
  "VM.pool_migrate": (world, [vm, host]) => {
    assertEnabled(world, host);
    place(world, vm, String(host));
  },
  "VM.clean_shutdown": (world, [vm]) => {
    world.row("VM", vm)["power_state"] = "Halted";
    place(world, vm, nothing);
  },
  "VM.start_on": (world, [vm, host]) => {
    assertEnabled(world, host);
    world.row("VM", vm)["power_state"] = "Running";
    place(world, vm, String(host));
  },
  "PBD.plug": (world, [pbd]) => {
    world.row("PBD", pbd)["currently_attached"] = true;
  },
  "VM.set_ha_restart_priority": (world, [vm, value]) => {
    world.row("VM", vm)["ha_restart_priority"] = value;
  },
  "VM.set_order": (world, [vm, value]) => {
    world.row("VM", vm)["order"] = value;
  },
  "VM.set_start_delay": (world, [vm, value]) => {
    world.row("VM", vm)["start_delay"] = value;
  },
  "SR.assert_can_host_ha_statefile": (world, [sr]) => {
    if (world.row("SR", sr)["type"] === "smb")
      throw new XapiFailure("SR_OPERATION_NOT_SUPPORTED", []);
  },
  "pool.ha_compute_hypothetical_max_host_failures_to_tolerate": (_world, [map]) =>
    Object.values(map as object).includes("restart") ? 1 : 0,
};

function enableHa(world: World, [srs, configuration]: readonly unknown[]): void {
  const files = (srs as string[]).map((sr) => {
    const vdi = `OpaqueRef:statefile-${sr.slice("OpaqueRef:".length)}`;
    world.tables["VDI"]![vdi] ??= { uuid: `statefile-${sr}`, name_label: "Statefile", SR: sr };
    return vdi;
  });
  const hosts = Object.values(world.tables["host"]!);
  if (Object.values(world.tables["host_metrics"]!).some((one) => one["live"] !== true)) {
    throw new XapiFailure("HOST_OFFLINE", []);
  }
  Object.assign(world.pool(), {
    ha_enabled: true,
    ha_statefiles: files,
    ha_configuration: configuration,
    ha_plan_exists_for: world.pool()["ha_host_failures_to_tolerate"],
  });
  for (const host of hosts) {
    host["ha_statefiles"] = [...files];
    host["ha_network_peers"] = hosts.map((one) => one["uuid"]);
  }
}

/** All hosts lose their "enabled" and take it back once they reach the new coordinator. */
function designate(world: World, [ref]: readonly unknown[]): void {
  if (world.pool()["ha_enabled"] === true) throw new XapiFailure("HA_IS_ENABLED", []);
  world.pool()["master"] = ref;
  for (const host of Object.values(world.tables["host"]!)) {
    const was = host["enabled"];
    host["enabled"] = false;
    world.clock.at(40_000, () => {
      host["enabled"] = was;
    });
  }
}

function reboot(world: World, [ref]: readonly unknown[]): void {
  const host = world.row("host", ref);
  if (host["enabled"] === true) throw new XapiFailure("HOST_NOT_DISABLED", []);
  if (world.script.neverGoes) return;
  world.clock.at(10_000, () => {
    metricsOf(world, ref)["live"] = false;
    for (const vm of host["resident_VMs"] as string[]) world.script.killed.push(vm);
    if (world.script.neverReturns) return;
    world.clock.at(180_000, () => {
      metricsOf(world, ref)["live"] = true;
      if (world.script.oldGeneration) host["enabled"] = true;
      host["other_config"] = { ...config(host), boot_time: "2000.", agent_start_time: "2010." };
    });
  });
}
