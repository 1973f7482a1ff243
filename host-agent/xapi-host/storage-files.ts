import { mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StorageUnreachable, type AttachedDisk, type Storage } from "../virtual-xapi/ports.ts";
import { readFileOrNothing, replaceFile } from "./disk-file.ts";

export interface StorageOptions {
  /** open disks of this host; removed with the power by the launcher */
  readonly attachedFile: string;
  /** the folder that every host of the pool sees */
  readonly sharedFolder: string;
  readonly srUuids: readonly string[];
  /**
   * paths to the storage are other cables than the management network, so they fail on their own
   */
  readonly isUnreachable: (srUuid: string) => boolean;
}

export function createStorage(options: StorageOptions): Storage {
  const reachable = new Set(options.srUuids);
  const open = new Map<string, AttachedDisk>();
  const text = readFileOrNothing(options.attachedFile);
  for (const disk of text === undefined ? [] : (JSON.parse(text) as AttachedDisk[])) {
    open.set(keyOf(disk.vdiUuid, disk.vmUuid), disk);
  }

  const save = (): void => {
    writeFileSync(`${options.attachedFile}.new`, attachedText([...open.values()]), { mode: 0o600 });
    renameSync(`${options.attachedFile}.new`, options.attachedFile);
  };
  const reaches = (srUuid: string): boolean =>
    reachable.has(srUuid) && !options.isUnreachable(srUuid);
  const slotFolder = (srUuid: string, vdiUuid: string): string => {
    if (!reaches(srUuid)) throw new StorageUnreachable(`SR ${srUuid} cannot be reached`);
    const folder = join(options.sharedFolder, "statefiles", vdiUuid);
    mkdirSync(folder, { recursive: true });
    return folder;
  };

  return {
    reaches,
    attached: () => [...open.values()],
    attach(disk) {
      if (!reaches(disk.srUuid)) {
        throw new StorageUnreachable(`SR ${disk.srUuid} cannot be reached`);
      }
      open.set(keyOf(disk.vdiUuid, disk.vmUuid), disk);
      save();
    },
    detach(vdiUuid, vmUuid) {
      if (open.delete(keyOf(vdiUuid, vmUuid))) save();
    },
    readStatefile(srUuid, vdiUuid) {
      const folder = slotFolder(srUuid, vdiUuid);
      const slots = readdirSync(folder).filter((name) => !name.endsWith(".new"));
      return Object.fromEntries(
        slots.map((name) => [name, readFileOrNothing(join(folder, name)) ?? ""]),
      );
    },
    writeStatefile(srUuid, vdiUuid, hostUuid, slot) {
      replaceFile(join(slotFolder(srUuid, vdiUuid), hostUuid), slot);
    },
  };
}

export function attachedText(disks: readonly AttachedDisk[]): string {
  return JSON.stringify(disks);
}

function keyOf(vdiUuid: string, vmUuid: string): string {
  return `${vdiUuid} ${vmUuid}`;
}
