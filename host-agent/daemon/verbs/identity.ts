import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import type { CheckSettingsAnswer } from "../../contract/verbs.ts";
import { replaceFile } from "../adapters/replace-file.ts";
import { checkSettings } from "../adapters/settings-store.ts";
import type { CommandLine } from "../command-line.ts";
import { Refusal } from "../command-line.ts";
import { checkHostFile, parseKey } from "../host-file.ts";
import { acted, answer } from "./output.ts";

/* What a host is told over standard input: a command line is seen by every process of a host. */

export async function writeHostFile(line: CommandLine): Promise<number> {
  const text = await readInput();
  const checked = checkHostFile(text);
  if (checked.status !== "valid") {
    const problems = checked.status === "invalid" ? checked.problems : ["it is empty"];
    const sentence = `The host file is not valid: ${problems.join("; ")}.`;
    throw new Refusal({ code: "invalid-host-file", sentence });
  }
  const wanted = `${JSON.stringify(checked.hostFile, null, 2)}\n`;
  const changed = await put(line, line.layout.hostFile, wanted);
  return acted(line.isJson, changed, changed ? "Host file written." : "Host file is the same.");
}

export async function writeKey(line: CommandLine): Promise<number> {
  const key = parseKey(await readInput());
  if (key === null) {
    const sentence = "Standard input holds no key of 32 bytes in hex.";
    throw new Refusal({ code: "invalid-key", sentence });
  }
  const changed = await put(line, line.layout.keyFile, `${key.toString("hex")}\n`);
  return acted(line.isJson, changed, changed ? "Pool key written." : "Pool key is the same.");
}

export async function checkSettingsVerb(line: CommandLine): Promise<number> {
  const checked = checkSettings(await readInput());
  const problems = checked.status === "valid" ? [] : [...checked.problems];
  const value: CheckSettingsAnswer = { ok: true, isValid: problems.length === 0, problems };
  answer(line.isJson, value, problems.length === 0 ? ["The settings are valid."] : problems);
  return 0;
}

async function put(line: CommandLine, file: string, text: string): Promise<boolean> {
  mkdirSync(line.layout.config, { recursive: true, mode: 0o700 });
  chmodSync(line.layout.config, 0o700);
  if (readOrNull(file) === text) {
    chmodSync(file, 0o600);
    return false;
  }
  await replaceFile(file, text, 0o600);
  return true;
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // Not there yet.
    return null;
  }
}

const inputBytesMax = 1_048_576;

async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > inputBytesMax) {
      throw new Refusal({ code: "too-long", sentence: "Standard input is longer than 1 MiB." });
    }
  }
  return Buffer.concat(chunks).toString("utf8");
}
