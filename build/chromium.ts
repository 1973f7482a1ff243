import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import path from "node:path";

export type Chromium =
  | { readonly status: "present"; readonly binary: string }
  | { readonly status: "absent"; readonly sentence: string };

const names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const APT_LIMIT_MS = 5 * 60_000;

/**
 * The browser that the stories run in: the one of `SKINK_CHROMIUM`, one on the PATH, or Debian's
 * when this is root on a system with apt. Playwright downloads none here.
 */
export function ensureChromium(tell: (sentence: string) => void): Chromium {
  const found = findChromium();
  if (found !== null) return { status: "present", binary: found };
  const why = "Chromium is not installed, so the stories in the browser are left out.";
  const advice = "Install it, or name one in SKINK_CHROMIUM.";
  if (process.getuid?.() !== 0 || inPath("apt-get") === null) {
    return { status: "absent", sentence: `${why} ${advice}` };
  }
  tell("Installing Chromium with apt-get, about a minute ...");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const quiet = { stdio: ["ignore", "ignore", 2] as ["ignore", "ignore", number] };
  spawnSync("apt-get", ["update", "-q"], { ...quiet, env, timeout: APT_LIMIT_MS });
  const packages = ["install", "-y", "-q", "--no-install-recommends", "chromium"];
  spawnSync("apt-get", packages, { ...quiet, env, timeout: APT_LIMIT_MS });
  const installed = findChromium();
  if (installed !== null) return { status: "present", binary: installed };
  return { status: "absent", sentence: `apt-get could not install it: ${why} ${advice}` };
}

export function findChromium(): string | null {
  const named = process.env["SKINK_CHROMIUM"];
  if (named !== undefined && named !== "") return isProgram(named) ? named : null;
  for (const name of names) {
    const found = inPath(name);
    if (found !== null) return found;
  }
  return null;
}

function inPath(name: string): string | null {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter).filter((part) => part !== "");
  return folders.map((folder) => path.join(folder, name)).find(isProgram) ?? null;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
