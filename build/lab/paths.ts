import { join } from "node:path";
import { fileURLToPath } from "node:url";

/* Where a lab keeps things. A lab is a folder; what lives outside of it ends with its processes. */

export const repository = fileURLToPath(new URL("../..", import.meta.url));
export const nodeProgram = join(repository, "node_modules/node/bin/node");
export const cacheFolder = "/var/cache/skink-lab";
/** Compiled code of the virtual XAPI, kept from one lab to the next. */
export const compileCache = join(cacheFolder, "compile");
export const labsFolder = "/var/lib/skink-lab";

export interface LabPaths {
  readonly folder: string;
  /** pid and start time of the process whose end ends the lab */
  readonly ownerFile: string;
  readonly planFile: string;
  readonly controlSocket: string;
  readonly keyFile: string;
  readonly knownHostsFile: string;
  readonly passwordFile: string;
  readonly pool: string;
  readonly logFile: string;
  /** a mount point; the file system on it is seen by the lab's own processes only */
  readonly disks: string;
}

export function labPaths(name: string): LabPaths {
  const folder = join(labsFolder, name);
  return {
    folder,
    ownerFile: join(folder, "owner.json"),
    planFile: join(folder, "plan.json"),
    controlSocket: join(folder, "control.sock"),
    keyFile: join(folder, "id_ed25519"),
    knownHostsFile: join(folder, "known_hosts"),
    passwordFile: join(folder, "password"),
    pool: join(folder, "pool"),
    logFile: join(folder, "lab.log"),
    disks: join(folder, "disks"),
  };
}

/** The lab's end of the management network on this machine; a link's name has 15 letters at most. */
export function operatorLink(name: string): string {
  return `skl-${name}`;
}

export const nameLettersMax = 10;
