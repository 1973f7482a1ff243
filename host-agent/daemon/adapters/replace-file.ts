import { mkdirSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Writes a file so that a reader, and a host after power loss, sees the old or the new one whole.
 */
export async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  const beside = `${file}.new`;
  const handle = await open(beside, "w", mode);
  try {
    await handle.chmod(mode);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(beside, file);
  const folder = await open(dirname(file), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
