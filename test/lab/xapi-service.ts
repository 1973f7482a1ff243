/**
 * `xapi.service` of a lab host: runs the virtual XAPI and does for it what dom0 and the board
 * controller do. Orders to the board are files: `watchdog` holds the monotonic time in milliseconds
 * at which the machine is reset, `power-on-UUID` presses another host's power button.
 */
import { fork, spawn } from "node:child_process";
import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FromHost, PowerAction, ToHost } from "../../host-agent/xapi-host/channel.ts";
import { loseVolatile, writeBoot } from "../../main/demo/work-folder.ts";
import { boardFolder, bootedFile, firstBootFile, hostFolder } from "./host-paths.ts";

const exitFailed = 1;

/** Power came: guests and open disks are gone, except the first time, when the pool is at rest. */
function noticeBoot(): void {
  if (existsSync(bootedFile)) return;
  writeFileSync(bootedFile, "");
  const firstBoot = join(hostFolder, firstBootFile);
  if (existsSync(firstBoot)) {
    rmSync(firstBoot);
    return;
  }
  loseVolatile(hostFolder);
  writeBoot(hostFolder, Date.now());
}

const powerCommands: Readonly<Record<PowerAction, readonly string[]>> = {
  reboot: ["reboot"],
  halt: ["poweroff"],
  // Nothing is stopped and nothing is written: what a reset leaves.
  fence: ["--force", "--force", "reboot"],
  "restart-toolstack": ["--no-block", "restart", "xapi.service"],
};

function setWatchdog(timeoutMs: number | null): void {
  const file = join(boardFolder, "watchdog");
  if (timeoutMs === null) {
    rmSync(file, { force: true });
    return;
  }
  const nowMs = Number(process.hrtime.bigint() / 1_000_000n);
  writeFileSync(`${file}.new`, String(nowMs + timeoutMs));
  renameSync(`${file}.new`, file);
}

noticeBoot();
const main = fileURLToPath(new URL("../../host-agent/xapi-host/main.ts", import.meta.url));
const xapi = fork(main, ["--dir", hostFolder], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
const tell = (message: ToHost): void => {
  if (xapi.connected) xapi.send(message, () => undefined);
};

xapi.on("message", (raw) => {
  const message = raw as FromHost;
  switch (message.type) {
    case "power":
      spawn("systemctl", powerCommands[message.action], { stdio: "ignore", detached: true });
      return;
    case "watchdog":
      setWatchdog(message.timeoutMs);
      return;
    case "power-on-peer":
      writeFileSync(join(boardFolder, `power-on-${message.hostUuid}`), "");
      tell({ type: "peer-powered-on", id: message.id, isAccepted: true });
      return;
    case "listening":
    case "exited":
      return;
  }
});
xapi.once("exit", (code) => process.exit(code ?? exitFailed));
process.on("SIGTERM", () => tell({ type: "stop", dir: hostFolder }));
