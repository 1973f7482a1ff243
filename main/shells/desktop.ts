import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

/** Whether the desktop window can be used, or the one line that says why not. */
export type Desktop =
  | { readonly status: "present"; readonly binary: string }
  | { readonly status: "absent"; readonly sentence: string };

export interface DesktopSettings {
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
  readonly isRoot: boolean;
  readonly fetchLimitMs: number;
}

const ELSEWHERE = "The console runs in the browser instead.";

/**
 * Looks for Electron's binary and fetches it when there is a screen to show it on and it comes
 * within the time limit. Without a display nothing is ever fetched.
 */
export async function findDesktop(settings: DesktopSettings): Promise<Desktop> {
  const { root, env, platform, isRoot } = settings;
  if (!hasDisplay(env, platform)) {
    return absent("There is no display for a desktop window.");
  }
  if (isRoot && platform === "linux") {
    return absent("Electron does not start as root with its sandbox on.");
  }
  const electron = path.join(root, "node_modules", "electron");
  if (!existsSync(path.join(root, "dist", "electron", "main.mjs"))) {
    return absent("The desktop window is not built.");
  }
  const found = binaryIn(electron);
  if (found !== null) return { status: "present", binary: found };
  if (!existsSync(path.join(electron, "install.js"))) {
    return absent("Electron is not installed.");
  }
  const isFetched = await fetchBinary(electron, settings.fetchLimitMs);
  const fetched = isFetched ? binaryIn(electron) : null;
  if (fetched !== null) return { status: "present", binary: fetched };
  const limitS = Math.round(settings.fetchLimitMs / 1000);
  return absent(`Electron's binary is not here and did not arrive within ${limitS} s.`);
}

export function hasDisplay(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): boolean {
  if (platform === "win32") return true;
  if (platform === "darwin") return env["SSH_CONNECTION"] === undefined;
  return Boolean(env["DISPLAY"]) || Boolean(env["WAYLAND_DISPLAY"]);
}

function absent(reason: string): Desktop {
  return { status: "absent", sentence: `${reason} ${ELSEWHERE}` };
}

function binaryIn(electron: string): string | null {
  try {
    const name = readFileSync(path.join(electron, "path.txt"), "utf8").trim();
    const binary = path.join(electron, "dist", name);
    return name !== "" && existsSync(binary) ? binary : null;
  } catch {
    return null;
  }
}

/** Runs Electron's own installer, which checks the checksum; half a download is thrown away. */
async function fetchBinary(electron: string, limitMs: number): Promise<boolean> {
  const scratch = mkdtempSync(path.join(os.tmpdir(), "skink-fetch-"));
  const child = spawn(process.execPath, [path.join(electron, "install.js")], {
    stdio: "ignore",
    env: { ...process.env, TMPDIR: scratch, TMP: scratch, TEMP: scratch },
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
  const code = await exitOf(child);
  clearTimeout(timer);
  rmSync(scratch, { recursive: true, force: true });
  return code === 0;
}

export interface DesktopRun {
  /** resolves true when the window is up, false when Electron ended before that */
  readonly ready: Promise<boolean>;
  readonly ended: Promise<void>;
  stop(): void;
}

/** What the Electron shell prints on its own line when its window has loaded. */
export const DESKTOP_READY = "skink: window ready";

export function launchDesktop(
  binary: string,
  args: readonly string[],
  tell: (line: string) => void,
): DesktopRun {
  const child = spawn(binary, [...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, SKINK_NODE: process.execPath },
  });
  const exited = exitOf(child);
  const ready = new Promise<boolean>((resolve) => {
    void exited.then(() => resolve(false));
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line === DESKTOP_READY) resolve(true);
      else tell(line);
    });
  });
  return { ready, ended: exited.then(() => undefined), stop: () => child.kill("SIGTERM") };
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once("error", () => resolve(null));
    child.once("close", (code) => resolve(code));
  });
}
