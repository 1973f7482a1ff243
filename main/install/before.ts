import type { Host } from "./host.ts";
import type { Before } from "./phase.ts";

const folders = ["/opt/skink", "/opt/skink/releases", "/etc/skink", "/var/lib/skink"] as const;

/**
 * Reads what a host is like now, over SFTP and, where a program of Skink is there, by its
 * verbs.
 */
export async function readBefore(host: Host, version: string): Promise<Before> {
  const { shell, paths } = host;
  const there: string[] = [];
  for (const folder of folders) {
    if ((await shell.stat(paths.at(folder))) !== null) there.push(folder);
  }
  const linked = async (path: string): Promise<string | null> =>
    (await shell.readLink(paths.at(path)))?.split("/").at(-1) ?? null;
  const current = await linked("/opt/skink/current");
  const hasProgram = current !== null && (await shell.stat(paths.current)) !== null;
  const state = hasProgram ? await host.state(paths.current) : null;
  const hostFile = await shell.readFile(paths.at("/etc/skink/host.json"));
  return {
    isBare: there.length === 0,
    current,
    previous: await linked("/opt/skink/previous"),
    hadRelease: (await shell.stat(paths.release(version))) !== null,
    hostFileText: hostFile?.toString("utf8") ?? null,
    hadKey: (await shell.stat(paths.at("/etc/skink/pool.key"))) !== null,
    hadUnit: (await shell.stat(paths.at("/etc/systemd/system/skink.service"))) !== null,
    hadFirewallRule: state?.firewallRule === "present",
    wasRunning: state?.unit === "running",
    folders: there,
  };
}

/** The pool key a host holds; null without one. */
export async function readPoolKey(host: Host): Promise<string | null> {
  const file = await host.shell.readFile(host.paths.at("/etc/skink/pool.key"));
  const text = file?.toString("ascii").trim() ?? "";
  return /^[0-9a-f]{64}$/u.test(text) ? text : null;
}
