import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureImage } from "./image.ts";
import { livingOwner, startOf, sweep, sweepAll } from "./leftovers.ts";
import { provide } from "./needs.ts";
import type { LabOptions } from "./options.ts";
import { compileCache, labPaths, labsFolder, repository } from "./paths.ts";
import type { LabPaths } from "./paths.ts";
import { Refusal, type LabPlan, type PlannedHost } from "./plan.ts";
import { isSshThere, isXapiThere } from "./ready.ts";
import { askLab } from "./requests.ts";
import { must, run, until } from "./run.ts";

const startTimeoutMs = 20_000;
const readyTimeoutMs = 60_000;
const hostDiskMib = 1_536;
const firstHostByte = 11;
const operatorByte = 254;
const subnetsMax = 250;

const tell = (sentence: string): void => void process.stderr.write(`${sentence}\n`);

/** Starts a lab. Resolves when every host takes logins (SSH, XAPI); undoes it all otherwise. */
export async function startLab(options: LabOptions): Promise<LabPlan> {
  await provide(tell);
  const paths = labPaths(options.name);
  if (livingOwner(paths) !== null) {
    throw new Refusal(`The lab ${options.name} is up already; \`npm run lab -- down\` ends it.`);
  }
  const image = await ensureImage(tell);
  await sweepAll();
  await sweep(options.name);
  mkdirSync(labsFolder, { recursive: true });
  mkdirSync(paths.folder, { mode: 0o700 });
  // Until the lab has a process of its own, nobody else may take the folder for a leftover.
  writeOwner(paths, process.pid);
  try {
    const plan = await prepare(options, paths, image);
    await launch(plan, paths);
    await waitUntilReady(plan, paths);
    return plan;
  } catch (error) {
    await endLab(options.name);
    throw error;
  }
}

/** Ends a lab and removes all of it. False when none was up. */
export async function endLab(name: string): Promise<boolean> {
  const paths = labPaths(name);
  const owner = livingOwner(paths);
  if (owner !== null && owner !== process.pid) {
    await askLab(paths, { verb: "down" }).catch(() => undefined);
    const isGone = await until(() => livingOwner(paths) === null, startTimeoutMs);
    if (!isGone) {
      process.kill(owner, "SIGKILL");
      await until(() => livingOwner(paths) === null, startTimeoutMs);
    }
  }
  await sweep(name);
  return owner !== null;
}

async function prepare(options: LabOptions, paths: LabPaths, image: string): Promise<LabPlan> {
  const subnet = await freeSubnet(options.name);
  const ids = Array.from({ length: options.hostCount }, (_, index) => `h${index + 1}`);
  const addressesOf = (index: number): PlannedHost["addresses"] => ({
    mgmt: `10.77.${subnet}.${firstHostByte + index}`,
    storage: `10.78.${subnet}.${firstHostByte + index}`,
  });
  mkdirSync(paths.disks);
  mkdirSync(paths.pool, { mode: 0o700 });
  mkdirSync(compileCache, { recursive: true });
  writeFileSync(paths.passwordFile, randomBytes(9).toString("base64url"), { mode: 0o600 });
  const [made] = await Promise.all([
    makePool(
      paths,
      options,
      ids.map((_, index) => addressesOf(index).mgmt),
    ),
    ...[paths.keyFile, ...ids.map((id) => join(paths.pool, `ssh-${id}`))].map(makeKey),
  ]);
  const hosts = made.map((host, index) => ({
    ...host,
    id: ids[index] ?? "",
    addresses: addressesOf(index),
  }));
  const plan: LabPlan = {
    name: options.name,
    hosts,
    operatorAddress: `10.77.${subnet}.${operatorByte}`,
    image,
    hostDiskMib,
  };
  writeFileSync(paths.planFile, JSON.stringify(plan), { mode: 0o600 });
  writeFileSync(paths.knownHostsFile, hosts.map((host) => knownHost(host, paths)).join(""));
  return plan;
}

