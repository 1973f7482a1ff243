import { readFileSync, statSync } from "node:fs";
import type { FirewallAnswer } from "../../contract/verbs.ts";
import { replaceFile } from "../adapters/replace-file.ts";
import type { CommandLine } from "../command-line.ts";
import { Refusal } from "../command-line.ts";
import { readHostFile } from "../host-file.ts";
import type { Layout } from "../layout.ts";
import { dom0Chain, isOwnRule, isRuleFor, ruleWords } from "./firewall-rules.ts";
import { withoutRule, withRule, wordsOf } from "./firewall-rules.ts";
import { acted, answer } from "./output.ts";
import { runProgram } from "./run-program.ts";

const defaultPort = 7694;

export async function firewallVerb(line: CommandLine): Promise<number> {
  const act = line.words[1] ?? "";
  switch (act) {
    case "state": {
      const state = await firewallState(line.layout, portOf(line));
      answer(line.isJson, state, [
        `Rule ${state.rule} (now ${state.live}, kept ${state.persisted}).`,
      ]);
      return 0;
    }
    case "add": {
      const changed = await addRule(line.layout, portOf(line));
      const state = await firewallState(line.layout, portOf(line));
      return acted(line.isJson, changed, `The firewall rule is ${state.rule}.`);
    }
    case "remove": {
      const changed = await removeRule(line.layout);
      return acted(line.isJson, changed, "No firewall rule of Skink is left.");
    }
    default: {
      const sentence = "firewall takes add, remove or state.";
      throw new Refusal({ code: "usage", sentence, exitCode: 2 });
    }
  }
}

export async function firewallState(layout: Layout, port: number): Promise<FirewallAnswer> {
  const rows = await liveRows(layout);
  const text = readOrNull(layout.firewallFile);
  const live = rows === null ? "unknown" : word(rows.some((row) => isRuleFor(row, port)));
  const kept = text?.split("\n") ?? null;
  const persisted = kept === null ? "unknown" : word(kept.some((row) => isRuleFor(row, port)));
  const known = [live, persisted].filter((each) => each !== "unknown");
  const whole = known.every((each) => each === "present") ? "present" : "absent";
  return { ok: true, rule: known.length === 0 ? "unmanaged" : whole, live, persisted };
}

export async function removeRule(layout: Layout): Promise<boolean> {
  let changed = false;
  for (const row of ((await liveRows(layout)) ?? []).filter(isOwnRule)) {
    await iptables(["-D", ...wordsOf(row).slice(1)]);
    changed = true;
  }
  return (await rewrite(layout, withoutRule)) || changed;
}

/** The port of the host file, else the usual one. */
export function portOf(line: CommandLine): number {
  if (line.port !== null) return line.port;
  const checked = readHostFile(line.layout.hostFile);
  return checked.status === "valid" ? checked.hostFile.udpPort : defaultPort;
}

async function addRule(layout: Layout, port: number): Promise<boolean> {
  let changed = false;
  const rows = await liveRows(layout);
  if (rows !== null) {
    const own = rows.filter(isOwnRule);
    const right = own.find((row) => isRuleFor(row, port));
    for (const row of own.filter((each) => each !== right)) {
      await iptables(["-D", ...wordsOf(row).slice(1)]);
      changed = true;
    }
    if (right === undefined) {
      const chain = rows.some((row) => row.startsWith(`-N ${dom0Chain}`)) ? dom0Chain : "INPUT";
      await iptables(["-I", chain, "1", ...ruleWords(port)]);
      changed = true;
    }
  }
  return (await rewrite(layout, (text) => withRule(text, port))) || changed;
}

/** Rules in the kernel as `iptables -S` prints them; null where there is no iptables to ask. */
async function liveRows(layout: Layout): Promise<readonly string[] | null> {
  if (layout.root !== null) return null;
  const ran = await runProgram("iptables", ["-w", "-S"]);
  if (ran.status === "absent" || ran.code !== 0) return null;
  return ran.stdout.split("\n");
}

async function iptables(args: readonly string[]): Promise<void> {
  const ran = await runProgram("iptables", ["-w", ...args]);
  if (ran.status === "ended" && ran.code === 0) return;
  const said = ran.status === "ended" ? ran.stderr.trim() : "it is not there";
  throw new Refusal({ code: "firewall-failed", sentence: `iptables refused: ${said}` });
}

async function rewrite(layout: Layout, change: (text: string) => string): Promise<boolean> {
  const text = readOrNull(layout.firewallFile);
  if (text === null) return false;
  const wanted = change(text);
  if (wanted === text) return false;
  const mode = statSync(layout.firewallFile).mode & 0o777;
  await replaceFile(layout.firewallFile, wanted, mode);
  return true;
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // A host that keeps no rules in this file.
    return null;
  }
}

function word(isPresent: boolean): "present" | "absent" {
  return isPresent ? "present" : "absent";
}
