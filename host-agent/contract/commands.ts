/*
 * Everything the console may run on a host besides SFTP, written down once. The console makes its
 * command lines from this list and the demo's SSH server answers nothing outside it. No word of a
 * command needs quoting: every word is one of the plain characters below, so a shell that reads the
 * line can only take it letter by letter.
 */

/** Said exactly like this. They read; none of them changes the host. */
export const readCommands = [
  "id -u",
  "hostname",
  "uname -srm",
  "uptime",
  "date +%s.%N",
  "getconf GNU_LIBC_VERSION",
  "systemctl --version",
  "cat /etc/os-release",
  "cat /etc/xensource-inventory",
  "cat /etc/xensource/pool.conf",
  "cat /proc/sys/kernel/random/boot_id",
  "cat /proc/uptime",
  "df -Pk /opt /etc /var/lib",
  "iptables -w -S",
  "ss -Hlun",
  "xl list",
] as const;

/** Said exactly like this. Each takes the host or its toolstack down. */
export const powerCommands = [
  "reboot",
  "shutdown -r now",
  "shutdown -h now",
  "xe-toolstack-restart",
] as const;

/** Units whose presence or state tells what else looks after this host. */
export const watchedUnits = [
  "skink.service",
  "ha-lizard.service",
  "iscsi-ha.service",
  "drbd.service",
  "xen-watchdog.service",
] as const;

/** Where the console puts files before the agent takes them over. */
export const uploadFolder = "/opt/skink/upload";

export type ReadCommand = (typeof readCommands)[number];
export type PowerCommand = (typeof powerCommands)[number];
export type WatchedUnit = (typeof watchedUnits)[number];

export type HostCommand =
  | { readonly type: "read"; readonly command: ReadCommand }
  | { readonly type: "power"; readonly command: PowerCommand }
  | { readonly type: "is-active"; readonly unit: WatchedUnit }
  /** one echo from one of this host's addresses to another host */
  | { readonly type: "ping"; readonly from: string; readonly to: string }
  | { readonly type: "sha256sum"; readonly path: string }
  /** `PATH.gz` to `PATH` beside it */
  | { readonly type: "gunzip"; readonly path: string }
  | { readonly type: "verb"; readonly program: string; readonly args: readonly string[] };

const address = "[0-9A-Fa-f:.]{2,45}";
const version = "[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}";
const file = "[0-9A-Za-z][0-9A-Za-z._-]{0,127}";
const uploaded = `${uploadFolder}/${file}`;
const program = `(?:/opt/skink/(?:current|previous|releases/${version})/skink|${uploaded})`;
const whole = "[0-9]{1,15}";

const isActiveShape = new RegExp(`^systemctl is-active (${file})$`);
const pingShape = new RegExp(`^ping -n -q -c 1 -W 1 -I (${address}) (${address})$`);
const sha256sumShape = new RegExp(`^sha256sum (${program})$`);
const gunzipShape = new RegExp(`^gzip -d -k -f (${uploaded}\\.gz)$`);
const verbShape = new RegExp(`^(${program}) ([^/].*)$`);

/** Arguments of the agent's verbs; `--json` follows each of them. */
const verbShapes: readonly RegExp[] = [
  "version",
  "state",
  "status",
  "heard",
  "settings",
  "self-test",
  "check-settings",
  "write-host-file",
  "write-key",
  "remove-all",
  "why(?: [0-9A-Fa-f-]{1,64})?",
  `journal(?: --follow)?(?: --after (?:-1|${whole}))?(?: --limit ${whole})?`,
  `put-release --from ${uploaded} --version ${version} --sha256 [0-9a-f]{64}`,
  `link ${version}`,
  `prune-releases(?: --keep ${whole})?`,
  `firewall (?:add|remove|state)(?: --port ${whole})?`,
  "unit (?:write|start|stop|enable|disable|status|remove)",
].map((shape) => new RegExp(`^${shape} --json$`));

const lineLengthMax = 1_024;
/** Letters, digits and what paths and options are made of. No control character, nothing beyond ASCII. */
const plain = /^[0-9A-Za-z ./:=+%_-]+$/;

/** What a command line asks for; null for everything that is not in the list, letter by letter. */
export function parseHostCommand(line: string): HostCommand | null {
  if (line.length > lineLengthMax || !plain.test(line) || hasDotStep(line)) return null;
  const read = readCommands.find((known) => known === line);
  if (read !== undefined) return { type: "read", command: read };
  const power = powerCommands.find((known) => known === line);
  if (power !== undefined) return { type: "power", command: power };
  return parseWithWords(line);
}

function parseWithWords(line: string): HostCommand | null {
  const [, unitName] = isActiveShape.exec(line) ?? [];
  const unit = watchedUnits.find((known) => known === unitName);
  if (unit !== undefined) return { type: "is-active", unit };
  const [, from, to] = pingShape.exec(line) ?? [];
  if (from !== undefined && to !== undefined) return { type: "ping", from, to };
  const [, hashed] = sha256sumShape.exec(line) ?? [];
  if (hashed !== undefined) return { type: "sha256sum", path: hashed };
  const [, packed] = gunzipShape.exec(line) ?? [];
  if (packed !== undefined) return { type: "gunzip", path: packed };
  const [, started, words] = verbShape.exec(line) ?? [];
  if (started === undefined || words === undefined) return null;
  if (!verbShapes.some((shape) => shape.test(words))) return null;
  return { type: "verb", program: started, args: words.split(" ") };
}

/** The line for a command. Throws for one that its own list would not know again. */
export function hostCommandLine(command: HostCommand): string {
  const line = lineOf(command);
  if (parseHostCommand(line)?.type === command.type) return line;
  throw new Error("this command is not in the list of what may run on a host");
}

function lineOf(command: HostCommand): string {
  switch (command.type) {
    case "read":
    case "power":
      return command.command;
    case "is-active":
      return `systemctl is-active ${command.unit}`;
    case "ping":
      return `ping -n -q -c 1 -W 1 -I ${command.from} ${command.to}`;
    case "sha256sum":
      return `sha256sum ${command.path}`;
    case "gunzip":
      return `gzip -d -k -f ${command.path}`;
    case "verb":
      return [command.program, ...command.args].join(" ");
  }
}

function hasDotStep(line: string): boolean {
  return line.split(/[ /]/u).some((step) => step === "." || step === "..");
}
