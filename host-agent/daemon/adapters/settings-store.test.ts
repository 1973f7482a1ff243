import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { defaultAgentSettings } from "../../contract/settings.ts";
import { checkSettings, keepSettings, loadSettings } from "./settings-store.ts";

const valid = { ...defaultAgentSettings, revision: 3 };

const refused: readonly (readonly [string, string, number | null, RegExp])[] = [
  ["no JSON", "{", null, /not JSON/],
  ["no object", "[]", null, /expected object/],
  ["a field too small", JSON.stringify({ ...valid, beatIntervalMs: 1 }), 3, /beatIntervalMs/],
  ["a field too many", JSON.stringify({ ...valid, extra: 1 }), 3, /extra/],
  ["a fraction", JSON.stringify({ ...valid, revision: 1.5 }), null, /revision/],
  [
    "fields that make no sense together",
    JSON.stringify({ ...valid, beatIntervalMs: 100, suspectAfterMissedBeats: 3 }),
    3,
    /300 ms/,
  ],
];

test.each(refused)("%s is refused whole, with its reason", (_name, text, revision, problem) => {
  const checked = checkSettings(text);
  expect(checked).toMatchObject({ status: "refused", revision });
  expect(checked.status === "refused" ? checked.problems.join() : "").toMatch(problem);
});

test("the last valid copy comes back, and a copy that was touched does not", async () => {
  const folder = mkdtempSync(join(tmpdir(), "skink-settings-"));
  const file = join(folder, "settings.json");
  expect(loadSettings(file)).toEqual({ settings: defaultAgentSettings, source: "default" });
  await keepSettings(file, valid);
  expect(loadSettings(file)).toEqual({ settings: valid, source: "last-valid" });
  writeFileSync(file, readFileSync(file, "utf8").replace("500", "900"));
  expect(loadSettings(file).source).toBe("default");
  rmSync(folder, { recursive: true });
});
