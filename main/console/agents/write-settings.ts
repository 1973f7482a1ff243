import type { SettingValues } from "../../contract/agents.ts";
import { actAndProve } from "../ha/proof.ts";
import type { ActsPorts } from "../ha/proof.ts";
import { problem } from "../problem.ts";
import { poolOf } from "../verdict/read.ts";
import { poolConfigOf } from "./host-view.ts";
import { historyKey, nextSettings, readSettings, settingsKey } from "./settings.ts";

export interface SettingsChange {
  /** what the person saw; another one by now is refused */
  readonly expectedRevision: number;
  readonly values: SettingValues;
  readonly owner: string;
  readonly atMs: number;
}

/** Writes the history first: a crash in between loses nothing. Returns the new revision. */
export async function writeSettings(ports: ActsPorts, change: SettingsChange): Promise<number> {
  const { session } = ports;
  const state = readSettings(poolConfigOf(session.records()));
  if (state.revision !== change.expectedRevision) {
    throw problem(
      "settings-changed",
      `The pool holds revision ${state.revision} of the settings by now.`,
      "Look at what changed, then apply again.",
    );
  }
  const pool = poolOf(session.records());
  if (pool === undefined) {
    throw problem("no-facts", "Nothing is known about the pool.", "Reconnect to the pool.");
  }
  const next = nextSettings(state, change);
  for (const [key, value] of [
    [historyKey, next.history],
    [settingsKey, next.settings],
  ] as const) {
    const act = async (): Promise<void> => {
      await session.call("pool.remove_from_other_config", pool.ref, key);
      await session.call("pool.add_to_other_config", pool.ref, key, value);
    };
    await actAndProve(ports, act, {
      what: `the setting “${key}” of the pool is written`,
      holds: (records) => poolConfigOf(records)[key] === value,
      timeoutMs: 30_000,
      repeatable: "when-unseen",
    });
  }
  return next.revision;
}
