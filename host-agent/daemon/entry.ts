import { Refusal, readCommandLine } from "./command-line.ts";
import type { CommandLine } from "./command-line.ts";
import { showHeard, showJournal, showSettings, showStatus, showWhy } from "./verbs/ask.ts";
import { runDaemon } from "./verbs/daemon.ts";
import { firewallVerb } from "./verbs/firewall.ts";
import { checkSettingsVerb, writeHostFile, writeKey } from "./verbs/identity.ts";
import { removeAll, showState } from "./verbs/inventory.ts";
import { answer, sayJson } from "./verbs/output.ts";
import { linkRelease, pruneReleases, putRelease } from "./verbs/releases.ts";
import { selfTest } from "./verbs/self-test.ts";
import { unitVerb } from "./verbs/unit.ts";
import { agentVersion, protocolVersion } from "./version.ts";

/* The program `skink` on a host: the daemon, the questions to it, and what the console runs over SSH. */

type Verb = (line: CommandLine) => Promise<number>;

const verbs: Readonly<Record<string, { run: Verb; what: string }>> = {
  daemon: { run: runDaemon, what: "watches the peers until it is asked to stop" },
  status: { run: showStatus, what: "what the agent sees now" },
  journal: { run: showJournal, what: "[--follow] [--after SEQ] [--limit N]: what it saw" },
  why: { run: showWhy, what: "[HOST]: why a host is seen as it is" },
  heard: { run: showHeard, what: "which peers are heard on which path now" },
  settings: { run: showSettings, what: "the settings in force" },
  "self-test": { run: selfTest, what: "whether everything that has to hold does" },
  "check-settings": { run: checkSettingsVerb, what: "settings from standard input" },
  state: { run: showState, what: "what of Skink is on this host" },
  "put-release": { run: putRelease, what: "--from FILE --version V --sha256 H" },
  link: { run: linkRelease, what: "V: makes a release current" },
  "prune-releases": { run: pruneReleases, what: "[--keep N]: all but current and previous" },
  "write-host-file": { run: writeHostFile, what: "host file from standard input" },
  "write-key": { run: writeKey, what: "pool key from standard input" },
  firewall: { run: firewallVerb, what: "add|remove|state [--port N]" },
  unit: { run: unitVerb, what: "write|start|stop|enable|disable|status|remove" },
  "remove-all": { run: removeAll, what: "leaves nothing of Skink on this host" },
  version: { run: showVersion, what: "what this file is" },
};

function showVersion(line: CommandLine): Promise<number> {
  const platform = `${process.platform}-${process.arch}`;
  const value = { ok: true, version: agentVersion, protocol: protocolVersion, platform };
  answer(line.isJson, value, [`skink ${agentVersion} (protocol ${protocolVersion}, ${platform})`]);
  return Promise.resolve(0);
}

async function main(args: readonly string[]): Promise<number> {
  const isJson = args.includes("--json");
  try {
    const line = readCommandLine(args, process.env);
    const name = line.words[0] ?? "";
    const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
    if (verb === undefined) throw new Refusal({ code: "usage", sentence: usage(), exitCode: 2 });
    return await verb.run(line);
  } catch (error) {
    const refusal = error instanceof Refusal ? error : unexpected(error);
    const { code, message: sentence, nextStep } = refusal;
    if (isJson) sayJson({ ok: false, code, sentence, nextStep });
    else process.stderr.write(`${[sentence, nextStep].filter((text) => text !== "").join("\n")}\n`);
    return refusal.exitCode;
  }
}

function unexpected(error: unknown): Refusal {
  const sentence = error instanceof Error ? error.message : String(error);
  return new Refusal({ code: "unexpected", sentence });
}

function usage(): string {
  const rows = Object.entries(verbs).map(([name, { what }]) => `  ${name.padEnd(16)}${what}`);
  return `skink VERB [--json] [--root DIR]\n${rows.join("\n")}`;
}

// A reader that has gone (`skink journal | head`) is the end, not a failure.
process.stdout.on("error", () => process.exit(0));
const code = await main(process.argv.slice(2));
// What is still being written to a pipe goes out before the end.
process.stdout.write("", () => process.exit(code));
