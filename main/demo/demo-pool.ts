import { randomBytes, randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fingerprintOf, makeCertificate } from "../../host-agent/xapi-host/certificate.ts";
import { makeHostKey } from "../../host-agent/xapi-host/ssh-server.ts";
import type { PoolPreset, PresetName } from "../../host-agent/virtual-xapi/presets/preset.ts";
import { buildPreset, presetHostNames } from "../../host-agent/virtual-xapi/presets/presets.ts";
import type { DemoAction, DemoState } from "../contract/demo.ts";
import {
  hasLoopbackRange,
  planMappedAddresses,
  planOwnAddresses,
  type AddressPlan,
} from "./addresses.ts";
import { actOn, stateOf } from "./faults.ts";
import { serviceAlone, startShared, type SharedProcess } from "./host-process.ts";
import { Machine, machineTimings } from "./machine.ts";
import { waitUntilReady } from "./readiness.ts";
import { startUndertaker, type Undertaker } from "./undertaker-pipe.ts";
import {
  compileCacheFolder,
  makeWorkFolder,
  writeHostFolders,
  type HostIdentity,
} from "./work-folder.ts";

export interface DemoPoolOptions {
  readonly preset: PresetName;
  /** the pool's folder is made in here; the system's temporary folder otherwise */
  readonly workDir?: string;
  /** `fast` shortens every delay of XAPI and of the machines, for tests */
  readonly timing: "real" | "fast";
  /** port of all XAPIs; a free one otherwise */
  readonly port?: number;
  /**
   * hosts that share a process; one each up to sixteen hosts otherwise, as faults are most real so
   */
  readonly hostsPerProcess?: number;
  /** tests of the way it works where only 127.0.0.1 exists */
  readonly isMapped?: boolean;
}

export interface DemoHost {
  readonly name: string;
  readonly uuid: string;
  /** as XAPI writes it, without a port */
  readonly address: string;
  /** what to dial, e.g. `https://127.77.3.1:40001` */
  readonly xapiUrl: string;
  readonly sshHost: string;
  readonly sshPort: number;
  /** SHA-256, upper-case pairs with colons */
  readonly certificateFingerprint: string;
  readonly certificatePem: string;
  /** the Unix socket of dom0, where root needs no password */
  readonly socketPath: string;
  readonly folder: string;
}

export interface DemoPool {
  readonly name: string;
  /** the port that belongs to the hosts' addresses */
  readonly port: number;
  /** the coordinator first, as it was at the start */
  readonly hosts: readonly DemoHost[];
  readonly user: string;
  readonly password: string;
  readonly addressMap: Readonly<Record<string, string>>;
  readonly folder: string;
  /** Does one thing to the hardware. Rejects with a sentence for a host that is not there. */
  act(action: DemoAction): Promise<void>;
  state(): DemoState;
  /** Tells the state now and after every change; returns the way to stop it. */
  watch(listener: (state: DemoState) => void): () => void;
  /** Ends everything and removes the folder. Safe to call twice. */
  stop(): Promise<void>;
}

const readyTimeoutMs = 60_000;
/** Above this many hosts a process each would take more memory than a laptop has to spare. */
const hostsAloneMax = 16;
const hostsTogether = 8;

/**
 * Starts a pool of virtual hosts on this machine's loopback and resolves when it can be worked
 * with: a login succeeds and every host is enabled. Everything ends with this process, however it
 * ends.
 */
export async function startDemoPool(options: DemoPoolOptions): Promise<DemoPool> {
  const folder = makeWorkFolder(options.workDir ?? tmpdir());
  const undertaker = startUndertaker(folder, compileCacheFolder(folder));
  let machines: readonly Machine[] = [];
  try {
    const room = await setUp(options, folder, undertaker);
    machines = room.machines;
    await Promise.all(machines.map((machine) => machine.wake()));
    await waitUntilReady(room.pool, readyTimeoutMs);
    return room.pool;
  } catch (error) {
    await Promise.all(machines.map((machine) => machine.cutPower()));
    await undertaker.finish();
    throw error;
  }
}

interface MachineRoom {
  readonly machines: readonly Machine[];
  readonly pool: DemoPool;
}

