import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { dirname } from "node:path";
import type { StateAnswer, UnitAnswer } from "../../contract/verbs.ts";
import { replaceFile } from "../adapters/replace-file.ts";
import type { CommandLine } from "../command-line.ts";
import { Refusal } from "../command-line.ts";
import { askAgent } from "../control-client.ts";
import type { Layout } from "../layout.ts";
import { acted, answer } from "./output.ts";
import { runProgram } from "./run-program.ts";
import { unitName, unitText } from "./unit-text.ts";

/* The unit's life. Under a trial root only files change: whoever made the root runs the daemon. */

export async function unitVerb(line: CommandLine): Promise<number> {
  const { layout, isJson } = line;
  const act = line.words[1] ?? "";
  switch (act) {
    case "write":
      return acted(isJson, await writeUnit(layout), "The unit is written.");
    case "start":
    case "stop":
      return startOrStop(line, act);
    case "enable":
    case "disable":
      return acted(isJson, enable(layout, act === "enable"), `The unit is ${act}d.`);
    case "status": {
      const value: UnitAnswer = {
        ok: true,
        unit: await unitState(layout),
        isEnabled: isEnabled(layout),
      };
      answer(isJson, value, [
        `The unit is ${value.unit}, ${value.isEnabled ? "" : "not "}enabled.`,
      ]);
      return 0;
    }
    case "remove":
      return acted(isJson, await removeUnit(layout), "No unit of Skink is left.");
    default: {
      const sentence = "unit takes write, start, stop, enable, disable, status or remove.";
      throw new Refusal({ code: "usage", sentence, exitCode: 2 });
    }
  }
}

export async function unitState(layout: Layout): Promise<StateAnswer["unit"]> {
  if (!existsSync(layout.unitFile)) return "absent";
  if (layout.root !== null) {
    const asked = await askAgent(layout.controlSocket, { type: "status" });
    return asked.status === "answered" ? "running" : "stopped";
  }
  const ran = await runProgram("systemctl", ["is-active", unitName]);
  const word = ran.status === "ended" ? ran.stdout.trim() : "";
  if (word === "active") return "running";
  // "activating" is a unit whose process ended and is started again and again.
  return word === "failed" || word === "activating" ? "failed" : "stopped";
}

export async function removeUnit(layout: Layout): Promise<boolean> {
  const wasThere = existsSync(layout.unitFile) || isEnabled(layout);
  if (layout.root === null && existsSync(layout.unitFile)) await systemctl(["stop", unitName]);
  rmSync(layout.unitLink, { force: true });
  rmSync(layout.unitFile, { force: true });
  if (wasThere) await reload(layout);
  return wasThere;
}

async function writeUnit(layout: Layout): Promise<boolean> {
  if (existsSync(layout.unitFile) && readFileSync(layout.unitFile, "utf8") === unitText) {
    return false;
  }
  await replaceFile(layout.unitFile, unitText, 0o644);
  await reload(layout);
  return true;
}

async function startOrStop(line: CommandLine, act: "start" | "stop"): Promise<number> {
  const { layout, isJson } = line;
  if (!existsSync(layout.unitFile)) {
    const sentence = "There is no unit on this host.";
    throw new Refusal({ code: "no-unit", sentence, nextStep: "skink unit write" });
  }
  if (layout.root !== null) {
    return acted(isJson, false, "Under a trial root no process is started or stopped.");
  }
  const before = await unitState(layout);
  await systemctl([act, unitName]);
  const after = await unitState(layout);
  return acted(isJson, before !== after, `The unit is ${after}.`);
}

function enable(layout: Layout, wanted: boolean): boolean {
  if (isEnabled(layout) === wanted) return false;
  if (!wanted) {
    rmSync(layout.unitLink, { force: true });
    return true;
  }
  // The link that `systemctl enable` makes, also where no systemd runs.
  mkdirSync(dirname(layout.unitLink), { recursive: true, mode: 0o755 });
  symlinkSync("/etc/systemd/system/skink.service", layout.unitLink);
  return true;
}

function isEnabled(layout: Layout): boolean {
  return lstatSync(layout.unitLink, { throwIfNoEntry: false }) !== undefined;
}

async function reload(layout: Layout): Promise<void> {
  if (layout.root === null) await systemctl(["daemon-reload"]);
}

async function systemctl(args: readonly string[]): Promise<void> {
  const ran = await runProgram("systemctl", args, 60_000);
  if (ran.status === "ended" && ran.code === 0) return;
  const said = ran.status === "ended" ? ran.stderr.trim() : "it is not there";
  const sentence = `systemctl ${args[0] ?? ""} failed: ${said}`;
  throw new Refusal({ code: "systemd-failed", sentence, nextStep: `journalctl -u ${unitName}` });
}