/** A third octet whose management network this machine has no route to. */
async function freeSubnet(name: string): Promise<number> {
  const { output } = await run("ip", ["-4", "route", "show"]);
  const wish = createHash("sha256").update(name).digest().readUInt16BE(0) % subnetsMax;
  for (let step = 0; step < subnetsMax; step += 1) {
    const subnet = 1 + ((wish + step) % subnetsMax);
    if (!output.includes(`10.77.${subnet}.`)) return subnet;
  }
  throw new Refusal("Every network from 10.77.1.0 to 10.77.250.0 is in use on this machine.");
}

/** The pool's database, certificates and settings are made by the rooms that know them. */
async function makePool(
  paths: LabPaths,
  options: LabOptions,
  addresses: readonly string[],
): Promise<readonly Pick<PlannedHost, "name" | "uuid" | "controlDomainUuid">[]> {
  const program = join(repository, "test/lab/pool-files.ts");
  const order = {
    folder: paths.pool,
    passwordFile: paths.passwordFile,
    timing: options.timing,
    addresses,
  };
  const output = await must(process.execPath, ["--disable-warning=ExperimentalWarning", program], {
    input: JSON.stringify(order),
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
  });
  return JSON.parse(output) as Pick<PlannedHost, "name" | "uuid" | "controlDomainUuid">[];
}

async function makeKey(file: string): Promise<void> {
  await must("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", file]);
}

function knownHost(host: PlannedHost, paths: LabPaths): string {
  const [type, key] = readFileSync(join(paths.pool, `ssh-${host.id}.pub`), "utf8").split(" ");
  return `${host.addresses.mgmt} ${type} ${key}\n`;
}

/**
 * The lab's first process gets namespaces of its own. A shell comes before it in them, because a
 * first process has to collect the ends of processes that nobody else waits for.
 */
async function launch(plan: LabPlan, paths: LabPaths): Promise<void> {
  const log = openSync(paths.logFile, "a", 0o600);
  const daemon = join(repository, "build/lab/daemon.ts");
  const first = `"$@" & wait $!`;
  const ownNamespaces = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const program = [process.execPath, "--disable-warning=ExperimentalWarning", daemon, plan.name];
  const child = spawn("unshare", [...ownNamespaces, "sh", "-c", first, "sh", ...program], {
    detached: true,
    stdio: ["ignore", log, log],
    cwd: "/",
  });
  closeSync(log);
  child.unref();
  let hasEnded = false;
  child.once("error", () => (hasEnded = true));
  child.once("exit", () => (hasEnded = true));
  writeOwner(paths, child.pid ?? 0);
  const isListening = await until(
    async () => hasEnded || (await askLab(paths, { verb: "status" }).then(yes, no)),
    startTimeoutMs,
  );
  if (isListening && !hasEnded) return;
  const said = readFileSync(paths.logFile, "utf8").trim().split("\n").slice(-6).join(" / ");
  throw new Refusal(`The lab did not start: ${said === "" ? "it said nothing" : said}`);
}

function writeOwner(paths: LabPaths, pid: number): void {
  writeFileSync(paths.ownerFile, JSON.stringify({ pid, startedAt: startOf(pid) }));
}

const yes = (): boolean => true;
const no = (): boolean => false;

async function waitUntilReady(plan: LabPlan, paths: LabPaths): Promise<void> {
  for (const host of plan.hosts) {
    await waitForSsh(host);
    const answers = await until(() => isXapiThere(host, paths), readyTimeoutMs, 100);
    if (!answers) throw new Refusal(`XAPI of ${host.name} does not answer.`);
  }
}

/** Resolves when the host takes a login over SSH; its XAPI may need a minute longer. */
export async function waitForSsh(host: PlannedHost): Promise<void> {
  const isThere = await until(() => isSshThere(host), readyTimeoutMs, 100);
  if (isThere) return;
  throw new Refusal(`${host.name} has no SSH server after ${readyTimeoutMs / 1000} s.`);
}
