import { lookCommand } from "../contract/host-commands.ts";
import type { LookId } from "../contract/host-commands.ts";
import type { HostFacts, Reach } from "./findings.ts";
import type { Host } from "./host.ts";

/* Looks at one host: fixed commands and files, nothing written. */

export interface GatherInput {
  readonly peers: readonly {
    readonly path: string;
    readonly peerName: string;
    readonly address: string;
  }[];
  readonly nowMs: () => number;
}

const pingsUnderWay = 4;

export async function gatherFacts(host: Host, input: GatherInput): Promise<HostFacts> {
  const { shell, paths } = host;
  const text = async (path: string): Promise<string | null> =>
    (await shell.readFile(path).catch(() => null))?.toString("utf8") ?? null;
  const isThere = async (path: string): Promise<boolean> => (await shell.stat(path)) !== null;
  const clock = await readClock(host, input.nowMs);
  const [user, machine, kernel, libc, space, systemd, iptables] = await Promise.all(
    (["user", "machine", "kernel", "libc", "space", "systemd", "iptables"] as const).map((id) =>
      said(host, id),
    ),
  );
  const [osRelease, inventory, udp, udp6, link] = await Promise.all([
    text(paths.at("/etc/os-release")),
    text(paths.at("/etc/xensource-inventory")),
    text("/proc/net/udp"),
    text("/proc/net/udp6"),
    shell.readLink(paths.at("/opt/skink/current")),
  ]);
  const traces = await presentOf(
    isThere,
    traceFiles.map((path) => paths.at(path)),
  );
  const leftovers = await presentOf(
    isThere,
    ownPlaces.map((path) => paths.at(path)),
  );
  return {
    user: user ?? null,
    machine: machine ?? null,
    kernel: kernel ?? null,
    libc: libc ?? null,
    space: space ?? null,
    systemd: systemd ?? null,
    iptables: iptables ?? null,
    osRelease,
    inventory,
    udp: [udp, udp6].filter((one) => one !== null).join("\n"),
    hasKeptFirewall: await isThere(paths.at("/etc/sysconfig/iptables")),
    hasWatchdog: await isThere("/dev/watchdog"),
    hasBmc: await isThere("/dev/ipmi0"),
    clockOffsetMs: clock.offsetMs,
    clockUncertaintyMs: clock.uncertaintyMs,
    currentVersion: link?.split("/").at(-1) ?? null,
    traces,
    leftovers,
    reaches: await reachAll(host, input.peers),
  };
}

/** Traces of other tools that restart VMs or replicate storage. */
const traceFiles = [
  "/etc/ha-lizard",
  "/etc/iscsi-ha",
  "/etc/drbd.conf",
  "/etc/drbd.d",
  "/proc/drbd",
] as const;

/** Where Skink itself is. */
const ownPlaces = [
  "/opt/skink",
  "/etc/skink",
  "/var/lib/skink",
  "/etc/systemd/system/skink.service",
] as const;

async function presentOf(
  isThere: (path: string) => Promise<boolean>,
  places: readonly string[],
): Promise<readonly string[]> {
  const found = await Promise.all(places.map(isThere));
  return places.filter((_, index) => found[index] === true);
}

/** What a command said; null where the host has no such program. */
async function said(host: Host, id: LookId): Promise<string | null> {
  const { code, stdout } = await host.shell.run(lookCommand(id));
  return code === 0 ? stdout.trim() : null;
}

async function readClock(
  host: Host,
  nowMs: () => number,
): Promise<{ offsetMs: number; uncertaintyMs: number }> {
  const before = nowMs();
  const text = await said(host, "time");
  const after = nowMs();
  const wallMs = Number(text) / 1e6;
  if (!Number.isFinite(wallMs) || text === null) return { offsetMs: 0, uncertaintyMs: Infinity };
  return { offsetMs: wallMs - (before + after) / 2, uncertaintyMs: (after - before) / 2 };
}

async function reachAll(host: Host, peers: GatherInput["peers"]): Promise<readonly Reach[]> {
  const reaches: Reach[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let peer = peers[next++]; peer !== undefined; peer = peers[next++]) {
      const { code, stdout, stderr } = await host.shell.run(lookCommand("ping", peer.address));
      // 127: there is no ping; 2: it could not even send. Only 1 is an answer that did not come.
      const state = code === 0 ? "reached" : code === 1 ? "silent" : "not-tried";
      const evidence = (stdout.trim().split("\n").at(-1) || stderr.trim()).slice(0, 200);
      reaches.push({ ...peer, state, evidence });
    }
  };
  await Promise.all(Array.from({ length: pingsUnderWay }, lane));
  return reaches;
}
