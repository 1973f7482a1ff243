import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { statSync, writeFileSync } from "node:fs";
import path from "node:path";

/** A part of the product that is built from sources. */
export interface BuiltPart {
  /** its folder in `dist`, also its name in sentences */
  readonly name: string;
  /** files and folders it is made of, relative to the repository */
  readonly inputs: readonly string[];
  /** writes the whole part into an empty folder */
  build(folder: string): Promise<void>;
}

/**
 * Builds a part when its inputs differ from those of the build that is there. The new one takes the
 * place of the old at once, so that nobody sees half of it. Callers hold the bootstrap's lock.
 */
export async function ensureBuilt(
  root: string,
  part: BuiltPart,
  tell: (sentence: string) => void,
): Promise<void> {
  const target = path.join(root, "dist", part.name);
  const stamp = `${target}.inputs`;
  const wanted = hashOf(root, part.inputs);
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  tell(`Building ${part.name} ...`);
  const startedAtMs = performance.now();
  mkdirSync(path.dirname(target), { recursive: true });
  const fresh = `${target}.new`;
  const old = `${target}.old`;
  for (const leftover of [fresh, old, stamp]) rmSync(leftover, { recursive: true, force: true });
  await part.build(fresh);
  if (existsSync(target)) renameSync(target, old);
  renameSync(fresh, target);
  rmSync(old, { recursive: true, force: true });
  writeFileSync(stamp, wanted);
  tell(`Built ${part.name} in ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s.`);
}

function hashOf(root: string, inputs: readonly string[]): string {
  const hash = createHash("sha256").update(process.version);
  for (const input of inputs) {
    for (const file of filesOf(path.join(root, input))) {
      const content = createHash("sha256").update(readFileSync(file)).digest("hex");
      hash.update(`${path.relative(root, file)}\0${content}\n`);
    }
  }
  return hash.digest("hex");
}

function filesOf(input: string): readonly string[] {
  if (!existsSync(input)) return [];
  if (statSync(input).isFile()) return [input];
  return readdirSync(input, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.test\.tsx?$|\.md$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}
