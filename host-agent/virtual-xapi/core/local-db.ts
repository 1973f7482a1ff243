/** `local.db`: what one host remembers by itself, whoever coordinates. */
import type { LocalDb, LocalKey } from "../call.ts";
import type { Disk } from "../ports.ts";

const FILE = "local.db";

export function openLocalDb(disk: Disk): LocalDb {
  const text = disk.read(FILE);
  const entries = new Map<string, string>(
    text === undefined ? [] : Object.entries(JSON.parse(text) as Record<string, string>),
  );
  const save = (): void => {
    disk.write(FILE, JSON.stringify(Object.fromEntries(entries)));
  };
  return {
    get: (key: LocalKey) => entries.get(key),
    set(key: LocalKey, value: string) {
      if (entries.get(key) === value) return;
      entries.set(key, value);
      save();
    },
    remove(key: LocalKey) {
      if (entries.delete(key)) save();
    },
  };
}
