import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { nodeProgram } from "./paths.ts";
import { Refusal } from "./plan.ts";
import { run } from "./run.ts";

/* What a machine must have for a lab, and what can be had now. */

const packageOf: Readonly<Record<string, string>> = {
  debootstrap: "debootstrap",
  "systemd-nspawn": "systemd-container",
  nft: "nftables",
  ip: "iproute2",
  ssh: "openssh-client",
  "ssh-keygen": "openssh-client",
  unshare: "util-linux",
};

function missingPackages(): readonly string[] {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const isThere = (program: string): boolean =>
    folders.some((folder) => existsSync(join(folder, program)));
  const missing = Object.entries(packageOf).filter(([program]) => !isThere(program));
  return [...new Set(missing.map(([, name]) => name))];
}

/** Null when a lab can be tried here, else a sentence. Missing packages are another question. */
export function whyImpossible(): string | null {
  if (process.platform !== "linux") {
    return "The lab needs Linux with systemd-nspawn; this is another system.";
  }
  if (process.getuid?.() !== 0) {
    return "The lab needs root, for namespaces, mounts and systemd-nspawn: start it with sudo.";
  }
  if (!existsSync(nodeProgram)) {
    return `The lab runs the virtual XAPI on ${nodeProgram}, which is not there: run npm ci.`;
  }
  if (spawnSync("unshare", ["--mount", "--pid", "--fork", "true"]).status !== 0) {
    return "The lab needs namespaces of its own, and this machine's kernel or container refuses them.";
  }
  if (!isWritable("/sys/fs/cgroup")) {
    return "The lab needs control groups, and /sys/fs/cgroup cannot be written to here.";
  }
  return null;
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Throws a sentence when something is missing and cannot be installed. */
export async function provide(tell: (sentence: string) => void): Promise<void> {
  const reason = whyImpossible();
  if (reason !== null) throw new Refusal(reason);
  const missing = missingPackages();
  if (missing.length === 0) return;
  const list = missing.join(" ");
  tell(`Installing ${list} (apt-get) ...`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const install = ["install", "-y", "-qq", "--no-install-recommends", ...missing];
  const first = await run("apt-get", install, { env });
  if (first.code !== 0) {
    await run("apt-get", ["update", "-qq"], { env });
    await run("apt-get", install, { env });
  }
  if (missingPackages().length > 0) {
    throw new Refusal(`The lab needs ${list}, and apt-get could not install it here.`);
  }
}
