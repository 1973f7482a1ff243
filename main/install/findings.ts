import type { Finding } from "../contract/install.ts";
import type { PreflightInput } from "./preflight.ts";

/* What was seen on a host, judged. Pure. */

export interface Reach {
  readonly path: string;
  readonly peerName: string;
  readonly address: string;
  readonly state: "reached" | "silent" | "not-tried";
  readonly evidence: string;
}

/** Texts as they came; null where the host has no such program or file. */
export interface HostFacts {
  readonly user: string | null;
  readonly machine: string | null;
  readonly kernel: string | null;
  readonly libc: string | null;
  readonly space: string | null;
  readonly systemd: string | null;
  readonly iptables: string | null;
  readonly osRelease: string | null;
  readonly inventory: string | null;
  readonly udp: string;
  readonly hasKeptFirewall: boolean;
  readonly hasWatchdog: boolean;
  readonly hasBmc: boolean;
  readonly clockOffsetMs: number;
  readonly clockUncertaintyMs: number;
  readonly currentVersion: string | null;
  readonly traces: readonly string[];
  readonly leftovers: readonly string[];
  readonly reaches: readonly Reach[];
}

interface Around {
  readonly input: Pick<PreflightInput, "pool" | "neededBytes">;
  readonly udpPort: number;
  readonly medianOffsetMs: number;
  readonly hostCount: number;
}

export function preflightFindings(facts: HostFacts, around: Around): Finding[] {
  return [
    root(facts),
    arch(facts),
    glibc(facts),
    version(facts),
    systemd(facts),
    ...space(facts, around),
    clock(facts, around),
    firewall(facts),
    udpPort(facts, around),
    ...paths(facts),
    ...pool(facts, around),
    device("watchdog", "A watchdog device is there", "/dev/watchdog", facts.hasWatchdog),
    device("bmc", "A BMC can be reached from inside", "/dev/ipmi0", facts.hasBmc),
    existing(facts),
  ];
}

type Said = Omit<Finding, "id" | "title">;

function finding(id: string, title: string, said: Said): Finding {
  return { id, title, ...said };
}

function passed(sentence: string, evidence: string): Said {
  return { state: "passed", sentence, evidence, fix: null };
}

function failed(sentence: string, evidence: string, fix: string): Said {
  return { state: "failed", sentence, evidence, fix };
}

function review(sentence: string, evidence: string, fix: string): Said {
  return { state: "review", sentence, evidence, fix };
}

function skipped(sentence: string, evidence: string): Said {
  return { state: "skipped", sentence, evidence, fix: null };
}

function root({ user }: HostFacts): Finding {
  const evidence = `id -u: ${user ?? "no answer"}`;
  return finding(
    "root",
    "The login is root",
    user === "0"
      ? passed("The console works as root.", evidence)
      : failed("The login is not root.", evidence, "Log in as root."),
  );
}

function arch({ machine }: HostFacts): Finding {
  const evidence = `uname -m: ${machine ?? "no answer"}`;
  return finding(
    "arch",
    "The agent runs on this processor",
    machine === "x86_64"
      ? passed("The processor is x86_64.", evidence)
      : failed("The agent is built for x86_64 only.", evidence, "Leave this host out."),
  );
}

const libcMin = { major: 2, minor: 17 };

function glibc({ libc }: HostFacts): Finding {
  const evidence = `getconf GNU_LIBC_VERSION: ${libc ?? "no answer"}`;
  const found = /^glibc (\d+)\.(\d+)/u.exec(libc ?? "");
  const major = Number(found?.[1] ?? 0);
  const isNew =
    major > libcMin.major || (major === libcMin.major && Number(found?.[2]) >= libcMin.minor);
  return finding(
    "glibc",
    "glibc is 2.17 or newer",
    isNew
      ? passed(`The host has ${libc ?? ""}.`, evidence)
      : failed("The agent needs glibc 2.17 or newer.", evidence, "Upgrade the host first."),
  );
}

function version({ osRelease, inventory, kernel }: HostFacts): Finding {
  const title = "The host is XCP-ng or XenServer";
  const product = valueOf(inventory, "PRODUCT_BRAND");
  const evidence = [
    valueOf(osRelease, "PRETTY_NAME") ?? "no /etc/os-release",
    `kernel ${kernel ?? "unknown"}`,
    inventory === null ? "no /etc/xensource-inventory" : "has /etc/xensource-inventory",
  ].join(", ");
  if (inventory === null) {
    const sentence = "This does not look like a host of a pool: it has no inventory of XAPI.";
    return finding("version", title, review(sentence, evidence, "Check the address."));
  }
  const name = [product, valueOf(inventory, "PRODUCT_VERSION")].filter(Boolean).join(" ");
  return finding("version", title, passed(`The host runs ${name || "XAPI"}.`, evidence));
}

