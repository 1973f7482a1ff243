import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { agentSettingsSchema, defaultAgentSettings } from "../../contract/settings.ts";
import type { AgentSettings } from "../../contract/settings.ts";
import type { Input } from "../../core/input.ts";
import { replaceFile } from "./replace-file.ts";

/* Settings come in as text from somebody else; they are whole and valid here, or not in force. */

export type CheckedSettings =
  | { readonly status: "valid"; readonly settings: AgentSettings }
  | {
      readonly status: "refused";
      readonly revision: number | null;
      readonly problems: readonly string[];
    };

const problemsMax = 20;

export function checkSettings(text: string): CheckedSettings {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { status: "refused", revision: null, problems: ["the text is not JSON"] };
  }
  const parsed = agentSettingsSchema.safeParse(value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.join(".")}: ${message}`,
    );
    return {
      status: "refused",
      revision: revisionOf(value),
      problems: problems.slice(0, problemsMax),
    };
  }
  const problems = relations(parsed.data);
  if (problems.length > 0) {
    return { status: "refused", revision: parsed.data.revision, problems };
  }
  return { status: "valid", settings: parsed.data };
}

/** What fields have to mean together. */
function relations(settings: AgentSettings): string[] {
  const suspectAfterMs = settings.beatIntervalMs * settings.suspectAfterMissedBeats;
  if (suspectAfterMs >= 1_000) return [];
  return [
    `suspectAfterMissedBeats: a host would be suspected after ${suspectAfterMs} ms, less than 1000 ms`,
  ];
}

function revisionOf(value: unknown): number | null {
  if (typeof value !== "object" || value === null || !("revision" in value)) return null;
  return Number.isInteger(value.revision) ? (value.revision as number) : null;
}

export function settingsInput(text: string): Extract<Input, { type: "SettingsRead" }> {
  return { type: "SettingsRead", ...checkSettings(text) };
}

/** The last valid copy, or the defaults where there is none or its checksum does not hold. */
export function loadSettings(file: string): {
  settings: AgentSettings;
  source: "default" | "last-valid";
} {
  try {
    const stored = JSON.parse(readFileSync(file, "utf8")) as { sha256?: unknown; text?: unknown };
    if (typeof stored.text === "string" && stored.sha256 === sha256(stored.text)) {
      const checked = checkSettings(stored.text);
      if (checked.status === "valid") return { settings: checked.settings, source: "last-valid" };
    }
  } catch {
    // No copy, or none that can be read: the defaults are always valid.
  }
  return { settings: defaultAgentSettings, source: "default" };
}

export async function keepSettings(file: string, settings: AgentSettings): Promise<void> {
  const text = JSON.stringify(settings);
  await replaceFile(file, `${JSON.stringify({ v: 1, sha256: sha256(text), text })}\n`, 0o600);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
