import { describe, expect, test } from "vitest";
import { createCancelSource } from "../ports.ts";
import { seededDice } from "../testing/virtual-pool.ts";
import { Database } from "./database.ts";
import { dumpDatabase, dumpedGeneration, restoreDatabase } from "./dump.ts";

const version = "26.1.4";

function emptyDatabase(): Database {
  return new Database({ version, newUuid: seededDice().uuid });
}

function poolOfTwo() {
  const db = emptyDatabase();
  const left = db.create("host", { name_label: "left" });
  const right = db.create("host", { name_label: "right" });
  const vm = db.create("VM", { name_label: "guest", resident_on: left });
  return { db, left, right, vm };
}

describe("the database", () => {
  test("gives every write a higher generation and equal values none", () => {
    const { db, vm } = poolOfTwo();
    const before = db.generation;
    db.update("VM", vm, { name_label: "guest", tags: [] });
    expect(db.generation).toBe(before);
    db.update("VM", vm, { name_label: "other" });
    expect(db.generation).toBe(before + 1);
  });

  test("keeps derived sets on both sides when a reference changes, and tells both", () => {
    const { db, left, right, vm } = poolOfTwo();
    const before = db.generation;
    db.update("VM", vm, { resident_on: right });
    expect(db.set("host", left, "resident_VMs")).toEqual([]);
    expect(db.set("host", right, "resident_VMs")).toEqual([vm]);
    const written = db.writtenSince(before).map((row) => row.ref);
    expect(new Set(written)).toEqual(new Set([vm, left, right]));
  });

  test("leaves references to a destroyed object dangling, but not the derived sets", () => {
    const { db, left, vm } = poolOfTwo();
    db.update("VM", vm, { affinity: left });
    db.destroy("host", left);
    expect(db.str("VM", vm, "affinity")).toBe(left);
    expect(db.exists(left)).toBe(false);
    const { db: other, left: host, vm: guest } = poolOfTwo();
    other.destroy("VM", guest);
    expect(other.set("host", host, "resident_VMs")).toEqual([]);
  });

  test("undoes all writes of a transaction that fails", () => {
    const { db, left, right, vm } = poolOfTwo();
    const attempt = () =>
      db.transaction(() => {
        db.update("VM", vm, { resident_on: right, name_label: "moved" });
        db.create("VM", { name_label: "second" });
        db.destroy("host", left);
        throw new Error("no");
      });
    expect(attempt).toThrow("no");
    expect(db.str("VM", vm, "name_label")).toBe("guest");
    expect(db.set("host", left, "resident_VMs")).toEqual([vm]);
    expect(db.set("host", right, "resident_VMs")).toEqual([]);
    expect(db.count("VM")).toBe(1);
    expect(db.byUuid("host", db.str("host", left, "uuid"))).toBe(left);
  });

  test("hands out each row once, with its latest write, however often it changed", () => {
    const { db, vm } = poolOfTwo();
    const before = db.generation;
    for (let count = 0; count < 5_000; count += 1) {
      db.update("VM", vm, { name_label: `name ${count}` });
    }
    const rows = db.writtenSince(before);
    expect(rows.map((row) => row.record["name_label"])).toEqual(["name 4999"]);
  });

  test("cuts its log of deletions from 512 to 256", () => {
    const db = emptyDatabase();
    const destroyOne = (): void => db.destroy("VM", db.create("VM", {}));
    for (let count = 0; count < 512; count += 1) destroyOne();
    expect(db.deletedSince("VM", 0)).toHaveLength(512);
    destroyOne();
    expect(db.deletedSince("VM", 0)).toHaveLength(256);
  });

  test("wakes whoever waits at the next write, and whoever gives up", async () => {
    const { db, vm } = poolOfTwo();
    const woken: string[] = [];
    const over = createCancelSource();
    const write = db.changed().then(() => woken.push("by the write"));
    const cancel = db.changed(over.signal).then(() => woken.push("by giving up"));
    over.cancel();
    await cancel;
    db.touch("VM", vm);
    await write;
    expect(woken).toEqual(["by giving up", "by the write"]);
  });
});

describe("a copy of the database", () => {
  test("brings back objects, derived sets and generations; sessions and tasks are gone", () => {
    const { db, left, vm } = poolOfTwo();
    db.create("session", {});
    db.create("task", {});
    const text = dumpDatabase(db);
    const back = restoreDatabase(text, { version, newUuid: seededDice(2).uuid });
    expect(back.generation).toBe(db.generation);
    expect(dumpedGeneration(text)).toBe(db.generation);
    expect(back.get("VM", vm)).toEqual(db.get("VM", vm));
    expect(back.set("host", left, "resident_VMs")).toEqual([vm]);
    expect(back.count("session") + back.count("task")).toBe(0);
    expect(back.writtenSince(0).map((row) => row.modified)).toEqual(
      back
        .writtenSince(0)
        .map((row) => row.modified)
        .toSorted((a, b) => a - b),
    );
  });

  test("has the fields of the version that reads it", () => {
    const db = new Database({ version: "1.249.41", newUuid: seededDice().uuid });
    const host = db.create("host", { name_label: "old" });
    expect(db.get("host", host)).not.toHaveProperty("https_only");
    const back = restoreDatabase(dumpDatabase(db), { version, newUuid: seededDice(2).uuid });
    expect(back.get("host", host)).toMatchObject({ name_label: "old", https_only: false });
  });

  test("that is damaged is refused", () => {
    const { db } = poolOfTwo();
    const text = dumpDatabase(db).slice(0, -20);
    expect(() => restoreDatabase(text, { version, newUuid: seededDice().uuid })).toThrow("damaged");
  });

  test("of a large pool is written again quickly after a small change", () => {
    const db = emptyDatabase();
    const hosts = Array.from({ length: 64 }, () => db.create("host", {}));
    for (let count = 0; count < 5_000; count += 1) {
      const vm = db.create("VM", {
        name_label: `vm ${count}`,
        resident_on: hosts[count % 64] ?? "",
      });
      db.create("VBD", { VM: vm });
    }
    const first = dumpDatabase(db);
    db.update("VM", db.refs("VM")[0] ?? "", { name_label: "changed" });
    let parsed = 0;
    const stringify = JSON.stringify;
    JSON.stringify = ((...args: Parameters<typeof stringify>) => {
      parsed += 1;
      return stringify(...args);
    }) as typeof stringify;
    const second = dumpDatabase(db);
    JSON.stringify = stringify;
    expect(second).not.toBe(first);
    expect(parsed).toBeLessThan(5);
  });
});
