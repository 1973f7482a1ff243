import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import type { Endpoint } from "../../host-agent/xapi-host/settings.ts";

/** One network that agents of the demo talk on, and this host's place on it. */
export interface AgentPath {
  readonly name: string;
  /** what the host's agent binds, on `udpPort` */
  readonly localAddress: string;
  /** what the other hosts' agents send to: the cable of this host, which may be cut */
  readonly peerEndpoint: Endpoint;
}

export interface AgentPlace {
  readonly udpPort: number;
  readonly paths: readonly AgentPath[];
}

export interface WishedPath {
  readonly name: string;
  /** one per host, in the hosts' order */
  readonly addresses: readonly string[];
}

export interface AgentNetwork {
  readonly places: readonly AgentPlace[];
  /** The hosts that own an address, and the path it is on; null for an address of nobody. */
  find(address: string): { readonly host: number; readonly path: string } | null;
  close(): Promise<void>;
}

const agentPort = 7694;
const relayPort = 7695;

/**
 * The cables between the agents. A host is reached through one socket per path, held by the pool's
 * owner; it knows by the sender's address which direction a datagram travels and passes it on while
 * `isOpen` says so. No link needs a process, or a socket, of its own.
 */
export async function openAgentNetwork(
  wished: readonly WishedPath[],
  isOpen: (from: number, to: number) => boolean,
): Promise<AgentNetwork> {
  const hosts = wished[0]?.addresses.length ?? 0;
  const isOwn = new Set(wished.flatMap((path) => path.addresses)).size === hosts * wished.length;
  const ports = isOwn ? await commonPorts(wished) : await ownPorts(hosts);
  const relays: Relay[] = [];
  try {
    for (const path of wished) {
      for (const [host, address] of path.addresses.entries()) {
        relays.push({ path: path.name, host, socket: await bound(address, ports.relay) });
      }
    }
  } catch (error) {
    await Promise.all(relays.map(({ socket }) => closed(socket)));
    throw error;
  }
  const places = Array.from({ length: hosts }, (_, host) => ({
    udpPort: ports.agents[host] ?? agentPort,
    paths: wished.map((path) => ({
      name: path.name,
      localAddress: path.addresses[host] ?? "",
      peerEndpoint: endpointOf(relays, { path: path.name, host }),
    })),
  }));
  for (const relay of relays) passOn(relay, places, isOpen);
  return {
    places,
    find(address) {
      for (const [host, { paths }] of places.entries()) {
        const path = paths.find(({ localAddress }) => localAddress === address);
        if (path !== undefined) return { host, path: path.name };
      }
      return null;
    },
    close: async () => void (await Promise.all(relays.map(({ socket }) => closed(socket)))),
  };
}

interface Relay {
  readonly path: string;
  readonly host: number;
  readonly socket: Socket;
}

function passOn(
  relay: Relay,
  places: readonly AgentPlace[],
  isOpen: (from: number, to: number) => boolean,
): void {
  const own = places[relay.host];
  const target = own?.paths.find(({ name }) => name === relay.path)?.localAddress;
  if (own === undefined || target === undefined) return;
  relay.socket.on("message", (datagram, sender) => {
    const from = senderOf(places, relay.path, sender);
    if (from === null || from === relay.host || !isOpen(from, relay.host)) return;
    // Nobody listens there while the host is off: a datagram to it is lost, as it should be.
    relay.socket.send(datagram, own.udpPort, target, () => undefined);
  });
}

/** The host that sent it from its address on this path; null for anybody else. */
function senderOf(places: readonly AgentPlace[], path: string, sender: RemoteInfo): number | null {
  const found = places.findIndex(
    ({ udpPort, paths }) =>
      udpPort === sender.port &&
      paths.some(({ name, localAddress }) => name === path && localAddress === sender.address),
  );
  return found === -1 ? null : found;
}

interface Ports {
  /** by host */
  readonly agents: readonly number[];
  /** 0 for any */
  readonly relay: number;
}

/** The usual port on addresses of one's own, unless somebody listens on it everywhere. */
async function commonPorts(wished: readonly WishedPath[]): Promise<Ports> {
  const addresses = wished.flatMap((path) => path.addresses);
  const hosts = wished[0]?.addresses ?? [];
  const isFree = await areFree(addresses, [agentPort, relayPort]);
  if (isFree) return { agents: hosts.map(() => agentPort), relay: relayPort };
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const port = await anyPort(addresses[0] ?? "127.0.0.1");
    if (await areFree(addresses, [port])) return { agents: hosts.map(() => port), relay: 0 };
  }
  throw new Error("no UDP port is free on all loopback addresses of the demo pool");
}

const attemptsMax = 20;

/** Hosts that share one address are told apart by their ports. */
async function ownPorts(hosts: number): Promise<Ports> {
  const held = await Promise.all(Array.from({ length: hosts }, () => bound("127.0.0.1", 0)));
  const agents = held.map((socket) => socket.address().port);
  await Promise.all(held.map(closed));
  return { agents, relay: 0 };
}

async function areFree(addresses: readonly string[], ports: readonly number[]): Promise<boolean> {
  const wanted = addresses.flatMap((address) => ports.map((port) => ({ address, port })));
  const tries = await Promise.allSettled(wanted.map(({ address, port }) => bound(address, port)));
  const held = tries.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  await Promise.all(held.map(closed));
  return tries.every((one) => one.status === "fulfilled");
}

async function anyPort(address: string): Promise<number> {
  const socket = await bound(address, 0);
  const { port } = socket.address();
  await closed(socket);
  return port;
}

function endpointOf(relays: readonly Relay[], of: { path: string; host: number }): Endpoint {
  const found = relays.find(({ path, host }) => path === of.path && host === of.host);
  const { address, port } = found?.socket.address() ?? { address: "", port: 0 };
  return { host: address, port };
}

function bound(address: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    // Cables keep nobody running.
    socket.unref();
    socket.once("error", reject);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeListener("error", reject);
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}
