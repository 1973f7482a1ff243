import { spawn } from "node:child_process";
import { createReadStream, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { sshOptions } from "../../build/lab/ssh.ts";

/*
 * A lab for tests and benches: each call is one `npm run lab` verb in a process of its own, so what
 * is tested is what a person types. Only SSH is called directly, with the same options.
 */

const labProgram = fileURLToPath(new URL("../../build/lab/main.ts", import.meta.url));

export type LabNetwork = "mgmt" | "storage";

export interface LabHost {
  /** h1 to h4; h1 is the coordinator at first */
  readonly id: string;
  readonly name: string;
  readonly uuid: string;
  readonly state: "on" | "off" | "hung";
  readonly isXapiHung: boolean;
  readonly boots: number;
  /** reachable from this machine: SSH on 22, XAPI on 443 */
  readonly managementAddress: string;
  /** reachable from the other hosts only */
  readonly storageAddress: string;
  readonly sshPort: number;
  readonly xapiUrl: string;
  /** PEM */
  readonly certificateFile: string;
  /** what the host's console showed */
  readonly logFile: string;
}

export interface LabStatus {
  readonly status: "up";
  readonly name: string;
  readonly hosts: readonly LabHost[];
  readonly user: string;
  readonly keyFile: string;
  readonly passwordFile: string;
  readonly knownHostsFile: string;
  readonly cuts: readonly {
    readonly from: string | null;
    readonly to: string | null;
    readonly network: LabNetwork;
  }[];
}

export interface Ran {
  /** of the command; 255 when the host could not be reached, null when `timeoutMs` passed */
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

export interface CutOptions {
  /** both otherwise */
  readonly network?: LabNetwork;
  /** packets from the first host to the second only */
  readonly oneWay?: boolean;
}

export interface RunOptions {
  /** 15 s otherwise */
  readonly timeoutMs?: number;
  /** standard input: a text, or the bytes of a file */
  readonly input?: string | { readonly file: string };
}

/** Hosts are named by id or name. Every verb rejects with the lab's own sentence. */
export interface Lab {
  /** as `up` answered */
  readonly first: LabStatus;
  readonly hosts: readonly LabHost[];
  readonly password: string;
  status(): Promise<LabStatus>;
  /** Runs a command as root over OpenSSH. */
  ssh(host: string, command: string, options?: RunOptions): Promise<Ran>;
  powerOff(host: string): Promise<void>;
  /** Resolves when the host takes logins again. */
  powerOn(host: string): Promise<void>;
  hang(host: string): Promise<void>;
  resume(host: string): Promise<void>;
  /** Between two hosts, or with `b` null between one and everybody, this machine too. */
  cut(a: string, b: string | null, options?: CutOptions): Promise<void>;
  /** Everything, when no host is named. */
  heal(a?: string, b?: string, options?: CutOptions): Promise<void>;
  xapiHang(host: string): Promise<void>;
  xapiResume(host: string): Promise<void>;
  xapiKill(host: string): Promise<void>;
  shellReboot(host: string): Promise<{ bootIdBefore: string; bootIdAfter: string }>;
  down(): Promise<void>;
}

export interface LabWish {
  /** small letters and digits; labs with different names do not meet */
  readonly name: string;
  readonly hosts?: 2 | 3 | 4;
  /** delays of XAPI: its own, or shortened for tests */
  readonly timing?: "real" | "fast";
}

export async function upLab(wish: LabWish): Promise<Lab> {
  const { name, hosts = 2, timing = "fast" } = wish;
  const first = await verb<LabStatus>(name, ["up", `--hosts=${hosts}`, `--timing=${timing}`]);
  const act = async (...args: readonly string[]): Promise<void> => {
    await verb(name, args);
  };
  return {
    first,
    hosts: first.hosts,
    password: readFileSync(first.passwordFile, "utf8").trim(),
    status: () => verb<LabStatus>(name, ["status"]),
    ssh: (host, command, options = {}) => {
      const found = first.hosts.find((each) => each.id === host || each.name === host);
      const place = `root@${found?.managementAddress ?? "unknown"}`;
      return run("ssh", [...sshOptions(first), place, command], options);
    },
    powerOff: (host) => act("power-off", host),
    powerOn: (host) => act("power-on", host),
    hang: (host) => act("hang", host),
    resume: (host) => act("resume", host),
    cut: (a, b, options = {}) => act("cut", a, ...(b === null ? [] : [b]), ...flags(options)),
    heal: (a, b, options = {}) =>
      act("heal", ...[a, b].filter((each) => each !== undefined), ...flags(options)),
    xapiHang: (host) => act("xapi-hang", host),
    xapiResume: (host) => act("xapi-resume", host),
    xapiKill: (host) => act("xapi-kill", host),
    shellReboot: (host) => verb(name, ["shell-reboot", host]),
    down: () => act("down"),
  };
}

function flags({ network, oneWay }: CutOptions): readonly string[] {
  return [
    ...(network === undefined ? [] : [`--network=${network}`]),
    ...(oneWay === true ? ["--one-way"] : []),
  ];
}

async function verb<T>(name: string, args: readonly string[]): Promise<T> {
  const { code, output, errors } = await run(
    process.execPath,
    [labProgram, ...args, `--name=${name}`, "--json"],
    { timeoutMs: 300_000 },
  );
  const answer = output === "" ? null : (JSON.parse(output) as { readonly sentence?: string });
  if (code !== 0 || answer === null) {
    throw new Error(answer?.sentence ?? `lab ${args.join(" ")} said ${errors}`);
  }
  return answer as T;
}

function run(program: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  const { input = "", timeoutMs = 15_000 } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ["pipe", "pipe", "pipe"],
      timeout: timeoutMs,
    });
    let output = "";
    let errors = "";
    child.stdout.on("data", (part: Buffer) => (output += part.toString()));
    child.stderr.on("data", (part: Buffer) => (errors += part.toString()));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output, errors }));
    // A command that does not read its input to the end has its own answer.
    child.stdin.on("error", () => undefined);
    if (typeof input === "string") child.stdin.end(input);
    else createReadStream(input.file).pipe(child.stdin);
  });
}
