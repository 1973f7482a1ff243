import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { GENERATIONS, generationOf, type XapiGeneration } from "../virtual-xapi/generation.ts";
import type { CreateNode } from "../virtual-xapi/node.ts";
import type { Plugins, Ports, Power } from "../virtual-xapi/ports.ts";
import type { HostCertificate } from "./certificate.ts";
import type { Launcher } from "./channel.ts";
import { createClock, realDice } from "./clock-real.ts";
import { createDisk } from "./disk-file.ts";
import { createDomains } from "./domains-file.ts";
import { guestShutdownMs, timingOf } from "./fast-timing.ts";
import { NetworkGate } from "./network-gate.ts";
import { createPeerWire, LinkFaults } from "./peer-wire.ts";
import {
  attachedFile,
  bootFile,
  certificateFile,
  certificateKeyFile,
  domainsFile,
  readFaults,
  readSettings,
  socketFile,
  type HardwareFaults,
  type HostSettings,
} from "./settings.ts";
import { createStorage } from "./storage-files.ts";
import { openWebServer, type WebServer } from "./web-server.ts";

/** One XAPI on real wires. */
export interface RunningHost {
  applyFaults(faults: HardwareFaults): void;
  /** Ends it: cleanly as a service stop, or at once as a kill does. */
  stop(how: { readonly clean: boolean }): Promise<void>;
  /** Nothing of it runs until `thaw`; its sockets stay open. For processes with several hosts. */
  freeze(): void;
  thaw(): void;
}

export interface RunOptions {
  readonly dir: string;
  readonly createNode: CreateNode;
  readonly launcher: Launcher;
  /** XAPI wants to leave with this code; 123 asks for a restart. */
  readonly exit: (code: number) => void;
}

interface Machine {
  readonly settings: HostSettings;
  readonly gate: NetworkGate;
  readonly faults: LinkFaults;
  isDiskFull: boolean;
}

/**
 * Starts the XAPI of the host whose disk and hardware the folder is. Resolves when it listens; the
 * node may still be starting then, and answers so. Rejects when the address is taken.
 */
export async function runHost(options: RunOptions): Promise<RunningHost> {
  const { dir } = options;
  const settings = readSettings(dir);
  const machine: Machine = {
    settings,
    gate: new NetworkGate(),
    faults: new LinkFaults(),
    isDiskFull: false,
  };
  const applyFaults = (faults: HardwareFaults): void => {
    machine.isDiskFull = faults.isDiskFull;
    machine.faults.set(faults.lostTo, faults.lostFrom);
    if (faults.isNetworkCut) machine.gate.cut();
    else machine.gate.restore();
  };
  applyFaults(readFaults(dir));
  const clock = createClock();
  const peers = createPeerWire({ members: settings.members, ...machine });
  const node = options.createNode({
    ports: createPorts(options, machine, { clock, peers }),
    timing: timingOf(settings.timing),
    generation: generationNamed(settings.generation),
    hostUuid: settings.hostUuid,
    address: settings.address,
    poolSecret: settings.poolSecret,
    rootPassword: settings.rootPassword,
    bootedAtMs: readBootTime(dir),
  });
  const server = await openWebServer({
    node,
    hostName: settings.hostName,
    listen: settings.listen,
    socketPath: join(dir, socketFile),
    certificate: readCertificate(dir),
    poolSecret: settings.poolSecret,
    members: settings.members,
    gate: machine.gate,
    faults: machine.faults,
  });
  node.start();
  options.launcher.tell({ type: "listening", dir });
  return {
    applyFaults,
    async stop(how) {
      await node.stop(how);
      clock.dispose();
      peers.close();
      await server.close();
    },
    ...freezer(machine, clock, server),
  };
}

function freezer(
  machine: Machine,
  clock: ReturnType<typeof createClock>,
  server: WebServer,
): Pick<RunningHost, "freeze" | "thaw"> {
  let wasCut = false;
  return {
    freeze() {
      wasCut = machine.gate.isCut;
      machine.gate.cut();
      server.holdLocal(true);
      clock.freeze();
    },
    thaw() {
      if (!wasCut) machine.gate.restore();
      server.holdLocal(false);
      clock.thaw();
    },
  };
}

function createPorts(
  options: RunOptions,
  machine: Machine,
  wires: Pick<Ports, "clock" | "peers">,
): Ports {
  const { dir } = options;
  const { settings } = machine;
  return {
    clock: wires.clock,
    dice: realDice,
    disk: createDisk(join(dir, "disk"), () => machine.isDiskFull),
    peers: wires.peers,
    domains: createDomains({
      file: join(dir, domainsFile),
      clock: wires.clock,
      memoryBytes: settings.memoryBytes,
      dom0MemoryBytes: settings.dom0MemoryBytes,
      guestShutdownMs: guestShutdownMs(settings.timing),
    }),
    storage: createStorage({
      attachedFile: join(dir, attachedFile),
      sharedFolder: resolve(dir, settings.sharedFolder),
      srUuids: settings.srUuids,
      isUnreachable: () => false,
    }),
    power: createPower(options),
    plugins: noPlugins,
    watchdog: {
      feed: (timeoutMs) => options.launcher.tell({ type: "watchdog", dir, timeoutMs }),
      disarm: () => options.launcher.tell({ type: "watchdog", dir, timeoutMs: null }),
    },
    log: {
      write({ level, message }) {
        const at = new Date().toISOString();
        process.stdout.write(`${at} ${settings.hostName} ${level} ${message}\n`);
      },
    },
  };
}

function createPower(options: RunOptions): Power {
  const { dir, launcher } = options;
  return {
    reboot: () => launcher.tell({ type: "power", dir, action: "reboot" }),
    halt: () => launcher.tell({ type: "power", dir, action: "halt" }),
    fence: () => launcher.tell({ type: "power", dir, action: "fence" }),
    restartToolstack: () => launcher.tell({ type: "power", dir, action: "restart-toolstack" }),
    exitXapi: options.exit,
    powerOnPeer: (hostUuid) => launcher.powerOnPeer(hostUuid),
  };
}

/** A fresh installation: no plugin scripts and no hooks of third parties. */
const noPlugins: Plugins = {
  run: () => Promise.resolve({ status: "missing", stdout: "", stderr: "" }),
  runHook: () => Promise.resolve(null),
};

function generationNamed(name: string): XapiGeneration {
  const preset = Object.entries(GENERATIONS).find(([known]) => known === name);
  return preset?.[1] ?? generationOf(name);
}

function readCertificate(dir: string): HostCertificate {
  return {
    certificatePem: readFileSync(join(dir, certificateFile), "utf8"),
    keyPem: readFileSync(join(dir, certificateKeyFile), "utf8"),
  };
}

function readBootTime(dir: string): number {
  const parsed: unknown = JSON.parse(readFileSync(join(dir, bootFile), "utf8"));
  const bootedAtMs = (parsed as { readonly bootedAtMs?: unknown }).bootedAtMs;
  if (typeof bootedAtMs !== "number") throw new Error(`${bootFile} has no boot time`);
  return bootedAtMs;
}