function systemd({ systemd: text }: HostFacts): Finding {
  const evidence = (text ?? "systemctl: no answer").split("\n")[0] ?? "";
  const found = Number(/^systemd (\d+)/u.exec(evidence)?.[1] ?? 0);
  return finding(
    "systemd",
    "systemd can run the agent",
    found >= 219
      ? passed(`systemd ${found} is there.`, evidence)
      : failed("systemd 219 or newer is needed.", evidence, "Leave this host out."),
  );
}

const smallBytes = 64 * 1_048_576;
/** below this a journal and its rotation would soon fill the disk */
const stateBytes = 192 * 1_048_576;

function space({ space: text }: HostFacts, { input }: Around): Finding[] {
  const rows = (text ?? "").split("\n").slice(1);
  const needs = [
    ["/opt", input.neededBytes],
    ["/var", stateBytes],
    ["/etc", smallBytes],
  ] as const;
  return needs.map(([folder, neededBytes], index) => {
    const columns = rows[index]?.trim().split(/\s+/u) ?? [];
    const freeBytes = Number(columns[3] ?? Number.NaN) * 1_024;
    const evidence = rows[index]?.trim() ?? `df: ${text === null ? "no answer" : "no row"}`;
    const id = `space-${folder.slice(1)}`;
    const title = `${folder} has room`;
    if (!Number.isFinite(freeBytes)) {
      return finding(id, title, skipped(`The room in ${folder} could not be read.`, evidence));
    }
    const words = `${megabytes(freeBytes)} free in ${folder}, ${megabytes(neededBytes)} needed.`;
    return finding(
      id,
      title,
      freeBytes >= neededBytes
        ? passed(words, evidence)
        : failed(words, evidence, `Free some space in ${folder}.`),
    );
  });
}

const clockFineMs = 1_000;
const clockWrongMs = 30_000;

function clock(facts: HostFacts, { medianOffsetMs, hostCount }: Around): Finding {
  const title = "The clock agrees with the other hosts";
  const offsetMs = Math.round(facts.clockOffsetMs - medianOffsetMs);
  const evidence = `${offsetMs} ms from the middle of ${hostCount} hosts, give or take ${Math.ceil(facts.clockUncertaintyMs)} ms`;
  if (!Number.isFinite(facts.clockUncertaintyMs)) {
    return finding("clock", title, skipped("The clock could not be read.", "date: no answer"));
  }
  if (hostCount < 2) {
    return finding("clock", title, skipped("There is no other host to compare with.", evidence));
  }
  const sure = Math.max(0, Math.abs(offsetMs) - facts.clockUncertaintyMs);
  const fix = "Set up NTP on all hosts; heartbeats do not need it, reading the timeline does.";
  const words = `The clock is ${(offsetMs / 1_000).toFixed(1)} s from the other hosts'.`;
  if (sure > clockWrongMs) return finding("clock", title, failed(words, evidence, fix));
  if (sure > clockFineMs) return finding("clock", title, review(words, evidence, fix));
  return finding("clock", title, passed("The clock agrees within a second.", evidence));
}

function firewall({ iptables, hasKeptFirewall }: HostFacts): Finding {
  const title = "The firewall is one the agent can open";
  const kept = hasKeptFirewall ? "kept in /etc/sysconfig/iptables" : "no /etc/sysconfig/iptables";
  const evidence = `${iptables ?? "no iptables"}, ${kept}`;
  if (iptables === null) {
    const sentence = "There is no iptables: no rule will be added.";
    return finding("firewall", title, review(sentence, evidence, "Open the UDP port by hand."));
  }
  if (!hasKeptFirewall) {
    const sentence = "The rule will be added, and is lost at a reboot: the host keeps no rules.";
    return finding("firewall", title, review(sentence, evidence, "Keep rules on this host."));
  }
  return finding("firewall", title, passed("One rule for one UDP port will be added.", evidence));
}

function udpPort(facts: HostFacts, { udpPort: port }: Around): Finding {
  const title = "The UDP port is free";
  const isTaken = portsOf(facts.udp).has(port);
  const evidence = `/proc/net/udp: port ${port} ${isTaken ? "in use" : "not in use"}`;
  if (facts.udp === "") {
    return finding("udp-port", title, skipped("The ports in use could not be read.", "no answer"));
  }
  if (!isTaken) return finding("udp-port", title, passed(`UDP port ${port} is free.`, evidence));
  if (facts.currentVersion !== null) {
    return finding("udp-port", title, passed("The agent that is there uses it.", evidence));
  }
  const sentence = `UDP port ${port} is used by another program.`;
  return finding("udp-port", title, failed(sentence, evidence, "Free the port."));
}

