import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { DiskFull, type Disk } from "../virtual-xapi/ports.ts";

/** Replaces a file so that a crash at any moment leaves the whole old or the whole new content. */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.new`;
  const file = openSync(temporary, "w", 0o600);
  try {
    const bytes = Buffer.from(text, "utf8");
    let written = 0;
    while (written < bytes.length) written += writeSync(file, bytes, written);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}

export function readFileOrNothing(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * dom0's disk: one folder. `isFull` is asked at each write, so that the disk can be filled at will.
 */
export function createDisk(folder: string, isFull: () => boolean): Disk {
  mkdirSync(folder, { recursive: true });
  const pathOf = (name: string): string => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    return path;
  };
  return {
    read: (name) => readFileOrNothing(join(folder, name)),
    write(name, text) {
      if (isFull()) throw new DiskFull(`ENOSPC: no space left on device, write ${name}`);
      try {
        replaceFile(pathOf(name), text);
      } catch (error) {
        if (isCode(error, "ENOSPC")) throw new DiskFull(`ENOSPC: ${name}`);
        throw error;
      }
    },
    remove(name) {
      rmSync(join(folder, name), { force: true });
    },
  };
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
