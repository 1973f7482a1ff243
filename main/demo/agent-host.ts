import { randomUUID } from "node:crypto";
import { closeSync, mkdirSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { HostRoot } from "../../host-agent/xapi-host/host-root.ts";
import * as files from "../../host-agent/xapi-host/settings.ts";
import type { CommandWires } from "../../host-agent/xapi-host/ssh-server.ts";
import { AgentPrograms } from "./agent-programs.ts";
import { AgentUnit, type AgentUnitTiming } from "./agent-unit.ts";
import type { VerbId } from "../contract/host-commands.ts";
import { runHostCommand, type CommandHost, type HostVerb } from "./host-commands.ts";
import type { Undertaker } from "./undertaker-pipe.ts";

export interface AgentHostOptions {
  /** the host's folder; its root folder is in there */
  readonly dir: string;
  readonly timing: AgentUnitTiming;
  readonly undertaker: Pick<Undertaker, "began" | "ended">;
  readonly facts: Pick<CommandHost, "kernel" | "libc" | "isDiskFull" | "reaches">;
}

const rootFolder = "root";
const leavingFile = "/run/systemd/leaving";
const bootIdFile = "/proc/sys/kernel/random/boot_id";

/**
 * The part of a demo host that is its operating system: the file tree that SFTP shows, the commands
 * of the list, and the service manager's one unit, the agent. It lives and dies with the power.
 */
export class AgentHost {
  readonly root: HostRoot;
  readonly unit: AgentUnit;
  readonly #options: AgentHostOptions;
  readonly #programs: AgentPrograms;

  constructor(options: AgentHostOptions) {
    const { dir, undertaker } = options;
    this.#options = options;
    this.root = new HostRoot(join(dir, rootFolder));
    const [xapi, domains] = [join(dir, files.socketFile), join(dir, files.domainsFile)];
    const standIns = ["--xapi-socket", xapi, "--domains-file", domains];
    this.#programs = new AgentPrograms({ root: this.root, standIns, undertaker });
    this.unit = new AgentUnit({
      root: this.root,
      timing: options.timing,
      start: (program, args) => {
        const log = openSync(join(dir, "agent.log"), "a", 0o600);
        const child = this.#programs.start(program, args, ["ignore", log, log]);
        closeSync(log);
        return child;
      },
    });
  }

  /** A new boot of the operating system: a new boot id, nothing in `/run`, enabled units start. */
  boot(): void {
    this.#renew("/run");
    const id = this.root.entry(bootIdFile);
    mkdirSync(dirname(id), { recursive: true });
    writeFileSync(id, `${randomUUID()}\n`);
    this.unit.boot();
  }

  /** The first thing a shutdown in order does. The agent reads why, and tells its peers. */
  stop(how: "reboot" | "shutdown"): Promise<void> {
    const leaving = this.root.entry(leavingFile);
    mkdirSync(dirname(leaving), { recursive: true });
    writeFileSync(leaving, `${how}\n`);
    return this.unit.stop();
  }

  /** Everything that runs ends at once. */
  async cutPower(): Promise<void> {
    this.unit.forget();
    await this.#programs.killAll();
  }

  /** Null for what is not in the list. */
  run(line: string, wires: CommandWires): Promise<number> | null {
    const { facts } = this.#options;
    const host: CommandHost = {
      ...facts,
      root: this.root,
      runVerb: (verb, to) => this.#runVerb(verb, to),
    };
    return runHostCommand(line, host, wires);
  }

  #runVerb(verb: HostVerb, wires: CommandWires): Promise<number> | null {
    // The folder is on a disk of this computer that has room: a full one is acted out here.
    if (this.#options.facts.isDiskFull() && writing.has(verb.id)) return noSpace(wires.stdout);
    // Under a folder for a root, the program leaves processes to whoever made the folder.
    if (verb.id === "unitStart") return this.#startUnit(wires);
    if (verb.id === "unitStop") return this.#stopUnit(wires);
    if (verb.id === "unitRemove" || verb.id === "removeAll") {
      return this.unit.stop().then(() => this.#runProgram(verb, wires) ?? notThere);
    }
    if (verb.id !== "putRelease") return this.#runProgram(verb, wires);
    return this.#runProgram({ ...verb, args: this.#inRoot(verb.args) }, wires);
  }

  #startUnit({ stdout }: CommandWires): Promise<number> {
    if (this.unit.state === "absent") return noUnit(stdout);
    const changed = this.unit.state !== "running";
    this.unit.start();
    return told(stdout, { ok: true, changed, sentence: `The unit is ${this.unit.state}.` });
  }

  async #stopUnit({ stdout }: CommandWires): Promise<number> {
    if (this.unit.state === "absent") return noUnit(stdout);
    const changed = this.unit.state !== "stopped";
    await this.unit.stop();
    return told(stdout, { ok: true, changed, sentence: "The unit is stopped." });
  }

  /** The file to take over is a path of the host, which the program would look for outside. */
  #inRoot(args: readonly string[]): readonly string[] {
    const at = args.indexOf("--from") + 1;
    return args.map((word, index) => (index === at ? this.root.follow(word) : word));
  }

  #runProgram(verb: HostVerb, wires: CommandWires): Promise<number> | null {
    const child = this.#programs.start(verb.program, verb.args, ["pipe", "pipe", "pipe"]);
    if (child === null) return null;
    // A program that ends without reading closes its input; that is its right.
    child.stdin?.on("error", () => undefined);
    if (child.stdin !== null) wires.stdin.pipe(child.stdin);
    child.stdout?.pipe(wires.stdout, { end: false });
    child.stderr?.pipe(wires.stderr, { end: false });
    const end = (): void => void child.kill("SIGTERM");
    wires.gone.addEventListener("abort", end, { once: true });
    return new Promise((resolve) => {
      child.once("error", () => resolve(cannotExecute));
      child.once("close", (code) => {
        wires.gone.removeEventListener("abort", end);
        resolve(code ?? killed);
      });
    });
  }

  #renew(path: string): void {
    const folder = this.root.entry(path);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
}

