import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/*
 * A folder per host in every hierarchy that its systemd or the freezer needs: hosts that share one
 * would take each other's processes for their own.
 */

const mount = "/sys/fs/cgroup";
const parent = "skink-lab";

/** One hierarchy on machines of today, three on those with the old and the new side by side. */
function hierarchies(): readonly string[] {
  if (existsSync(join(mount, "cgroup.controllers"))) return [mount];
  return ["systemd", "unified", "freezer"]
    .map((name) => join(mount, name))
    .filter((folder) => existsSync(join(folder, "cgroup.procs")));
}

function folderOf(hierarchy: string, lab: string, host: string): string {
  return join(hierarchy, parent, lab, host);
}

/** Folders of one host, ready to take a process. */
export function makeHostFolders(lab: string, host: string): readonly string[] {
  return hierarchies().map((hierarchy) => {
    const folder = folderOf(hierarchy, lab, host);
    mkdirSync(folder, { recursive: true });
    return folder;
  });
}

function freeze(lab: string, host: string, isFrozen: boolean): void {
  const unified = join(folderOf(mount, lab, host), "cgroup.freeze");
  if (existsSync(unified)) {
    writeFileSync(unified, isFrozen ? "1" : "0");
    return;
  }
  const state = join(folderOf(join(mount, "freezer"), lab, host), "freezer.state");
  if (existsSync(state)) writeFileSync(state, isFrozen ? "FROZEN" : "THAWED");
}

export function freezeHost(lab: string, host: string): void {
  freeze(lab, host, true);
}

export function thawHost(lab: string, host: string): void {
  freeze(lab, host, false);
}

/** Processes of a host as this process numbers them; 0 stands for one it cannot see. */
export function processesOf(lab: string, host: string): readonly number[] {
  const found = new Set<number>();
  for (const hierarchy of hierarchies()) {
    for (const pid of processesUnder(folderOf(hierarchy, lab, host))) found.add(pid);
  }
  return [...found];
}

/** Processes of one unit inside a host. */
export function processesOfUnit(lab: string, host: string, unit: string): readonly number[] {
  for (const hierarchy of hierarchies()) {
    const folder = findFolder(folderOf(hierarchy, lab, host), unit);
    const pids = folder === null ? [] : processesUnder(folder);
    if (pids.length > 0) return pids;
  }
  return [];
}

function findFolder(folder: string, name: string): string | null {
  for (const child of childrenOf(folder)) {
    const path = join(folder, child);
    if (child === name) return path;
    const deeper = findFolder(path, name);
    if (deeper !== null) return deeper;
  }
  return null;
}

function processesUnder(folder: string): readonly number[] {
  const own = readOrNothing(join(folder, "cgroup.procs"))
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);
  return [...own, ...childrenOf(folder).flatMap((name) => processesUnder(join(folder, name)))];
}

function childrenOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // Gone, or a threaded group.
    return "";
  }
}

/** Hosts of a lab that have folders, whoever made them. */
export function hostsWithFolders(lab: string): readonly string[] {
  return [
    ...new Set(hierarchies().flatMap((hierarchy) => childrenOf(join(hierarchy, parent, lab)))),
  ];
}

/** Removes a host's folders; false while a process is still in one. */
export function removeHostFolders(lab: string, host: string): boolean {
  return hierarchies()
    .map((hierarchy) => removeTree(folderOf(hierarchy, lab, host)))
    .every((isGone) => isGone);
}

/** The folders above the hosts': the lab's, and the one of all labs once the last has gone. */
export function removeLabFolders(lab: string): void {
  for (const hierarchy of hierarchies()) {
    removeTree(join(hierarchy, parent, lab));
    if (childrenOf(join(hierarchy, parent)).length === 0) removeTree(join(hierarchy, parent));
  }
}

function removeTree(folder: string): boolean {
  if (!existsSync(folder)) return true;
  for (const child of childrenOf(folder)) removeTree(join(folder, child));
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return !existsSync(folder);
  }
}
