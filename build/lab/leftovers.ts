import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import * as cgroups from "./cgroups.ts";
import { labPaths, labsFolder, operatorLink, type LabPaths } from "./paths.ts";
import { Refusal } from "./plan.ts";
import { run, until } from "./run.ts";

/*
 * A lab's mounts, namespaces and processes end with its first process. What can outlive it is swept
 * up here: frozen processes, cgroup folders, the operator's link, the lab's folder.
 */

interface Owner {
  readonly pid: number;
  /** from /proc, so that a number that was given to another process later is not taken for it */
  readonly startedAt: string;
}

const sweepTimeoutMs = 10_000;

/** When a process started, in the kernel's own count; null when it is gone. */
export function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

/** The process whose end ends the lab; null when there is none. */
export function livingOwner(paths: LabPaths): number | null {
  try {
    const owner = JSON.parse(readFileSync(paths.ownerFile, "utf8")) as Owner;
    return startOf(owner.pid) === owner.startedAt ? owner.pid : null;
  } catch {
    return null;
  }
}

/** Removes all that is left of a lab whose process is gone. */
export async function sweep(name: string): Promise<void> {
  const paths = labPaths(name);
  for (const host of cgroups.hostsWithFolders(name)) {
    const isEmpty = await until(() => endProcesses(name, host), sweepTimeoutMs);
    if (!isEmpty) throw new Refusal(`Processes of host ${host} of an older lab do not end.`);
    await until(() => cgroups.removeHostFolders(name, host), sweepTimeoutMs);
  }
  cgroups.removeLabFolders(name);
  await run("ip", ["link", "del", operatorLink(name)]);
  rmSync(paths.folder, { recursive: true, force: true });
  if (existsSync(labsFolder) && readdirSync(labsFolder).length === 0) {
    rmSync(labsFolder, { recursive: true });
  }
}

function endProcesses(lab: string, host: string): boolean {
  const pids = cgroups.processesOf(lab, host);
  for (const pid of pids) {
    try {
      if (pid > 0) process.kill(pid, "SIGKILL");
    } catch {
      // It went by itself.
    }
  }
  cgroups.thawHost(lab, host);
  return pids.length === 0;
}

/** Sweeps every lab on this machine whose process is gone. */
export async function sweepAll(): Promise<void> {
  if (!existsSync(labsFolder)) return;
  for (const name of readdirSync(labsFolder)) {
    if (livingOwner(labPaths(name)) === null) await sweep(name);
  }
}
