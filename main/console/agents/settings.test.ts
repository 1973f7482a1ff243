import { describe, expect, it } from "vitest";
import { agentSettingsSchema } from "../../../host-agent/contract/settings.ts";
import {
  historyKey,
  nextSettings,
  previewSettings,
  readSettings,
  settingFields,
  settingsKey,
} from "./settings.ts";

const person = { owner: "ana@jump-host", atMs: 5_000 };

function apply(
  config: Record<string, string>,
  change: Record<string, number>,
): Record<string, string> {
  const state = readSettings(config);
  const values = { ...state.current, ...change };
  const next = nextSettings(state, { values, ...person });
  return { [settingsKey]: next.settings, [historyKey]: next.history };
}

describe("settings of the agents", () => {
  it("are the defaults while the pool holds none", () => {
    expect(readSettings({})).toMatchObject({ revision: 0, problem: null, history: [] });
  });

  it("have a field for every value, with its range", () => {
    const keys = Object.keys(readSettings({}).current).toSorted();
    expect(settingFields.map(({ key }) => key).toSorted()).toEqual(keys);
    expect(settingFields.find(({ key }) => key === "beatIntervalMs")).toMatchObject({
      min: 100,
      max: 5_000,
      default: 500,
    });
    for (const field of settingFields) expect(field.max).toBeGreaterThan(field.min);
  });

  it("are written as agents read them", () => {
    const config = apply({}, { beatIntervalMs: 250 });
    const parsed = agentSettingsSchema.parse(JSON.parse(config[settingsKey] ?? ""));
    expect(parsed).toMatchObject({ revision: 1, beatIntervalMs: 250 });
  });

  it("keep what was before, and go back to it under a new revision", () => {
    const first = apply({}, { beatIntervalMs: 250 });
    const second = apply(first, { beatIntervalMs: 1_000 });
    const { history } = readSettings(second);
    expect(history.map(({ revision, values }) => [revision, values.beatIntervalMs])).toEqual([
      [1, 250],
      [0, 500],
    ]);
    const undone = readSettings(apply(second, history[0]?.values ?? {}));
    expect(undone).toMatchObject({ revision: 3, current: { beatIntervalMs: 250 } });
  });

  it("never use a revision twice, even after the settings were lost", () => {
    const { [historyKey]: history = "" } = apply(apply({}, {}), { beatIntervalMs: 300 });
    const after = apply({ [historyKey]: history }, { beatIntervalMs: 400 });
    expect(readSettings(after).revision).toBeGreaterThanOrEqual(2);
  });

  it("keep a bounded history", () => {
    let config: Record<string, string> = {};
    for (let round = 0; round < 40; round += 1)
      config = apply(config, { beatIntervalMs: 200 + round });
    expect(readSettings(config).history).toHaveLength(20);
  });

  it("say that a text cannot be read instead of showing defaults as the pool's", () => {
    expect(readSettings({ [settingsKey]: "{" }).problem).toMatch(/cannot be read/u);
    const wrong = JSON.stringify({ revision: 4, beatIntervalMs: 1 });
    expect(readSettings({ [settingsKey]: wrong }).problem).not.toBeNull();
  });

  it("are refused with the range in words, and changed with the consequence in seconds", () => {
    const state = readSettings({});
    const bad = previewSettings(state, { ...state.current, beatIntervalMs: 50, extra: 1 });
    expect(bad.problems.map(({ sentence }) => sentence)).toEqual([
      "Time between heartbeats is between 100 ms and 5 s.",
      "There is no such setting.",
    ]);
    const good = previewSettings(state, { ...state.current, suspectAfterMissedBeats: 10 });
    expect(good.changes).toEqual([
      expect.objectContaining({
        before: "6 beats",
        after: "10 beats",
        consequence: "A silent host is suspected after 5.0 s; nothing acts on it.",
      }),
    ]);
  });
});