export function portsOf(table: string): ReadonlySet<number> {
  const ports = new Set<number>();
  for (const row of table.split("\n")) {
    const local = /^\s*\d+:\s+[0-9A-F]+:([0-9A-F]{4})\s/u.exec(row)?.[1];
    if (local !== undefined) ports.add(Number.parseInt(local, 16));
  }
  return ports;
}

function paths({ reaches }: HostFacts): Finding[] {
  const names = [...new Set(reaches.map(({ path }) => path))];
  return names.map((path) => {
    const rows = reaches.filter((one) => one.path === path);
    const silent = rows.filter(({ state }) => state === "silent");
    const untried = rows.filter(({ state }) => state === "not-tried");
    const title = `Every host is reached on path ${path}`;
    const id = `path-${path.toLowerCase().replace(/[^a-z0-9]+/gu, "-")}`;
    const evidence = rows
      .map(({ peerName, address, state }) => `${peerName} (${address}): ${state}`)
      .join("; ");
    if (silent.length > 0) {
      const hosts = silent.map(({ peerName }) => `“${peerName}”`).join(", ");
      const fix = "Look at cables, switches and addresses of this path.";
      return finding(id, title, failed(`No answer from ${hosts} on this path.`, evidence, fix));
    }
    if (untried.length > 0) {
      return finding(id, title, skipped("The path could not be tried with ping.", evidence));
    }
    return finding(id, title, passed("Every other host answers on this path.", evidence));
  });
}

function pool({ traces }: HostFacts, { input }: Around): Finding[] {
  const has = (word: string): readonly string[] => traces.filter((path) => path.includes(word));
  const known = input.pool;
  const nativeTitle = "Native HA is off";
  const native =
    known === null
      ? skipped("XAPI could not be asked.", "no connection to XAPI")
      : known.nativeHaEnabled
        ? review(
            "Native HA is on. The agent only observes, and changes nothing about it.",
            "pool.ha_enabled: true",
            "Nothing has to be done to observe.",
          )
        : passed("Native HA is off.", "pool.ha_enabled: false");
  return [
    finding("native-ha", nativeTitle, native),
    trace("ha-lizard", "HA-Lizard", has("ha-lizard"), lizardOf(input.pool)),
    trace("iscsi-ha", "iSCSI-HA", has("iscsi-ha"), null),
    trace("drbd", "DRBD", has("drbd"), input.pool?.replicationTraces.join(" ") || null),
  ];
}

function lizardOf(pool: Around["input"]["pool"]): string | null {
  if (pool?.haLizard.enabled === true) return "The pool's records say that HA-Lizard is on.";
  return pool?.haLizard.configured === true
    ? "The pool's records hold settings of HA-Lizard."
    : null;
}

function trace(id: string, name: string, files: readonly string[], record: string | null): Finding {
  const evidence = [...files, ...(record === null ? [] : [record])].join(", ");
  const title = `No ${name} on this host`;
  if (evidence === "") return finding(id, title, passed("No trace of it was found.", "no trace"));
  const sentence = `${name} was found. The agent only observes and leaves it alone.`;
  return finding(id, title, review(sentence, evidence, `Know that ${name} acts on its own here.`));
}

function device(id: string, title: string, path: string, isThere: boolean): Finding {
  return finding(
    id,
    title,
    isThere
      ? passed(`${path} is there.`, path)
      : skipped(
          `${path} is not there. An agent that observes does not need it.`,
          `${path}: not there`,
        ),
  );
}

function existing({ currentVersion, leftovers }: HostFacts): Finding {
  const title = "Nothing of an older install is in the way";
  const evidence = leftovers.length === 0 ? "none of its folders is there" : leftovers.join(", ");
  if (currentVersion !== null) {
    const words = `Agent ${currentVersion} is installed already.`;
    return finding("existing", title, passed(words, evidence));
  }
  if (leftovers.length === 0) {
    return finding("existing", title, passed("Nothing of Skink is on this host.", evidence));
  }
  const sentence = "An earlier install did not come to its end; this one goes on from there.";
  return finding("existing", title, review(sentence, evidence, "Install, or remove it first."));
}

/** A value of a shell-style file of assignments. */
function valueOf(text: string | null, key: string): string | null {
  const found = new RegExp(`^${key}=['"]?([^'"\n]*)`, "mu").exec(text ?? "");
  return found?.[1] ?? null;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MiB`;
}
