import { parseArgs } from "node:util";
import { layoutUnder } from "./layout.ts";
import type { Layout } from "./layout.ts";

/* What was typed, once, for every verb. */

export interface CommandLine {
  readonly words: readonly string[];
  readonly layout: Layout;
  readonly isJson: boolean;
  readonly follow: boolean;
  readonly after: number | null;
  readonly limit: number | null;
  readonly from: string | null;
  readonly version: string | null;
  readonly sha256: string | null;
  readonly port: number | null;
  readonly keep: number | null;
  readonly xapiSocket: string;
  readonly domainsFile: string | null;
}

/** What cannot be done as asked; becomes `{ok:false, ...}` and exit status 1. */
export class Refusal extends Error {
  readonly code: string;
  readonly nextStep: string;
  readonly exitCode: number;

  constructor(said: { code: string; sentence: string; nextStep?: string; exitCode?: number }) {
    super(said.sentence);
    this.code = said.code;
    this.nextStep = said.nextStep ?? "";
    this.exitCode = said.exitCode ?? 1;
  }
}

const text = { type: "string" } as const;
const flag = { type: "boolean", default: false } as const;

/** Throws `Refusal` (`usage`). Empty variables of the environment count as absent. */
export function readCommandLine(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): CommandLine {
  const { values, positionals } = parsed(args);
  const layout = layoutUnder(values.root ?? null);
  return {
    words: positionals,
    layout,
    isJson: values.json,
    follow: values.follow,
    after: whole("--after", values.after, -1),
    limit: whole("--limit", values.limit, 1),
    from: values.from ?? null,
    version: values.version ?? null,
    sha256: values.sha256 ?? null,
    port: whole("--port", values.port, 1),
    keep: whole("--keep", values.keep, 0),
    xapiSocket: (values["xapi-socket"] ?? env["SKINK_XAPI_SOCKET"]) || layout.xapiSocket,
    domainsFile: (values["domains-file"] ?? env["SKINK_DOMAINS_FILE"]) || null,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: joinNegative(args),
      allowPositionals: true,
      options: {
        json: flag,
        follow: flag,
        root: text,
        after: text,
        limit: text,
        from: text,
        version: text,
        sha256: text,
        port: text,
        keep: text,
        "xapi-socket": text,
        "domains-file": text,
      },
    });
  } catch (error) {
    throw new Refusal({ code: "usage", sentence: (error as Error).message, exitCode: 2 });
  }
}

/** "--after -1" as one word: a number below zero is otherwise taken for an option. */
function joinNegative(args: readonly string[]): string[] {
  return args.flatMap((word, index) => {
    const next = args[index + 1] ?? "";
    if (/^--[a-z]+$/.test(word) && /^-\d+$/.test(next)) return [`${word}=${next}`];
    return /^-\d+$/.test(word) && /^--[a-z]+$/.test(args[index - 1] ?? "") ? [] : [word];
  });
}

function whole(name: string, value: string | undefined, min: number): number | null {
  if (value === undefined) return null;
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < min) {
    const sentence = `${name} takes a whole number from ${min}.`;
    throw new Refusal({ code: "usage", sentence, exitCode: 2 });
  }
  return number;
}
