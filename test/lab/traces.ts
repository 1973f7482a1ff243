import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/* What of a lab can be found on this machine from outside, one line each. */

const cgroups = "/sys/fs/cgroup";

export interface Traces {
  readonly mounts: readonly string[];
  readonly links: readonly string[];
  readonly processes: readonly string[];
  readonly groups: readonly string[];
  readonly folders: readonly string[];
}

export function tracesOf(lab: string): Traces {
  return {
    mounts: linesOf("/proc/self/mountinfo").filter((line) => line.includes("/skink-lab/")),
    links: readdirSync("/sys/class/net").filter((name) => name === `skl-${lab}`),
    processes: processesOf(lab).map(String),
    groups: [cgroups, ...childrenOf(cgroups)].flatMap((hierarchy) => {
      const folder = join(hierarchy, "skink-lab", lab);
      return existsSync(folder) ? [folder] : [];
    }),
    folders: [`/var/lib/skink-lab/${lab}`].filter((folder) => existsSync(folder)),
  };
}

export const noTraces: Traces = { mounts: [], links: [], processes: [], groups: [], folders: [] };

/** By their control group, or by the lab's name on their command line. */
export function processesOf(lab: string): readonly number[] {
  const isOurs = (pid: string): boolean => {
    const group = linesOf(`/proc/${pid}/cgroup`).some((line) =>
      line.includes(`/skink-lab/${lab}/`),
    );
    const words = textOf(`/proc/${pid}/cmdline`).split("\0");
    const isFirst =
      words.some((word) => word.endsWith("build/lab/daemon.ts")) && words.includes(lab);
    return group || isFirst;
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && isOurs(name))
    .map(Number);
}

/** Network namespaces that these processes are in. */
export function networksOf(pids: readonly number[]): ReadonlySet<string> {
  return new Set(pids.flatMap((pid) => namespaceOf(String(pid))));
}

/** Network namespaces that any process of this machine is in. */
export function allNetworks(): ReadonlySet<string> {
  return new Set(
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap(namespaceOf),
  );
}

export function ownNetwork(): string {
  return namespaceOf("self")[0] ?? "";
}

function namespaceOf(pid: string): readonly string[] {
  try {
    return [readlinkSync(`/proc/${pid}/ns/net`)];
  } catch {
    return [];
  }
}

function childrenOf(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name));
}

function linesOf(file: string): readonly string[] {
  return textOf(file).split("\n");
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
