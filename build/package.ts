import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build, type Configuration, Platform } from "electron-builder";
import { electronPart } from "./electron-bundle.ts";
import { ensureBuilt } from "./stale.ts";

/*
 * `npm run package -- --dir`: the desktop program as a folder. Where Electron's binary is not on
 * this machine a stand-in takes its place, so that everything around it can be made and tested;
 * such a package says so in its folder's name and cannot be mistaken for one to hand out.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const tell = (sentence: string): void => void process.stderr.write(`${sentence}\n`);

/** By these bytes a tool finds Electron's fuses in its binary. */
const FUSE_SENTINEL = "dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX";
const FUSE_COUNT = 8;

interface Asked {
  readonly out: string | null;
}

function asked(args: readonly string[]): Asked | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { dir: { type: "boolean" }, out: { type: "string" } },
    });
    if (values.dir === true) return { out: values.out ?? null };
    return "Say --dir: a folder is all that is made so far, installers are not. --out FOLDER puts it elsewhere.";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function hasElectron(): boolean {
  const electron = path.join(root, "node_modules", "electron");
  try {
    const name = readFileSync(path.join(electron, "path.txt"), "utf8").trim();
    return name !== "" && existsSync(path.join(electron, "dist", name));
  } catch {
    return false;
  }
}

/** Shaped like an unpacked Electron for Linux, down to the fuses; runs only to say what it is. */
function makeStandIn(folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(path.join(folder, "resources"), { recursive: true });
  mkdirSync(path.join(folder, "locales"), { recursive: true });
  const words = "This is a stand-in for Electron, made to test packaging. It shows no window.";
  const script = `#!/bin/sh\necho '${words}' >&2\nexit 1\n# ${FUSE_SENTINEL}`;
  const fuses = Buffer.from([1, FUSE_COUNT, ...Buffer.from("1".repeat(FUSE_COUNT))]);
  writeFileSync(path.join(folder, "electron"), Buffer.concat([Buffer.from(script), fuses]));
  chmodSync(path.join(folder, "electron"), 0o755);
  writeFileSync(path.join(folder, "STAND-IN.txt"), `${words}\n`);
  writeFileSync(path.join(folder, "version"), electronVersion());
  for (const name of ["LICENSE", "LICENSES.chromium.html"]) {
    writeFileSync(path.join(folder, name), `${words}\n`);
  }
  return folder;
}

function electronVersion(): string {
  const manifest = path.join(root, "node_modules", "electron", "package.json");
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
}

/** Run by plain Node, not by Electron, and therefore outside of the archive. */
function extraResources(): { from: string; to: string }[] {
  return [
    { from: path.join(root, "dist", "electron", "demo"), to: "demo" },
    { from: path.join(root, "node_modules", "node", "bin"), to: "node" },
  ];
}

async function main(args: readonly string[]): Promise<number> {
  const wanted = asked(args);
  if (typeof wanted === "string") {
    tell(wanted);
    return 2;
  }
  const isReal = hasElectron();
  if (!isReal && process.platform !== "linux") {
    tell("Electron's binary is not here. Run `npx install-electron`, then package again.");
    return 1;
  }
  await ensureBuilt(root, electronPart(root), tell);
  const settings = JSON.parse(
    readFileSync(path.join(root, "build", "electron-builder.json"), "utf8"),
  ) as Configuration;
  const output = wanted.out ?? path.join(root, "dist", isReal ? "package" : "package-stand-in");
  const dist = path.join(root, "node_modules", "electron", "dist");
  const made = await build({
    // Not the repository: the program is complete in this folder, and packages are not looked for.
    projectDir: path.join(root, "dist", "electron"),
    targets: Platform.current().createTarget("dir"),
    config: {
      ...settings,
      electronVersion: electronVersion(),
      electronDist: isReal ? dist : makeStandIn(path.join(root, "dist", "electron-stand-in")),
      directories: { output, buildResources: path.join(root, "build") },
      extraResources: extraResources(),
    },
  });
  const what = isReal
    ? "the desktop program"
    : "a stand-in package without Electron, for tests only";
  tell(`Made ${what} in ${made[0] ?? output}`);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
