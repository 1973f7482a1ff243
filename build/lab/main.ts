import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { livingOwner } from "./leftovers.ts";
import { whyImpossible } from "./needs.ts";
import { readOptions, usage, type LabOptions } from "./options.ts";
import { labPaths, type LabPaths } from "./paths.ts";
import { findHost, readPlan, Refusal, type LabPlan, type PlannedHost } from "./plan.ts";
import { askLab, type LabRequest, type LabState } from "./requests.ts";
import { run, until } from "./run.ts";
import { sshOptions } from "./ssh.ts";
import { endLab, startLab, waitForSsh } from "./up.ts";

/* `npm run lab`: real hosts in containers, with a virtual pool on them, and ways to break them. */

const rebootTimeoutMs = 120_000;

/** What every verb answers with. */
function describe(plan: LabPlan, paths: LabPaths, state: LabState) {
  return {
    status: "up",
    name: plan.name,
    hosts: plan.hosts.map((host) => {
      const now = state.hosts.find(({ id }) => id === host.id);
      return {
        id: host.id,
        name: host.name,
        uuid: host.uuid,
        state: now?.state ?? "off",
        isXapiHung: now?.isXapiHung ?? false,
        boots: now?.boots ?? 0,
        managementAddress: host.addresses.mgmt,
        storageAddress: host.addresses.storage,
        sshPort: 22,
        xapiUrl: `https://${host.addresses.mgmt}`,
        certificateFile: `${paths.pool}/${host.id}/xapi-ssl.pem`,
        logFile: `${paths.folder}/${host.id}.log`,
      };
    }),
    user: "root",
    keyFile: paths.keyFile,
    passwordFile: paths.passwordFile,
    knownHostsFile: paths.knownHostsFile,
    cuts: state.cuts,
  };
}

type Description = ReturnType<typeof describe>;

function inWords(lab: Description): string {
  const hosts = lab.hosts.map((host) => {
    const xapi = host.isXapiHung ? ", XAPI stands still" : "";
    return (
      `  ${host.id}  ${host.name.padEnd(16)} ${(host.state + xapi).padEnd(24)} ` +
      `management ${host.managementAddress}, storage ${host.storageAddress}\n`
    );
  });
  const cuts = lab.cuts.map(
    ({ from, to, network }) =>
      `  lost on ${network}: from ${from ?? "everybody"} to ${to ?? "everybody"}\n`,
  );
  return (
    `The lab ${lab.name} is up.\n${hosts.join("")}${cuts.join("")}` +
    `  root's password is in ${lab.passwordFile}, its key is ${lab.keyFile}\n`
  );
}

function sshArgs(host: PlannedHost, paths: LabPaths): readonly string[] {
  return [...sshOptions(paths), `root@${host.addresses.mgmt}`];
}

async function bootIdOf(host: PlannedHost, paths: LabPaths): Promise<string | null> {
  const ask = [...sshArgs(host, paths), "cat /proc/sys/kernel/random/boot_id"];
  const { code, output } = await run("ssh", ask, { timeoutMs: 10_000 });
  return code === 0 ? output.trim() : null;
}

/** `reboot` as a person types it. Resolves when the host is back, with both boot ids. */
async function rebootFromShell(host: PlannedHost, paths: LabPaths) {
  const bootIdBefore = await bootIdOf(host, paths);
  if (bootIdBefore === null) throw new Refusal(`${host.name} takes no login over SSH.`);
  await run("ssh", [...sshArgs(host, paths), "reboot"], { timeoutMs: 10_000 });
  let bootIdAfter: string | null = null;
  const isBack = await until(
    async () => {
      bootIdAfter = await bootIdOf(host, paths);
      return bootIdAfter !== null && bootIdAfter !== bootIdBefore;
    },
    rebootTimeoutMs,
    200,
  );
  if (!isBack) throw new Refusal(`${host.name} was not back after ${rebootTimeoutMs / 1000} s.`);
  return { bootIdBefore, bootIdAfter };
}

function openSsh(host: PlannedHost, paths: LabPaths, command: readonly string[]): Promise<number> {
  const child = spawn("ssh", [...sshArgs(host, paths), ...command], { stdio: "inherit" });
  return new Promise((resolve) => {
    child.once("error", () => resolve(127));
    child.once("close", (code, signal) => {
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

function orderOf(options: LabOptions): LabRequest {
  const { verb, hosts, networks, oneWay } = options;
  const [a = "", b] = hosts;
  switch (verb) {
    case "power-off":
    case "power-on":
    case "hang":
    case "resume":
    case "xapi-hang":
    case "xapi-resume":
    case "xapi-kill":
      return { verb, host: a };
    case "cut":
    case "heal":
      return { verb, a: hosts.length === 0 ? null : a, b: b ?? null, networks, oneWay };
    case "up":
    case "down":
    case "status":
    case "shell-reboot":
    case "ssh":
      return { verb: "status" };
  }
}

function print(options: LabOptions, answer: object, words: string): void {
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : words);
}

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === undefined || args.includes("--help") || args[0] === "help") {
    process.stdout.write(usage);
    return args[0] === undefined ? 2 : 0;
  }
  const options = readOptions(args);
  const paths = labPaths(options.name);
  const reason = whyImpossible();
  if (reason !== null) throw new Refusal(reason);
  if (options.verb === "down") {
    const wasUp = await endLab(options.name);
    print(options, { status: "down", wasUp }, wasUp ? "The lab is gone.\n" : "No lab was up.\n");
    return 0;
  }
  if (options.verb === "up") await startLab(options);
  if (livingOwner(paths) === null) {
    const isQuestion = options.verb === "status";
    if (!isQuestion) throw new Refusal("No lab is up; `npm run lab -- up` starts one.");
    print(options, { status: "down", wasUp: false }, "No lab is up.\n");
    return 0;
  }
  if (!existsSync(paths.controlSocket)) throw new Refusal("The lab is still starting.");
  return act(options, paths);
}

async function act(options: LabOptions, paths: LabPaths): Promise<number> {
  const plan = readPlan(paths);
  const host = options.hosts[0] === undefined ? null : findHost(plan, options.hosts[0]);
  if (options.verb === "ssh" && host !== null) return openSsh(host, paths, options.command);
  const more = options.verb === "shell-reboot" && host !== null;
  const reboot = more ? await rebootFromShell(host, paths) : {};
  const state = await askLab(paths, orderOf(options));
  if (options.verb === "power-on" && host !== null) await waitForSsh(host);
  const answer = { ...describe(plan, paths, state), ...reboot };
  print(options, answer, inWords(answer));
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isRefusal = error instanceof Refusal;
  const sentence = isRefusal ? error.message : String((error as Error).stack ?? error);
  if (process.argv.includes("--json")) {
    process.stdout.write(`${JSON.stringify({ status: "refused", sentence })}\n`);
  } else {
    process.stderr.write(`${sentence}\n`);
  }
  process.exitCode = 1;
}
