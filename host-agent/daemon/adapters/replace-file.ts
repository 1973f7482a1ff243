import { mkdirSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Writes a file so that a reader, and a host after power loss, sees the old or the new one whole.
 */
export async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  const beside = `${file}.new`;
  try {
    await writeWhole(beside, text, mode);
    await rename(beside, file);
  } catch (error) {
    // A full disk leaves half a file, which would stay for ever.
    await rm(beside, { force: true }).catch(() => undefined);
    throw error;
  }
  const folder = await open(dirname(file), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const handle = await open(file, "w", mode);
  try {
    await handle.chmod(mode);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
