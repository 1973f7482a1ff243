import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PoolFactsItem, VmSummary } from "../../main/contract/pool.ts";
import { applyItems, noFacts, type PoolFacts } from "./facts.ts";

const vm = (uuid: string, order: number): VmSummary => ({
  uuid,
  name: `vm ${uuid}`,
  powerState: "Running",
  hostUuid: null,
  treatment: "restart",
  order,
  startDelayS: 0,
  memoryBytes: 1,
  agility: { agile: true, reasons: [] },
  disks: [],
  busyWith: [],
  applianceName: null,
});

const snapshot = (vms: readonly VmSummary[], atMs = 0): PoolFactsItem => ({
  kind: "snapshot",
  atMs,
  connection: { status: "disconnected" },
  pool: null,
  hosts: [],
  vms: [...vms],
  srs: [],
  run: null,
});

const patch = (
  upsert: readonly VmSummary[],
  removeUuids: readonly string[] = [],
): PoolFactsItem => ({
  kind: "patch",
  atMs: 1,
  vms: { upsert: [...upsert], removeUuids: [...removeUuids] },
});

const rowsOf = (facts: PoolFacts): VmSummary[] =>
  [...facts.vms.values()].toSorted((a, b) => a.uuid.localeCompare(b.uuid));

describe("the picture of a pool", () => {
  test("only rows that changed become other objects", () => {
    const before = applyItems(noFacts, [snapshot([vm("a", 0), vm("b", 0)])]);
    const after = applyItems(before, [patch([vm("b", 5)])]);
    expect([
      after.vms.get("a") === before.vms.get("a"),
      after.vms.get("b")?.order,
      after.hosts === before.hosts,
    ]).toEqual([true, 5, true]);
  });

  test("a snapshot of the same facts after a reconnect changes no row and no map", () => {
    const before = applyItems(noFacts, [snapshot([vm("a", 0), vm("b", 0)])]);
    const after = applyItems(before, [snapshot([vm("a", 0), vm("b", 0)], 99)]);
    expect([after.vms === before.vms, after.atMs]).toEqual([true, 99]);
  });

  test("a snapshot voids what came before it in the same batch", () => {
    const facts = applyItems(noFacts, [patch([vm("old", 1)]), snapshot([vm("a", 0)])]);
    expect(rowsOf(facts).map((row) => row.uuid)).toEqual(["a"]);
  });

  test("a run is replaced, and null takes it away", () => {
    const run = { runId: "r" } as NonNullable<PoolFacts["run"]>;
    const started = applyItems(noFacts, [snapshot([]), { kind: "patch", atMs: 1, run }]);
    const untouched = applyItems(started, [patch([vm("a", 0)])]);
    const closed = applyItems(untouched, [{ kind: "patch", atMs: 2, run: null }]);
    expect([started.run, untouched.run, closed.run]).toEqual([run, run, null]);
  });

  test("snapshot and patches, however batched, end in the same picture as the last snapshot", () => {
    const uuid = fc.constantFrom("a", "b", "c", "d", "e");
    const change = fc.record({
      upsert: fc.array(fc.tuple(uuid, fc.nat(3)), { maxLength: 4 }),
      remove: fc.array(uuid, { maxLength: 2 }),
      cut: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(uuid, fc.nat(3))), fc.array(change), (start, changes) => {
        const truth = new Map(start.map(([id, order]) => [id, vm(id, order)]));
        let facts = applyItems(noFacts, [snapshot([...truth.values()])]);
        let waiting: PoolFactsItem[] = [];
        for (const { upsert, remove, cut } of changes) {
          // A removal and an upsert of the same row in one patch: the row is there afterwards.
          for (const id of remove) truth.delete(id);
          for (const [id, order] of upsert) truth.set(id, vm(id, order));
          waiting.push(
            patch(
              upsert.map(([id, order]) => vm(id, order)),
              remove,
            ),
          );
          if (!cut) continue;
          facts = applyItems(facts, waiting);
          waiting = [];
        }
        facts = applyItems(facts, waiting);
        const last = applyItems(noFacts, [snapshot([...truth.values()])]);
        expect(rowsOf(facts)).toEqual(rowsOf(last));
      }),
    );
  });
});
