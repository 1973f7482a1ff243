import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Where a pool address is really listened on and dialled; equal to the address where loopback
 * allows.
 */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * What one virtual machine room's wiring and firmware say about a host. Written by the launcher
 * into
 * `settings.json` of the host's folder, mode 600 because of the two secrets; read at every XAPI
 * start.
 */
export interface HostSettings {
  readonly hostUuid: string;
  readonly hostName: string;
  /** as in `host.address` and `pool.conf`; without a port */
  readonly address: string;
  readonly listen: Endpoint;
  /** every member's address, this one too, to where it is dialled */
  readonly members: Readonly<Record<string, MemberWire>>;
  readonly generation: string;
  readonly timing: "real" | "fast";
  readonly rootPassword: string;
  readonly poolSecret: string;
  readonly memoryBytes: number;
  /** memory of dom0 and the hypervisor, never free for guests */
  readonly dom0MemoryBytes: number;
  /** SRs this host is cabled to */
  readonly srUuids: readonly string[];
  /** folder that stands for the shared storage; relative to the host's folder */
  readonly sharedFolder: string;
}

export interface MemberWire {
  readonly hostUuid: string;
  readonly dial: Endpoint;
  /** the member's certificate, pinned by its pool mates */
  readonly certificatePem: string;
}

/**
 * What the launcher did to this host's cables and disk; kept so that a XAPI restart finds it again.
 */
export interface HardwareFaults {
  /** nothing passes the network of this host, in either direction */
  readonly isNetworkCut: boolean;
  /** member addresses that packets from this host do not reach */
  readonly lostTo: readonly string[];
  /** member addresses whose packets do not reach this host */
  readonly lostFrom: readonly string[];
  readonly isDiskFull: boolean;
}

export const noFaults: HardwareFaults = {
  isNetworkCut: false,
  lostTo: [],
  lostFrom: [],
  isDiskFull: false,
};

export const settingsFile = "settings.json";
export const faultsFile = "links.json";
export const domainsFile = "domains.json";
export const bootFile = "boot.json";
export const attachedFile = "attached.json";
export const socketFile = "xapi.sock";
export const certificateFile = "xapi-ssl.pem";
export const certificateKeyFile = "xapi-ssl.key";

/** Throws when the folder has no settings: without them the process cannot know who it is. */
export function readSettings(dir: string): HostSettings {
  const parsed: unknown = JSON.parse(readFileSync(join(dir, settingsFile), "utf8"));
  if (!isObject(parsed) || typeof parsed["hostUuid"] !== "string" || !isObject(parsed["listen"])) {
    throw new Error(`${settingsFile} in ${dir} does not describe a host`);
  }
  return parsed as unknown as HostSettings;
}

export function readFaults(dir: string): HardwareFaults {
  let text: string;
  try {
    text = readFileSync(join(dir, faultsFile), "utf8");
  } catch {
    // No file: nothing was ever broken on this host.
    return noFaults;
  }
  const parsed: unknown = JSON.parse(text);
  return isObject(parsed) ? { ...noFaults, ...(parsed as Partial<HardwareFaults>) } : noFaults;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
