import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { cacheFolder, labsFolder } from "./paths.ts";
import { Refusal } from "./plan.ts";
import { must, sleep } from "./run.ts";

/*
 * The Debian that all hosts share, made once and never written to again. Its folder is named after
 * everything it is made from, so that another recipe is another folder.
 */

const suite = "bookworm";
const packages = [
  "systemd",
  "systemd-sysv",
  "openssh-server",
  "iproute2",
  "iptables",
  "iputils-ping",
  "kmod",
  "procps",
  "python3-minimal",
  // The Node that runs the virtual XAPI needs it.
  "libstdc++6",
];

/**
 * Nothing of Debian's own may start by itself or wait: a host of the lab has no console, no network
 * manager, and a clock and devices that belong to the machine.
 */
const finishing = `
systemctl mask getty.target console-getty.service systemd-networkd.service \\
  systemd-resolved.service systemd-timesyncd.service systemd-logind.service \\
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \\
  e2scrub_reap.service fstrim.timer systemd-update-utmp.service >/dev/null 2>&1 || true
systemctl set-default multi-user.target >/dev/null 2>&1
systemctl enable ssh.service >/dev/null 2>&1
rm -f /etc/ssh/ssh_host_* /etc/machine-id /etc/hostname
: > /etc/machine-id
printf 'PermitRootLogin yes\\nPasswordAuthentication yes\\nUseDNS no\\n' \\
  > /etc/ssh/sshd_config.d/lab.conf
rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/*
`;

const lockPatienceMs = 10 * 60_000;

function imageFolder(): string {
  const recipe = JSON.stringify({ suite, packages, finishing, arch: process.arch });
  return join(
    cacheFolder,
    `debian-${createHash("sha256").update(recipe).digest("hex").slice(0, 16)}`,
  );
}

/** The folder of the image; made now when it is not there, about a minute and 200 MB. */
export async function ensureImage(tell: (sentence: string) => void): Promise<string> {
  const folder = imageFolder();
  if (existsSync(folder)) return folder;
  mkdirSync(cacheFolder, { recursive: true });
  const unlock = await lock(join(cacheFolder, "making.pid"));
  try {
    if (existsSync(folder)) return folder;
    removeOthers();
    tell("Making the Debian that the lab's hosts share (debootstrap), about a minute, once ...");
    const startedMs = performance.now();
    const half = `${folder}.making`;
    await must("debootstrap", [
      "--variant=minbase",
      `--include=${packages.join(",")}`,
      suite,
      half,
    ]);
    await must("chroot", [half, "sh", "-e"], { input: finishing });
    renameSync(half, folder);
    tell(`Made in ${Math.round((performance.now() - startedMs) / 1000)} s: ${folder}`);
    return folder;
  } finally {
    unlock();
  }
}

/** Halves of a broken-off making, and images of older recipes unless a lab may run on one. */
function removeOthers(): void {
  const isLabUp = existsSync(labsFolder);
  for (const name of readdirSync(cacheFolder)) {
    const isOld = name.startsWith("debian-") && (name.endsWith(".making") || !isLabUp);
    if (isOld) rmSync(join(cacheFolder, name), { recursive: true, force: true });
  }
}

async function lock(file: string): Promise<() => void> {
  const endMs = performance.now() + lockPatienceMs;
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (!isAlive(Number(readOrNothing(file)))) rmSync(file, { force: true });
    if (performance.now() > endMs) {
      throw new Refusal(`Another command has been making the image for 10 minutes; see ${file}.`);
    }
    await sleep(500);
  }
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
