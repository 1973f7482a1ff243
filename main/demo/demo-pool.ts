import { randomBytes, randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fingerprintOf, makeCertificate } from "../../host-agent/xapi-host/certificate.ts";
import { makeHostKey, publicHostKey } from "../../host-agent/xapi-host/ssh-server.ts";
import type { PoolPreset, PresetName } from "../../host-agent/virtual-xapi/presets/preset.ts";
import { buildPreset, presetHostNames } from "../../host-agent/virtual-xapi/presets/presets.ts";
import type { DemoAction, DemoState } from "../contract/demo.ts";
import {
  hasLoopbackRange,
  planMappedAddresses,
  planOwnAddresses,
  type AddressPlan,
} from "./addresses.ts";
import { AgentHost, writeRoot } from "./agent-host.ts";
import type { AgentUnitTiming } from "./agent-unit.ts";
import { openAgentNetwork, type AgentNetwork, type AgentPlace } from "./agent-network.ts";
import { actOn, isLinkOpen, stateOf, type Member } from "./faults.ts";
import { serviceAlone, startShared, type SharedProcess } from "./host-process.ts";
import { Machine, machineTimings, type MachineOs } from "./machine.ts";
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
  readonly sshKey: { readonly type: string; readonly fingerprint: string };
  /** where this host's agent is on each network, and what its peers send to */
  readonly agent: AgentPlace;
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
/** As the unit says, and shorter for tests. */
const agentTimings: Readonly<Record<"real" | "fast", AgentUnitTiming>> = {
  real: { restartMs: 3_000, stopMs: 10_000 },
  fast: { restartMs: 300, stopMs: 5_000 },
};
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
  let network: AgentNetwork | null = null;
  try {
    const room = await setUp(options, folder, undertaker);
    machines = room.machines;
    network = room.network;
    await Promise.all(machines.map((machine) => machine.wake()));
    await waitUntilReady(room.pool, readyTimeoutMs);
    return room.pool;
  } catch (error) {
    await Promise.all(machines.map((machine) => machine.cutPower()));
    await network?.close();
    await undertaker.finish();
    throw error;
  }
}

interface MachineRoom {
  readonly machines: readonly Machine[];
  readonly network: AgentNetwork;
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
      hostKey: makeHostKey(),
    })),
  );
  const preset = buildPreset(options.preset, {
    dice: { uuid: () => randomUUID(), fraction: () => Math.random() },
    nowMs: Date.now(),
    places: identities.map(({ place, certificate }) => ({
      address: place.address,
      certificateFingerprint: fingerprintOf(certificate.certificatePem),
      ...(place.storageAddress === null ? {} : { storageAddress: place.storageAddress }),
    })),
  });
  const password = randomBytes(9).toString("base64url");
  const dirs = writeHostFolders(folder, preset, {
    hosts: identities,
    secrets: { rootPassword: password, poolSecret: randomBytes(24).toString("hex") },
    timing: options.timing,
  });
  const listeners = new Set<() => void>();
  const parts = { preset, dirs, identities, password, undertaker, options, folder };
  const reach: Reach = { isThere: () => false };
  const machines = makeMachines(parts, reach, () => {
    for (const listener of listeners) listener();
  });
  const members = preset.hosts.map(({ address }, index) => ({
    machine: machines[index]!,
    address,
  }));
  const network = await openCables(plan, members);
  reach.isThere = (from, address) => isAnswering(members, network, { from, address });
  const pool = poolOf({ ...parts, plan, members, network, listeners });
  return { machines, network, pool };
}

/** Asked by a host's own commands; filled in when the cables lie. */
interface Reach {
  isThere: (from: number, address: string) => boolean;
}

function openCables(plan: AddressPlan, members: readonly Member[]): Promise<AgentNetwork> {
  const management = plan.places.map((place) => place.xapi.host);
  const storage = plan.places.flatMap(({ storageAddress }) => storageAddress ?? []);
  const paths = [{ name: "management", addresses: management }];
  if (storage.length === management.length) paths.push({ name: "storage", addresses: storage });
  return openAgentNetwork(paths, (from, to) => isLinkOpen(members[from]!, members[to]!));
}

