import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";

/*
 * Where everything is. Under a root folder for trials the same tree stands in that folder, and what
 * belongs to the machine (systemd, iptables) is touched as files only.
 */

export interface Layout {
  /** null on a real host */
  readonly root: string | null;
  readonly program: string;
  readonly releases: string;
  readonly current: string;
  readonly previous: string;
  readonly config: string;
  readonly hostFile: string;
  readonly keyFile: string;
  readonly state: string;
  readonly journal: string;
  readonly settingsFile: string;
  readonly run: string;
  readonly controlSocket: string;
  readonly unitFile: string;
  readonly unitLink: string;
  readonly firewallFile: string;
  readonly poolConf: string;
  readonly xapiSocket: string;
  readonly bootId: string;
}

export function layoutUnder(root: string | null): Layout {
  const at = (path: string): string => (root === null ? path : join(root, path));
  return {
    root,
    program: at("/opt/skink"),
    releases: at("/opt/skink/releases"),
    current: at("/opt/skink/current"),
    previous: at("/opt/skink/previous"),
    config: at("/etc/skink"),
    hostFile: at("/etc/skink/host.json"),
    keyFile: at("/etc/skink/pool.key"),
    state: at("/var/lib/skink"),
    journal: at("/var/lib/skink/journal"),
    settingsFile: at("/var/lib/skink/settings.json"),
    run: at("/run/skink"),
    controlSocket: at("/run/skink/control.sock"),
    unitFile: at("/etc/systemd/system/skink.service"),
    unitLink: at("/etc/systemd/system/multi-user.target.wants/skink.service"),
    firewallFile: at("/etc/sysconfig/iptables"),
    poolConf: at("/etc/xensource/pool.conf"),
    xapiSocket: at("/var/lib/xcp/xapi"),
    bootId: at("/proc/sys/kernel/random/boot_id"),
  };
}

/** The host's boot id; under a root that has none, the one of the machine the trial runs on. */
export function readBootId(layout: Layout): string {
  for (const file of [layout.bootId, "/proc/sys/kernel/random/boot_id"]) {
    try {
      const text = readFileSync(file, "utf8").trim();
      if (text.length > 0 && text.length <= 64) return text;
    } catch {
      // A trial root need not have one.
    }
  }
  throw new Error("the kernel names no boot id");
}

const socketPathBytesMax = 107;

/**
 * The address of a Unix socket, also where its path is longer than the 107 bytes a kernel takes.
 */
export function socketAddress(path: string): { address: string; release(): void } {
  if (Buffer.byteLength(path) <= socketPathBytesMax) {
    return { address: path, release: () => undefined };
  }
  const slash = path.lastIndexOf("/");
  const folder = openSync(path.slice(0, slash), "r");
  return {
    address: `/proc/self/fd/${folder}/${path.slice(slash + 1)}`,
    release: () => closeSync(folder),
  };
}
