import { createServer } from "node:net";
import type { Endpoint } from "../../host-agent/xapi-host/settings.ts";

/** Where one host of the demo pool is. */
export interface HostPlace {
  /** as XAPI writes it, without a port */
  readonly address: string;
  readonly xapi: Endpoint;
  readonly ssh: Endpoint;
  /** on the second network of agents; null where a host has one address only */
  readonly storageAddress: string | null;
}

export interface AddressPlan {
  /** the port that belongs to `address` in what clients are told; redirects keep it */
  readonly port: number;
  readonly places: readonly HostPlace[];
  /** empty where every host has a loopback address of its own */
  readonly addressMap: Readonly<Record<string, string>>;
}

/**
 * Whether this machine answers on all of 127.0.0.0/8 (Linux, Windows) or on 127.0.0.1 only (macOS).
 */
export async function hasLoopbackRange(): Promise<boolean> {
  return (await freePort("127.77.77.77")) !== null;
}

const attemptsMax = 20;
/** No preset has more hosts than fit below it. */
const storageOffset = 128;

/** A loopback address per host and one port for all of them: XAPI's redirects name no port. */
export async function planOwnAddresses(
  count: number,
  wish: { readonly port?: number; readonly pick: () => number },
): Promise<AddressPlan> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    // A third octet of one's own, so that two demo pools on one machine do not meet.
    const net = 1 + Math.floor(wish.pick() * 253);
    const addresses = Array.from({ length: count }, (_, index) => `127.77.${net}.${index + 1}`);
    const port = await commonPort(addresses, wish.port);
    const sshPort = port === null ? null : await commonPort(addresses, undefined, port);
    if (port !== null && sshPort !== null) {
      const places = addresses.map((address, index) => ({
        address,
        xapi: { host: address, port },
        ssh: { host: address, port: sshPort },
        storageAddress: `127.77.${net}.${storageOffset + index + 1}`,
      }));
      return { port, places, addressMap: {} };
    }
  }
  throw new Error(
    wish.port === undefined
      ? "no port is free on all loopback addresses of the demo pool"
      : `port ${wish.port} is in use on the loopback addresses of the demo pool`,
  );
}

const mappedPort = 443;
const mappedSshPort = 22;

/** One address for all: hosts are told apart by port, and clients learn the ports from the map. */
export async function planMappedAddresses(count: number): Promise<AddressPlan> {
  const ports = await distinctPorts("127.0.0.1", count * 2);
  const places = Array.from({ length: count }, (_, index) => ({
    address: `10.77.0.${index + 1}`,
    xapi: { host: "127.0.0.1", port: ports[index * 2] ?? 0 },
    ssh: { host: "127.0.0.1", port: ports[index * 2 + 1] ?? 0 },
    storageAddress: null,
  }));
  return { port: mappedPort, places, addressMap: mapOf(places) };
}

/** "10.77.0.1:443" to "127.0.0.1:40001", and the same for port 22. */
function mapOf(places: readonly HostPlace[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    places.flatMap(({ address, xapi, ssh }) => [
      [`${address}:${mappedPort}`, `${xapi.host}:${xapi.port}`],
      [`${address}:${mappedSshPort}`, `${ssh.host}:${ssh.port}`],
    ]),
  );
}

/** A port free on all addresses, other than `taken`; null when the wished one is in use. */
async function commonPort(
  addresses: readonly string[],
  wished?: number,
  taken?: number,
): Promise<number | null> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const port = wished ?? (await freePort(addresses[0] ?? "127.0.0.1"));
    if (port === null) return null;
    const free = await Promise.all(addresses.map((address) => freePort(address, port)));
    if (port !== taken && free.every((found) => found === port)) return port;
    if (wished !== undefined) return null;
  }
  return null;
}

async function distinctPorts(address: string, count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  for (let attempt = 0; ports.size < count && attempt < count * attemptsMax; attempt += 1) {
    const port = await freePort(address);
    if (port !== null) ports.add(port);
  }
  if (ports.size < count) throw new Error(`fewer than ${count} ports are free on ${address}`);
  return [...ports];
}

/** The port when it can be listened on, any free one for 0, null when the address refuses. */
function freePort(address: string, port = 0): Promise<number | null> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(null));
    probe.listen(port, address, () => {
      const bound = probe.address();
      probe.close(() => resolve(typeof bound === "object" && bound !== null ? bound.port : null));
    });
  });
}
