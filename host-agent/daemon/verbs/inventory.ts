import { lstatSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { StateAnswer } from "../../contract/verbs.ts";
import type { CommandLine } from "../command-line.ts";
import { readHostFile } from "../host-file.ts";
import type { Layout } from "../layout.ts";
import { firewallState, portOf, removeRule } from "./firewall.ts";
import { acted, answer } from "./output.ts";
import { fileHash, linkedRelease, releasesOf } from "./releases.ts";
import { removeUnit, unitState } from "./unit.ts";

/* All of Skink on this host: what there is, and how all of it goes. */

export async function showState(line: CommandLine): Promise<number> {
  const { layout } = line;
  const value: StateAnswer = {
    ok: true,
    current: linkedRelease(layout.current),
    previous: linkedRelease(layout.previous),
    releases: [...releasesOf(layout)],
    unit: await unitState(layout),
    firewallRule: (await firewallState(layout, portOf(line))).rule,
    hostFile: readHostFile(layout.hostFile).status,
    manifest: await manifestOf(layout),
  };
  const count = Object.keys(value.manifest).length;
  answer(line.isJson, value, [
    `Current release: ${value.current ?? "none"}, previous: ${value.previous ?? "none"}.`,
    `Unit ${value.unit}, firewall rule ${value.firewallRule}, host file ${value.hostFile}.`,
    `${count} files, links and folders.`,
  ]);
  return 0;
}

export async function removeAll(line: CommandLine): Promise<number> {
  const { layout } = line;
  const before = Object.keys(await manifestOf(layout)).length;
  await removeUnit(layout);
  // The program goes last: it may have to do this again. Its files go before the rule, so that a
  // full disk has room for the rewritten rules.
  const [program, ...others] = foldersOf(layout);
  for (const folder of others) rmSync(folder, { recursive: true, force: true });
  const hadRule = await removeRule(layout);
  if (program !== undefined) rmSync(program, { recursive: true, force: true });
  return acted(line.isJson, before > 0 || hadRule, "Nothing of Skink is left on this host.");
}

function foldersOf(layout: Layout): readonly string[] {
  return [layout.program, layout.config, layout.state, layout.run];
}

/** Paths as on the host, without the trial root: SHA-256, "-> target", "folder" or "socket". */
async function manifestOf(layout: Layout): Promise<Record<string, string>> {
  const found: [string, string][] = [];
  const visit = async (path: string): Promise<void> => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return;
    const shown = layout.root === null ? path : path.slice(join(layout.root, "/").length - 1);
    if (stat.isSymbolicLink()) found.push([shown, `-> ${readlinkSync(path)}`]);
    else if (stat.isFile()) found.push([shown, await fileHash(path)]);
    else if (!stat.isDirectory()) found.push([shown, "socket"]);
    else {
      found.push([shown, "folder"]);
      for (const name of readdirSync(path).toSorted()) await visit(join(path, name));
    }
  };
  const drops = `${layout.unitFile}.d`;
  for (const path of [...foldersOf(layout), layout.unitFile, drops, layout.unitLink]) {
    await visit(path);
  }
  return Object.fromEntries(found);
}
