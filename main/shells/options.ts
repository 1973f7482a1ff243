import { parseArgs } from "node:util";

export const presets = ["two", "sixteen", "large"] as const;
export type Preset = (typeof presets)[number];

/** What a person asked for on the command line. */
export interface Options {
  /** `serve` is `start` that never looks for the desktop window */
  readonly verb: "demo" | "start" | "serve";
  readonly preset: Preset;
  /** 0: the system chooses */
  readonly port: number;
  readonly open: boolean;
  readonly json: boolean;
}

export type ParsedOptions =
  | { readonly status: "ok"; readonly options: Options }
  | { readonly status: "help" }
  | { readonly status: "refused"; readonly sentence: string };

export const usage = `Usage: skink demo|start|serve [options]

  demo     starts a demo pool and opens the console on it
  start    opens the console
  serve    opens the console in browser mode

  --preset two|sixteen|large   size of the demo pool (demo only; two)
  --port N                     port of browser mode on 127.0.0.1 (any free one)
  --no-open                    opens no window or browser, prints the link
  --json                       prints one line of JSON when ready (demo only)
  --help                       this text
`;

const verbs = ["demo", "start", "serve"] as const;

/** Never throws: a mistake comes back as one sentence. */
export function parseOptions(args: readonly string[]): ParsedOptions {
  const [verb, ...rest] = args;
  if (verb === "--help") return { status: "help" };
  const known = verbs.find((candidate) => candidate === verb);
  if (known === undefined) {
    return refused(`"${verb ?? ""}" is not a command. Commands are ${verbs.join(", ")}.`);
  }
  try {
    return checked(known, rest);
  } catch (error) {
    // parseArgs explains itself in a first sentence and adds advice that does not fit here.
    const [first = ""] = (error as Error).message.split(/\.\s/);
    return refused(`${first.replace(/\.$/, "")}. See --help.`);
  }
}

function checked(verb: Options["verb"], rest: readonly string[]): ParsedOptions {
  const { values } = parseArgs({
    args: [...rest],
    strict: true,
    allowPositionals: false,
    options: {
      preset: { type: "string" },
      port: { type: "string" },
      "no-open": { type: "boolean" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) return { status: "help" };
  if (verb !== "demo" && values.preset !== undefined) {
    return refused(`--preset belongs to "demo", not to "${verb}".`);
  }
  if (verb !== "demo" && values.json !== undefined) {
    return refused(`--json belongs to "demo", not to "${verb}".`);
  }
  const preset = presets.find((candidate) => candidate === (values.preset ?? "two"));
  if (preset === undefined) {
    return refused(`--preset ${values.preset ?? ""} is not one of ${presets.join(", ")}.`);
  }
  const port = portNumber(values.port ?? "0");
  if (port === null) {
    return refused(`--port ${values.port ?? ""} is not a port number (0 to 65535).`);
  }
  const json = values.json === true;
  const open = values["no-open"] !== true;
  return { status: "ok", options: { verb, preset, port, open, json } };
}

function portNumber(text: string): number | null {
  if (!/^\d{1,5}$/.test(text)) return null;
  const port = Number(text);
  return port <= 65_535 ? port : null;
}

function refused(sentence: string): ParsedOptions {
  return { status: "refused", sentence };
}
