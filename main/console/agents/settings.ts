import { z } from "zod";
import {
  agentSettingsSchema,
  defaultAgentSettings,
} from "../../../host-agent/contract/settings.ts";
import { settingValuesSchema } from "../../contract/agents.ts";
import type {
  SettingField,
  SettingsPreview,
  SettingsState,
  SettingValues,
} from "../../contract/agents.ts";

/*
 * Settings of the pool's agents: what `pool.other_config` holds, what a change means, and what is kept
 * of before. Agents read the settings key alone; the history is the console's. Pure.
 */
export const settingsKey = "skink.settings";
export const historyKey = "skink.settings.history";
const historyMax = 20;

type Key = keyof SettingValues;

interface Words {
  readonly title: string;
  readonly unit: SettingField["unit"];
  readonly meaning: string;
}

const words: Readonly<Record<Key, Words>> = {
  beatIntervalMs: {
    title: "Time between heartbeats",
    unit: "ms",
    meaning:
      "Each host sends to each peer on each path this often. Shorter sees more and sends more.",
  },
  suspectAfterMissedBeats: {
    title: "Missed heartbeats until suspicion",
    unit: "beats",
    meaning:
      "A host that is silent on all paths for so many beats is suspected. Nothing acts on it.",
  },
  xapiProbeIntervalMs: {
    title: "Time between questions to XAPI",
    unit: "ms",
    meaning: "Each agent asks its own XAPI this often whether it answers.",
  },
  xapiProbeTimeoutMs: {
    title: "Patience with XAPI",
    unit: "ms",
    meaning: "XAPI counts as silent when it takes longer than this to answer.",
  },
  domainScanIntervalMs: {
    title: "Time between looks at running VMs",
    unit: "ms",
    meaning: "Each agent lists the VMs that run on its host this often, without XAPI.",
  },
  clockOffsetReportMs: {
    title: "Clock difference worth a line",
    unit: "ms",
    meaning: "A peer's clock that moves by more than this is written to the journal.",
  },
  journalBytesMax: {
    title: "Size of the journal on each host",
    unit: "bytes",
    meaning: "The oldest lines go when the journal grows beyond this.",
  },
};

export const settingFields: readonly SettingField[] = (Object.keys(words) as Key[]).map((key) => {
  const { minValue, maxValue } = settingValuesSchema.shape[key];
  return {
    key,
    ...words[key],
    min: minValue ?? 0,
    max: maxValue ?? Number.MAX_SAFE_INTEGER,
    default: defaultAgentSettings[key],
  };
});

const historySchema = z.array(
  z.object({
    revision: z.number().int(),
    atMs: z.number(),
    owner: z.string(),
    values: settingValuesSchema,
  }),
);

export function readSettings(config: Readonly<Record<string, string>>): SettingsState {
  const text = config[settingsKey];
  const parsed = text === undefined ? null : agentSettingsSchema.safeParse(parseJson(text));
  const history = historySchema.safeParse(parseJson(config[historyKey] ?? "[]"));
  const { revision, ...current } = parsed?.success === true ? parsed.data : defaultAgentSettings;
  return {
    fields: [...settingFields],
    current,
    revision,
    problem:
      parsed?.success === false
        ? "The settings in the pool's record cannot be read; agents keep their last valid copy."
        : null,
    history: history.success ? history.data : [],
  };
}

/** The texts to write for new values; the history is bounded. */
export function nextSettings(
  state: SettingsState,
  change: { readonly values: SettingValues; readonly owner: string; readonly atMs: number },
): { readonly revision: number; readonly settings: string; readonly history: string } {
  // A revision that agents may have seen is never used twice.
  const seen = Math.max(state.revision, ...state.history.map(({ revision }) => revision));
  const revision = seen + 1;
  const { atMs, owner, values } = change;
  const before = { revision: state.revision, atMs, owner, values: state.current };
  return {
    revision,
    settings: JSON.stringify({ revision, ...values }),
    history: JSON.stringify([before, ...state.history].slice(0, historyMax)),
  };
}

export function previewSettings(
  state: SettingsState,
  values: Readonly<Record<string, number>>,
): SettingsPreview {
  const problems: { key: string; sentence: string }[] = [];
  for (const { key, title, min, max, unit } of settingFields) {
    const value = values[key];
    if (value === undefined) problems.push({ key, sentence: `${title} is missing.` });
    else if (!Number.isInteger(value))
      problems.push({ key, sentence: `${title} is a whole number.` });
    else if (value < min || value > max) {
      const sentence = `${title} is between ${shown(min, unit)} and ${shown(max, unit)}.`;
      problems.push({ key, sentence });
    }
  }
  for (const key of Object.keys(values)) {
    if (!Object.hasOwn(words, key)) problems.push({ key, sentence: "There is no such setting." });
  }
  const after: SettingValues = { ...state.current, ...values };
  const changes = settingFields
    .filter(({ key }) => after[key] !== state.current[key])
    .map(({ key, title, unit }) => ({
      key,
      title,
      before: shown(state.current[key], unit),
      after: shown(after[key], unit),
      consequence: consequence(key, after),
    }));
  return { problems, changes };
}

function consequence(key: Key, after: SettingValues): string {
  const suspectMs = after.beatIntervalMs * after.suspectAfterMissedBeats;
  switch (key) {
    case "beatIntervalMs":
    case "suspectAfterMissedBeats":
      return `A silent host is suspected after ${(suspectMs / 1_000).toFixed(1)} s; nothing acts on it.`;
    case "xapiProbeIntervalMs":
    case "xapiProbeTimeoutMs": {
      const totalMs = after.xapiProbeIntervalMs + after.xapiProbeTimeoutMs;
      return `A XAPI that hangs is seen after ${(totalMs / 1_000).toFixed(1)} s at most.`;
    }
    case "domainScanIntervalMs":
      return `A VM that starts or ends is seen within ${(after.domainScanIntervalMs / 1_000).toFixed(1)} s.`;
    case "clockOffsetReportMs":
      return `Clocks that agree within ${after.clockOffsetReportMs} ms are not mentioned.`;
    case "journalBytesMax":
      return `Each host gives up to ${shown(after.journalBytesMax, "bytes")} of /var to the journal.`;
  }
}

function shown(value: number, unit: SettingField["unit"]): string {
  if (unit === "beats") return `${value} beats`;
  if (unit === "ms") return value >= 1_000 ? `${value / 1_000} s` : `${value} ms`;
  return `${Math.round(value / 1_048_576)} MiB`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
