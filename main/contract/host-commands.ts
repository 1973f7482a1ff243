/*
 * Everything that may be run on a host over SSH, besides SFTP. A command is words joined by single
 * spaces; no word can hold anything a shell treats specially, so the shell at the other end has
 * nothing to interpret. The same table builds the lines here and checks them at a server.
 */

/** Below a trial folder or none. */
const prefix = "(?:/[0-9A-Za-z_][0-9A-Za-z._-]{0,127}){0,12}/opt/skink/";
const release = "releases/[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}/skink";

/** What a word may be. Every kind is a subset of `safeWord`. */
const kinds = {
  address:
    /^(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|(?=[0-9a-f:]*:)[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})$/u,
  version: /^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$/u,
  sha256: /^[0-9a-f]{64}$/u,
  port: /^[1-9][0-9]{0,4}$/u,
  sequence: /^(?:-1|0|[1-9][0-9]{0,15})$/u,
  /** a folder for trials: absolute, no dot folders, nothing special */
  root: /^(?:\/[0-9A-Za-z_][0-9A-Za-z._-]{0,127}){1,12}$/u,
  /** a program of Skink's: uploaded, a release, or the current one */
  program: new RegExp(`^${prefix}(?:upload/[0-9a-f]{64}|${release}|current/skink)$`, "u"),
  /** a file that was uploaded, or a program of a release */
  file: new RegExp(`^${prefix}(?:upload/[0-9a-f]{64}(?:[.]gz)?|${release})$`, "u"),
} as const;

const safeWord = /^[0-9A-Za-z@%+=:,./_-]+$/u;

type Kind = keyof typeof kinds;
type Word = string | { readonly kind: Kind };

const of = (kind: Kind): Word => ({ kind });

/** Looks only; nothing of Skink is needed on the host. */
const looks = {
  user: ["id", "-u"],
  machine: ["uname", "-m"],
  kernel: ["uname", "-r"],
  libc: ["getconf", "GNU_LIBC_VERSION"],
  time: ["date", "+%s%N"],
  space: ["df", "-P", "-k", "/opt", "/var", "/etc"],
  systemd: ["systemctl", "--version"],
  iptables: ["iptables", "-V"],
  ping: ["ping", "-c", "1", "-W", "1", of("address")],
  hash: ["sha256sum", "--", of("file")],
} satisfies Record<string, readonly Word[]>;

/** Writes a file beside the uploaded one, before anything uploaded is run. */
const writes = {
  unpack: ["gzip", "-d", "-f", "--", of("file")],
} satisfies Record<string, readonly Word[]>;

/** Verbs of the uploaded program; each ends with --json and, in trials, --root DIR. */
const verbs = {
  version: [of("program"), "version"],
  state: [of("program"), "state"],
  status: [of("program"), "status"],
  heard: [of("program"), "heard"],
  selfTest: [of("program"), "self-test"],
  journal: [of("program"), "journal", "--follow", "--after", of("sequence")],
  why: [of("program"), "why"],
  checkSettings: [of("program"), "check-settings"],
  putRelease: [
    of("program"),
    "put-release",
    "--from",
    of("file"),
    "--version",
    of("version"),
    "--sha256",
    of("sha256"),
  ],
  link: [of("program"), "link", of("version")],
  pruneReleases: [of("program"), "prune-releases", "--keep", "0"],
  writeHostFile: [of("program"), "write-host-file"],
  writeKey: [of("program"), "write-key"],
  firewallState: [of("program"), "firewall", "state"],
  firewallAdd: [of("program"), "firewall", "add", "--port", of("port")],
  firewallRemove: [of("program"), "firewall", "remove"],
  unitWrite: [of("program"), "unit", "write"],
  unitEnable: [of("program"), "unit", "enable"],
  unitDisable: [of("program"), "unit", "disable"],
  unitStart: [of("program"), "unit", "start"],
  unitStop: [of("program"), "unit", "stop"],
  unitRemove: [of("program"), "unit", "remove"],
  removeAll: [of("program"), "remove-all"],
} satisfies Record<string, readonly Word[]>;

const plain: Readonly<Record<string, readonly Word[]>> = { ...looks, ...writes };
const withJson: Readonly<Record<string, readonly Word[]>> = verbs;

export type LookId = keyof typeof looks | keyof typeof writes;
export type VerbId = keyof typeof verbs;
export type CommandId = LookId | VerbId;

export interface HostCommand {
  readonly id: CommandId;
  readonly argv: readonly string[];
  /** what is sent: the words joined by spaces */
  readonly line: string;
  /** the trial folder of a verb, null on a real host and for plain commands */
  readonly root: string | null;
}

/** A value that is not of its kind; a mistake of the caller, or somebody trying. */
export class UnsafeWord extends Error {
  constructor(kind: string) {
    super(`a command of the host list was given a word that is no ${kind}`);
    this.name = "UnsafeWord";
  }
}

/** `words` fill the template's places in order. Throws `UnsafeWord`. */
export function lookCommand(id: LookId, ...words: readonly string[]): HostCommand {
  const argv = fill(plain[id] ?? [], words);
  return { id, argv, line: argv.join(" "), root: null };
}

/** Throws `UnsafeWord`. `root`: the trial folder, null on a real host. */
export function verbCommand(
  id: VerbId,
  root: string | null,
  ...words: readonly string[]
): HostCommand {
  const head = fill(withJson[id] ?? [], words);
  const tail = root === null ? ["--json"] : ["--json", "--root", checked("root", root)];
  const argv = [...head, ...tail];
  return { id, argv, line: argv.join(" "), root };
}

/** The command a line stands for; null when it is not in the list, letter by letter. */
export function readHostCommand(line: string): HostCommand | null {
  if (line.length > 4_096) return null;
  const argv = line.split(" ");
  if (!argv.every((word) => safeWord.test(word))) return null;
  for (const [id, template] of Object.entries(plain)) {
    if (fits(template, argv)) return { id: id as CommandId, argv, line, root: null };
  }
  const rootAt = argv.at(-2) === "--root" ? argv.length - 2 : argv.length;
  const root = rootAt === argv.length ? null : (argv.at(-1) ?? "");
  if (root !== null && !kinds.root.test(root)) return null;
  if (argv[rootAt - 1] !== "--json") return null;
  const head = argv.slice(0, rootAt - 1);
  for (const [id, template] of Object.entries(withJson)) {
    if (fits(template, head)) return { id: id as CommandId, argv, line, root };
  }
  return null;
}

export function isAddress(text: string): boolean {
  return kinds.address.test(text);
}

function fits(template: readonly Word[], argv: readonly string[]): boolean {
  if (template.length !== argv.length) return false;
  return template.every((word, index) => {
    const given = argv[index] ?? "";
    return typeof word === "string" ? word === given : kinds[word.kind].test(given);
  });
}

function fill(template: readonly Word[], words: readonly string[]): readonly string[] {
  let used = 0;
  const argv = template.map((word) => {
    if (typeof word === "string") return word;
    const value = words[used];
    used += 1;
    return checked(word.kind, value ?? "");
  });
  if (used !== words.length) throw new UnsafeWord("word of this command");
  return argv;
}

function checked(kind: Kind, value: string): string {
  if (kinds[kind].test(value) && safeWord.test(value)) return value;
  throw new UnsafeWord(kind);
}
