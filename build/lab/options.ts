import { parseArgs } from "node:util";
import { nameLettersMax } from "./paths.ts";
import { networks, Refusal, type Network } from "./plan.ts";

export const verbs = [
  "up",
  "down",
  "status",
  "power-off",
  "power-on",
  "hang",
  "resume",
  "cut",
  "heal",
  "xapi-hang",
  "xapi-kill",
  "xapi-resume",
  "shell-reboot",
  "ssh",
] as const;
export type Verb = (typeof verbs)[number];

export interface LabOptions {
  readonly verb: Verb;
  /** host names after the verb */
  readonly hosts: readonly string[];
  readonly hostCount: number;
  readonly networks: readonly Network[];
  readonly oneWay: boolean;
  readonly name: string;
  readonly timing: "real" | "fast";
  readonly json: boolean;
  /** what follows `--` */
  readonly command: readonly string[];
}

export const usage = `Usage: npm run lab -- VERB [HOST ...] [options]

  up [--hosts 2|3|4] [--timing real|fast]   start a lab; ends when its hosts take logins
  down, status
  power-off HOST, power-on HOST             the plug, without a word to anybody; and back
  hang HOST, resume HOST                    every process stands still; pings are answered
  cut A [B], heal [A [B]]                   [--network mgmt|storage] [--one-way]
                                            one way: what A sends to B; without B: everybody
  xapi-hang HOST, xapi-resume HOST, xapi-kill HOST
  shell-reboot HOST                         \`reboot\` typed by root; ends when it is back
  ssh HOST [-- COMMAND]
Options: --name NAME (lab): several labs at once; --json: one line of JSON.
A HOST is h1 to h4, or its name. What works and what does not: docs/lab.md.
`;

const hostsWanted: Readonly<Record<Verb, readonly [min: number, max: number]>> = {
  up: [0, 0],
  down: [0, 0],
  status: [0, 0],
  "power-off": [1, 1],
  "power-on": [1, 1],
  hang: [1, 1],
  resume: [1, 1],
  cut: [1, 2],
  heal: [0, 2],
  "xapi-hang": [1, 1],
  "xapi-kill": [1, 1],
  "xapi-resume": [1, 1],
  "shell-reboot": [1, 1],
  ssh: [1, 1],
};

/** Throws a sentence for what it does not understand. */
export function readOptions(args: readonly string[]): LabOptions {
  const at = args.indexOf("--");
  const own = at === -1 ? args : args.slice(0, at);
  const command = at === -1 ? [] : args.slice(at + 1);
  const { values, positionals } = parse(own);
  const [verb = "", ...hosts] = positionals;
  if (!isVerb(verb)) throw new Refusal(`"${verb}" is not a verb of the lab.\n${usage}`);
  const [min, max] = hostsWanted[verb];
  if (hosts.length < min || hosts.length > max) {
    const wanted = min === max ? `${min}` : `${min} to ${max}`;
    throw new Refusal(`${verb} takes ${wanted} hosts, not ${hosts.length}.`);
  }
  if (command.length > 0 && verb !== "ssh") throw new Refusal("Only ssh takes a command after --.");
  return {
    verb,
    hosts,
    hostCount: hostCountOf(values.hosts),
    networks: networksOf(values.network),
    oneWay: values["one-way"],
    name: nameOf(values.name),
    timing: timingOf(values.timing),
    json: values.json,
    command,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        hosts: { type: "string", default: "2" },
        network: { type: "string" },
        "one-way": { type: "boolean", default: false },
        name: { type: "string", default: "lab" },
        timing: { type: "string", default: "real" },
        json: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new Refusal(error instanceof Error ? error.message : String(error));
  }
}

function isVerb(word: string): word is Verb {
  return verbs.some((verb) => verb === word);
}

function hostCountOf(text: string): number {
  const count = Number(text);
  if (count === 2 || count === 3 || count === 4) return count;
  throw new Refusal(`A lab has 2, 3 or 4 hosts, not ${text}.`);
}

function networksOf(text: string | undefined): readonly Network[] {
  if (text === undefined) return networks;
  const found = networks.filter((network) => network === text);
  if (found.length > 0) return found;
  throw new Refusal(`--network ${text} is not one of ${networks.join(", ")}.`);
}

function nameOf(text: string): string {
  if (/^[a-z][a-z0-9]*$/.test(text) && text.length <= nameLettersMax) return text;
  throw new Refusal(
    `A lab's name is up to ${nameLettersMax} small letters and digits, not ${text}.`,
  );
}

function timingOf(text: string): "real" | "fast" {
  if (text === "real" || text === "fast") return text;
  throw new Refusal(`--timing ${text} is not one of real, fast.`);
}