async function setUp(
  options: DemoPoolOptions,
  folder: string,
  undertaker: Undertaker,
): Promise<MachineRoom> {
  const names = presetHostNames(options.preset);
  const plan = await planAddresses(names.length, options);
  const identities: HostIdentity[] = await Promise.all(
    plan.places.map(async (place, index) => ({
      place,
      certificate: await makeCertificate(names[index] ?? "", [place.address]),
    })),
  );
  const preset = buildPreset(options.preset, {
    dice: { uuid: () => randomUUID(), fraction: () => Math.random() },
    nowMs: Date.now(),
    places: identities.map(({ place, certificate }) => ({
      address: place.address,
      certificateFingerprint: fingerprintOf(certificate.certificatePem),
    })),
  });
  const password = randomBytes(9).toString("base64url");
  const dirs = writeHostFolders(folder, preset, {
    hosts: identities,
    secrets: { rootPassword: password, poolSecret: randomBytes(24).toString("hex") },
    timing: options.timing,
  });
  const listeners = new Set<() => void>();
  const machines = makeMachines(
    { preset, dirs, identities, password, undertaker, options, folder },
    () => {
      for (const listener of listeners) listener();
    },
  );
  return {
    machines,
    pool: poolOf({
      preset,
      dirs,
      identities,
      plan,
      password,
      machines,
      listeners,
      undertaker,
      folder,
    }),
  };
}

async function planAddresses(count: number, options: DemoPoolOptions): Promise<AddressPlan> {
  const isMapped = options.isMapped ?? !(await hasLoopbackRange());
  if (isMapped) return planMappedAddresses(count);
  return planOwnAddresses(count, {
    pick: () => Math.random(),
    ...(options.port === undefined ? {} : { port: options.port }),
  });
}

interface Parts {
  readonly preset: PoolPreset;
  readonly dirs: readonly string[];
  readonly identities: readonly HostIdentity[];
  readonly password: string;
  readonly undertaker: Undertaker;
  readonly folder: string;
}

function makeMachines(
  parts: Parts & { readonly options: DemoPoolOptions },
  changed: () => void,
): readonly Machine[] {
  const { preset, dirs, identities } = parts;
  const perProcess =
    parts.options.hostsPerProcess ?? (preset.hosts.length > hostsAloneMax ? hostsTogether : 1);
  const compileCache = compileCacheFolder(parts.folder);
  const groups: SharedProcess[] = [];
  const machines: Machine[] = preset.hosts.map((host, index) => {
    const dir = dirs[index] ?? "";
    const place = identities[index]!.place;
    const process = { undertaker: parts.undertaker, compileCache };
    const group = Math.floor(index / perProcess);
    if (perProcess > 1) {
      groups[group] ??= startShared({
        ...process,
        logFile: join(parts.folder, `group${group}.log`),
      });
    }
    return new Machine({
      name: host.name,
      dir,
      hostUuid: host.uuid,
      ssh: { listen: place.ssh, hostKey: makeHostKey(), password: parts.password },
      timing: machineTimings[parts.options.timing],
      makeService: (listener) =>
        groups[group]?.service(dir, listener) ??
        serviceAlone(dir, { ...process, logFile: join(dir, "xensource.log") }, listener),
      powerOnPeer: async (hostUuid) => {
        const peer = machines.find((machine) => machine.hostUuid === hostUuid);
        void peer?.powerOn();
        return peer !== undefined;
      },
      changed,
    });
  });
  return machines;
}

function poolOf(
  parts: Parts & {
    readonly plan: AddressPlan;
    readonly machines: readonly Machine[];
    readonly listeners: Set<() => void>;
  },
): DemoPool {
  const { preset, plan, machines, listeners, undertaker } = parts;
  const members = preset.hosts.map((host, index) => ({
    machine: machines[index]!,
    address: host.address,
  }));
  let stopped: Promise<void> | null = null;
  return {
    name: String(Object.values(preset.tables["pool"] ?? {})[0]?.["name_label"] ?? ""),
    port: plan.port,
    hosts: preset.hosts.map((host, index) => demoHost(parts, host, index)),
    user: "root",
    password: parts.password,
    addressMap: plan.addressMap,
    folder: parts.folder,
    act: (action) => actOn(members, action),
    state: () => stateOf(members),
    watch(listener) {
      const tell = (): void => listener(stateOf(members));
      listeners.add(tell);
      tell();
      return () => listeners.delete(tell);
    },
    stop() {
      stopped ??= (async () => {
        listeners.clear();
        await Promise.all(machines.map((machine) => machine.cutPower()));
        await undertaker.finish();
      })();
      return stopped;
    },
  };
}

function demoHost(parts: Parts, host: PoolPreset["hosts"][number], index: number): DemoHost {
  const { place, certificate } = parts.identities[index]!;
  const dir = parts.dirs[index] ?? "";
  return {
    name: host.name,
    uuid: host.uuid,
    address: host.address,
    xapiUrl: `https://${place.xapi.host}:${place.xapi.port}`,
    sshHost: place.ssh.host,
    sshPort: place.ssh.port,
    certificateFingerprint: fingerprintOf(certificate.certificatePem),
    certificatePem: certificate.certificatePem,
    socketPath: join(dir, "xapi.sock"),
    folder: dir,
  };
}
