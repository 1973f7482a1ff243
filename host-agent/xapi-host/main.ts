/**
 * The process of one virtual host's XAPI, or of several where a pool is too large for one each:
 * `node main.ts --dir DIR [--dir DIR ...]`. It is started by a launcher and leaves with it.
 */
import { flushCompileCache } from "node:module";
import { parseArgs } from "node:util";
import { createNode } from "../virtual-xapi/create-node.ts";
import type { FromHost, Launcher, ToHost } from "./channel.ts";
import { runHost, type RunningHost } from "./run-host.ts";

const { values } = parseArgs({ options: { dir: { type: "string", multiple: true } } });
const dirs = values.dir ?? [];
const isAlone = dirs.length === 1;
const hosts = new Map<string, RunningHost>();
const powerOnAnswers = new Map<number, (isAccepted: boolean) => void>();
let lastPowerOn = 0;

/** Code of a process that failed; the service manager starts it again. */
const exitFailed = 1;

const launcher: Launcher = {
  tell(message) {
    if (process.connected) process.send?.(message satisfies FromHost);
    if (message.type === "power" && message.action === "fence") dieAtOnce(message.dir);
  },
  powerOnPeer(hostUuid) {
    if (!process.connected) return Promise.resolve(false);
    lastPowerOn += 1;
    const id = lastPowerOn;
    process.send?.({ type: "power-on-peer", id, hostUuid } satisfies FromHost);
    return new Promise((resolve) => powerOnAnswers.set(id, resolve));
  },
};

/** A reset by the watchdog does not wait for anything, not even for this host's own messages. */
function dieAtOnce(dir: string): void {
  if (isAlone) setImmediate(() => process.kill(process.pid, "SIGKILL"));
  else void end(dir, exitFailed);
}

async function start(dir: string): Promise<void> {
  const host = await runHost({ dir, createNode, launcher, exit: (code) => leave(dir, code) });
  hosts.set(dir, host);
}

function leave(dir: string, code: number): void {
  if (isAlone) process.exit(code);
  else void end(dir, code);
}

/** The end of one host among several: what dying with its process would be. */
async function end(dir: string, code: number): Promise<void> {
  const host = hosts.get(dir);
  if (host === undefined) return;
  hosts.delete(dir);
  await host.stop({ clean: false });
  launcher.tell({ type: "exited", dir, code });
}

async function stopCleanly(dir: string): Promise<void> {
  await hosts.get(dir)?.stop({ clean: true });
  hosts.delete(dir);
  if (isAlone) process.exit(0);
  launcher.tell({ type: "exited", dir, code: 0 });
}

function obey(message: ToHost): void {
  switch (message.type) {
    case "faults":
      hosts.get(message.dir)?.applyFaults(message.faults);
      return;
    case "stop":
      void stopCleanly(message.dir);
      return;
    case "peer-powered-on":
      powerOnAnswers.get(message.id)?.(message.isAccepted);
      powerOnAnswers.delete(message.id);
      return;
    case "start":
      void startOrReport(message.dir);
      return;
    case "kill":
      void end(message.dir, exitFailed);
      return;
    case "freeze":
      hosts.get(message.dir)?.freeze();
      return;
    case "thaw":
      hosts.get(message.dir)?.thaw();
      return;
  }
}

async function startOrReport(dir: string): Promise<void> {
  try {
    await start(dir);
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`${dir}: ${reason}\n`);
    if (isAlone) process.exit(exitFailed);
    launcher.tell({ type: "exited", dir, code: exitFailed });
  }
}

process.on("message", (message) => obey(message as ToHost));
// A virtual machine room without its launcher is nobody's: whatever ended it, the hosts end too.
process.on("disconnect", () => process.exit(0));
// Ctrl-C in the launcher's terminal reaches its children as well; the launcher stops them in order.
process.on("SIGINT", () => {});

for (const dir of dirs) await startOrReport(dir);
// Now, because a host process usually ends by SIGKILL and would take its compiled code with it.
flushCompileCache();
