import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { CommandLine } from "../command-line.ts";
import { Refusal } from "../command-line.ts";
import type { Layout } from "../layout.ts";
import { acted } from "./output.ts";

/*
 * Releases side by side, one of them current. A release is there as a whole folder or not at all,
 * and the links are switched by rename, so a host that loses power in between starts one of the
 * two.
 */

const versionShape = /^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$/;
const partialSuffix = ".partial";

export function releasesOf(layout: Layout): readonly string[] {
  if (!existsSync(layout.releases)) return [];
  return readdirSync(layout.releases)
    .filter((name) => versionShape.test(name) && !name.endsWith(partialSuffix))
    .filter((name) => existsSync(join(layout.releases, name, "skink")))
    .toSorted();
}

/** The version that a link names; null without a link. */
export function linkedRelease(link: string): string | null {
  try {
    return basename(readlinkSync(link));
  } catch {
    return null;
  }
}

export async function putRelease(line: CommandLine): Promise<number> {
  const { layout, from } = line;
  const version = checkedVersion(line.version);
  const wanted = line.sha256?.toLowerCase() ?? "";
  if (from === null || !/^[0-9a-f]{64}$/.test(wanted)) {
    throw usage("put-release takes --from FILE --version V --sha256 H.");
  }
  const folder = join(layout.releases, version);
  const isThere = existsSync(join(folder, "skink"));
  if (isThere && (await fileHash(join(folder, "skink"))) === wanted) {
    if (existsSync(from)) rmSync(from);
    return acted(line.isJson, false, `Release ${version} is there already.`);
  }
  if (isThere) {
    const sentence = `Release ${version} is there with other content.`;
    throw new Refusal({
      code: "release-differs",
      sentence,
      nextStep: "Build under a new version.",
    });
  }
  if (!existsSync(from)) {
    throw new Refusal({
      code: "no-file",
      sentence: `${from} is not there.`,
      nextStep: "Upload it.",
    });
  }
  const found = await fileHash(from);
  if (found !== wanted) {
    const sentence = `${from} has SHA-256 ${found}, not ${wanted}.`;
    throw new Refusal({ code: "wrong-hash", sentence, nextStep: "Upload it again." });
  }
  const partial = `${folder}${partialSuffix}`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true, mode: 0o755 });
  const program = join(partial, "skink");
  moveFile(from, program);
  chmodSync(program, 0o755);
  await flush(program);
  await flush(partial);
  rmSync(folder, { recursive: true, force: true });
  renameSync(partial, folder);
  await flush(layout.releases);
  return acted(line.isJson, true, `Release ${version} is in place.`);
}

export async function linkRelease(line: CommandLine): Promise<number> {
  const { layout } = line;
  const version = checkedVersion(line.words[1] ?? line.version);
  if (!releasesOf(layout).includes(version)) {
    const sentence = `Release ${version} is not on this host.`;
    throw new Refusal({ code: "no-release", sentence, nextStep: "skink put-release" });
  }
  const current = linkedRelease(layout.current);
  if (current === version) {
    return acted(line.isJson, false, `Release ${version} is current already.`);
  }
  // First where to go back to: power lost in between leaves the old release current.
  if (current !== null) switchLink(layout.previous, current);
  switchLink(layout.current, version);
  await flush(layout.program);
  return acted(
    line.isJson,
    true,
    `Release ${version} is current, ${current ?? "none"} was before.`,
  );
}

export function pruneReleases(line: CommandLine): Promise<number> {
  const { layout } = line;
  const linked = [linkedRelease(layout.current), linkedRelease(layout.previous)];
  const others = releasesOf(layout)
    .filter((version) => !linked.includes(version))
    .map((version) => ({ version, madeMs: statSync(join(layout.releases, version)).mtimeMs }))
    .toSorted((a, b) => b.madeMs - a.madeMs)
    .slice(line.keep ?? 0)
    .map(({ version }) => version);
  const halves = existsSync(layout.releases)
    ? readdirSync(layout.releases).filter((name) => name.endsWith(partialSuffix))
    : [];
  for (const name of [...others, ...halves]) {
    rmSync(join(layout.releases, name), { recursive: true, force: true });
  }
  const count = others.length + halves.length;
  const sentence =
    count === 0 ? "Nothing to remove." : `Removed ${[...others, ...halves].join(", ")}.`;
  return Promise.resolve(acted(line.isJson, count > 0, sentence));
}

export async function fileHash(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

function checkedVersion(version: string | null | undefined): string {
  if (version !== null && version !== undefined && versionShape.test(version)) return version;
  throw usage("A version has letters, digits and . + _ - only.");
}

function usage(sentence: string): Refusal {
  return new Refusal({ code: "usage", sentence, exitCode: 2 });
}

function switchLink(link: string, version: string): void {
  const beside = `${link}.new`;
  rmSync(beside, { force: true });
  symlinkSync(join("releases", version), beside);
  renameSync(beside, link);
}

function moveFile(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
    copyFileSync(from, to);
    rmSync(from);
  }
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  // A new name is durable when its folder is.
  if (statSync(path).isFile()) await flush(dirname(path));
}