/** Whether a ping comes back: there, power on, and both directions open. */
function isAnswering(
  members: readonly Member[],
  network: AgentNetwork,
  ping: { readonly from: number; readonly address: string },
): boolean {
  const byName = members.findIndex(({ address }) => address === ping.address);
  const host = byName === -1 ? network.find(ping.address)?.host : byName;
  const [from, to] = [members[ping.from], host === undefined ? undefined : members[host]];
  if (from === undefined || to === undefined || to.machine.state.power !== "on") return false;
  return from === to || (isLinkOpen(from, to) && isLinkOpen(to, from));
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
  reach: Reach,
  changed: () => void,
): readonly Machine[] {
  const { preset, dirs, identities } = parts;
  const perProcess =
    parts.options.hostsPerProcess ?? (preset.hosts.length > hostsAloneMax ? hostsTogether : 1);
  const compileCache = compileCacheFolder(parts.folder);
  const groups: SharedProcess[] = [];
  const machines: Machine[] = preset.hosts.map((host, index) => {
    const dir = dirs[index] ?? "";
    const { place, hostKey } = identities[index]!;
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
      ssh: { listen: place.ssh, hostKey, password: parts.password },
      timing: machineTimings[parts.options.timing],
      os: makeOs(parts, index, {
        isDiskFull: () => machines[index]?.faults.isDiskFull === true,
        reaches: (address) => reach.isThere(index, address),
      }),
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

/** Writes the files of the host's operating system and starts nothing. */
function makeOs(
  parts: Parts & { readonly options: DemoPoolOptions },
  index: number,
  now: { isDiskFull(): boolean; reaches(address: string): boolean },
): MachineOs {
  const { preset, dirs, identities, undertaker } = parts;
  const dir = dirs[index] ?? "";
  const { productBrand, productVersion } = preset.generation;
  const isOldBase = Number.parseInt(productVersion, 10) < 9;
  writeRoot(dir, {
    hostUuid: preset.hosts[index]?.uuid ?? "",
    hostName: preset.hosts[index]?.name ?? "",
    productBrand,
    productVersion,
    sshPublicKey: publicHostKey(identities[index]!.hostKey).line,
  });
  const host = new AgentHost({
    dir,
    undertaker,
    timing: agentTimings[parts.options.timing],
    facts: {
      ...now,
      kernel: isOldBase ? "4.19.0+1" : "6.6.98+0",
      libc: isOldBase ? "glibc 2.17" : "glibc 2.39",
    },
  });
  return {
    root: host.root.folder,
    boot: () => host.boot(),
    stop: (how) => host.stop(how),
    cutPower: () => host.cutPower(),
    run: (line, wires) => host.run(line, wires),
  };
}

function poolOf(
  parts: Parts & {
    readonly plan: AddressPlan;
    readonly members: readonly Member[];
    readonly network: AgentNetwork;
    readonly listeners: Set<() => void>;
  },
): DemoPool {
  const { preset, plan, members, network, listeners, undertaker } = parts;
  let stopped: Promise<void> | null = null;
  return {
    name: String(Object.values(preset.tables["pool"] ?? {})[0]?.["name_label"] ?? ""),
    port: plan.port,
    hosts: preset.hosts.map((host, index) => ({
      ...demoHost(parts, host, index),
      agent: network.places[index]!,
    })),
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
        await Promise.all(members.map(({ machine }) => machine.cutPower()));
        await network.close();
        await undertaker.finish();
      })();
      return stopped;
    },
  };
}

function demoHost(
  parts: Parts,
  host: PoolPreset["hosts"][number],
  index: number,
): Omit<DemoHost, "agent"> {
  const { place, certificate, hostKey } = parts.identities[index]!;
  const { type, fingerprint } = publicHostKey(hostKey);
  const dir = parts.dirs[index] ?? "";
  return {
    name: host.name,
    uuid: host.uuid,
    address: host.address,
    xapiUrl: `https://${place.xapi.host}:${place.xapi.port}`,
    sshHost: place.ssh.host,
    sshPort: place.ssh.port,
    sshKey: { type, fingerprint },
    certificateFingerprint: fingerprintOf(certificate.certificatePem),
    certificatePem: certificate.certificatePem,
    socketPath: join(dir, "xapi.sock"),
    folder: dir,
  };
}
