import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CannotStart, startAgent } from "../agent.ts";
import type { CommandLine } from "../command-line.ts";
import { Refusal } from "../command-line.ts";
import type { LeaveKind } from "../../core/journal-event.ts";
import { runProgram } from "./run-program.ts";

/** Runs until a signal asks for the end; resolves with the exit code. */
export async function runDaemon(line: CommandLine): Promise<number> {
  const tell = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  if (line.domainsFile !== null) {
    tell(`Domains are read from ${line.domainsFile}, which stands in for the hypervisor's list.`);
  }
  const { layout, xapiSocket, domainsFile } = line;
  const asked = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, resolve);
  });
  try {
    const agent = await startAgent({ layout, xapiSocket, domainsFile, tell });
    await asked;
    await agent.stop(layout.root === null ? await leaveKind() : trialLeaveKind(layout.root));
    return 0;
  } catch (error) {
    if (!(error instanceof CannotStart)) throw error;
    throw new Refusal({ code: "cannot-start", sentence: error.message });
  }
}

/** Whether the host goes down with the agent, as systemd knows it. */
async function leaveKind(): Promise<LeaveKind> {
  if ((await systemctl(["is-system-running"])).trim() !== "stopping") return "agent-stop";
  const jobs = await systemctl(["list-jobs", "--no-legend"]);
  return /\b(reboot|kexec)\.target\b/.test(jobs) ? "reboot" : "shutdown";
}

/** Under a trial root, what its own service manager wrote down before it stopped its services. */
function trialLeaveKind(root: string): LeaveKind {
  try {
    const text = readFileSync(join(root, "run/systemd/leaving"), "utf8").trim();
    return text === "reboot" || text === "shutdown" ? text : "agent-stop";
  } catch {
    // The root is not going down.
    return "agent-stop";
  }
}

async function systemctl(args: readonly string[]): Promise<string> {
  const ran = await runProgram("systemctl", args, 500);
  return ran.status === "ended" ? ran.stdout : "";
}