/** Verbs that put a file or a link on the disk. */
const writing: ReadonlySet<VerbId> = new Set([
  "putRelease",
  "link",
  "writeHostFile",
  "writeKey",
  "firewallAdd",
  "unitWrite",
  "unitEnable",
]);

const cannotExecute = 126;
const notThere = 127;
const killed = 137;

function told(stdout: CommandWires["stdout"], value: unknown, code = 0): Promise<number> {
  stdout.write(`${JSON.stringify(value)}\n`);
  return Promise.resolve(code);
}

function noSpace(stdout: CommandWires["stdout"]): Promise<number> {
  const sentence = "ENOSPC: no space left on device";
  return told(stdout, { ok: false, code: "unexpected", sentence, nextStep: "" }, 1);
}

function noUnit(stdout: CommandWires["stdout"]): Promise<number> {
  const sentence = "There is no unit on this host.";
  return told(stdout, { ok: false, code: "no-unit", sentence, nextStep: "skink unit write" }, 1);
}

export interface RootFacts {
  readonly hostUuid: string;
  readonly hostName: string;
  readonly productBrand: string;
  readonly productVersion: string;
  /** the public half, as OpenSSH writes it in a line */
  readonly sshPublicKey: string;
}

/** The files of a freshly installed host that somebody may look at. */
export function writeRoot(dir: string, facts: RootFacts): void {
  const root = join(dir, rootFolder);
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const path of ["/opt", "/run", "/root", "/tmp", "/var/lib", "/etc/systemd/system"]) {
    mkdirSync(join(root, path), { recursive: true });
  }
  put("/etc/xensource-inventory", inventoryText(facts));
  put("/etc/os-release", osReleaseText(facts));
  put("/etc/hostname", `${facts.hostName}\n`);
  put("/etc/ssh/ssh_host_ed25519_key.pub", `${facts.sshPublicKey}\n`);
  put("/etc/sysconfig/iptables", firewallText);
  put("/proc/net/udp", "  sl  local_address rem_address   st tx_queue rx_queue\n");
  // The file itself is on the host's disk, where XAPI replaces it.
  mkdirSync(join(root, "/etc/xensource"), { recursive: true });
  symlinkSync("../../../disk/pool.conf", join(root, "/etc/xensource/pool.conf"));
}

function inventoryText(facts: RootFacts): string {
  const values = {
    PRODUCT_BRAND: facts.productBrand,
    PRODUCT_VERSION: facts.productVersion,
    INSTALLATION_UUID: facts.hostUuid,
    MANAGEMENT_INTERFACE: "xenbr0",
    MANAGEMENT_ADDRESS_TYPE: "IPv4",
  };
  return `${Object.entries(values)
    .map(([key, value]) => `${key}='${value}'`)
    .join("\n")}\n`;
}

function osReleaseText({ productBrand, productVersion }: RootFacts): string {
  return [
    `NAME="${productBrand}"`,
    `VERSION="${productVersion}"`,
    `ID="${productBrand.toLowerCase()}"`,
    'ID_LIKE="centos rhel fedora"',
    `VERSION_ID="${productVersion}"`,
    `PRETTY_NAME="${productBrand} ${productVersion}"`,
    "",
  ].join("\n");
}

const firewallText = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:RH-Firewall-1-INPUT - [0:0]
-A INPUT -j RH-Firewall-1-INPUT
-A FORWARD -j RH-Firewall-1-INPUT
-A RH-Firewall-1-INPUT -i lo -j ACCEPT
-A RH-Firewall-1-INPUT -p icmp --icmp-type any -j ACCEPT
-A RH-Firewall-1-INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A RH-Firewall-1-INPUT -m conntrack --ctstate NEW -m tcp -p tcp --dport 22 -j ACCEPT
-A RH-Firewall-1-INPUT -m conntrack --ctstate NEW -m tcp -p tcp --dport 443 -j ACCEPT
-A RH-Firewall-1-INPUT -j REJECT --reject-with icmp-host-prohibited
COMMIT
`;
