import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { StateStore } from "../console/ports.ts";

/** Where the console keeps its small documents: pools, trusted certificates, last intentions. */
export function configFolder(env: NodeJS.ProcessEnv = process.env): string {
  const home = os.homedir();
  const configured = env["XDG_CONFIG_HOME"];
  if (configured !== undefined && path.isAbsolute(configured)) {
    return path.join(configured, "skink");
  }
  if (process.platform === "win32") {
    return path.join(env["APPDATA"] ?? path.join(home, "AppData", "Roaming"), "skink");
  }
  if (process.platform === "darwin") {
    return path.join(home, "Library", "Application Support", "skink");
  }
  return path.join(home, ".config", "skink");
}

/**
 * One file per document, for this user only. A write replaces the file whole and survives a power
 * cut: the new text is on disk before it takes the name. An unreadable document is an error and not
 * an empty one, because the list of trusted certificates must not vanish without a word.
 */
export function fileState(folder: string): StateStore {
  let lastWrite: Promise<void> = Promise.resolve();
  return {
    read: (name) => readDocument(fileOf(folder, name)),
    write: (name, value) => {
      const file = fileOf(folder, name);
      const text = `${JSON.stringify(value, null, 2)}\n`;
      // One after another, so that the last call wins and not the fastest disk operation.
      const written = lastWrite.then(() => replaceFile(folder, file, text));
      lastWrite = written.catch(() => undefined);
      return written;
    },
  };
}

function fileOf(folder: string, name: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) throw new Error(`"${name}" names no document`);
  return path.join(folder, `${name}.json`);
}

async function readDocument(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${file} is damaged. Move it away to start with an empty one.`);
  }
}

async function replaceFile(folder: string, file: string, text: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    const handle = await open(temporary, "wx", 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncFolder(folder);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Makes the new name durable; a file system that cannot do it for folders still renamed. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
