import { describe, expect, test } from "vitest";
import type { HostSummary, VmSummary } from "../../../main/contract/pool.ts";
import { filterRows, noFilter, rowsOf, type VmFilter } from "./filter.ts";
import { moveIndex, selectRange } from "./row-keys.ts";
import { startSequence } from "./start-sequence.ts";

const vm = (name: string, change: Partial<VmSummary> = {}): VmSummary => ({
  uuid: name,
  name,
  powerState: "Running",
  hostUuid: "h1",
  treatment: "restart",
  order: 0,
  startDelayS: 0,
  memoryBytes: 1,
  agility: { agile: true, reasons: [] },
  disks: [],
  busyWith: [],
  applianceName: null,
  ...change,
});

const mapOf = (...vms: VmSummary[]): Map<string, VmSummary> =>
  new Map(vms.map((each) => [each.uuid, each]));

describe("finding VMs", () => {
  const hosts = new Map([["h1", { name: "Zürich 1" } as HostSummary]]);
  const vms = mapOf(
    vm("Müller's mail"),
    vm("web", { hostUuid: null, treatment: "best-effort", applianceName: "shop" }),
    vm("db", { hostUuid: "lost" }),
  );
  const found = (filter: Partial<VmFilter>): string[] =>
    filterRows(rowsOf(vms, hosts), { ...noFilter, ...filter }).map((row) => row.vm.name);

  test.each([
    [{ text: "muller" }, ["Müller's mail"]],
    [{ text: "mail zurich" }, ["Müller's mail"]],
    [{ text: "SHOP" }, ["web"]],
    [{ text: "mail shop" }, []],
    [{ hostUuid: "nowhere" }, ["web"]],
    [{ hostUuid: "h1" }, ["Müller's mail"]],
    [{ treatment: "best-effort" as const }, ["web"]],
    [{}, ["Müller's mail", "web", "db"]],
  ])("%j finds %j", (filter, names) => expect(found(filter)).toEqual(names));

  test("a row is another object only when its VM or its host's name changed", () => {
    const moved = vm("db", { hostUuid: "h1" });
    const before = rowsOf(vms, hosts);
    const after = rowsOf(new Map([...vms, ["db", moved]]), hosts);
    const renamed = rowsOf(vms, new Map([["h1", { name: "other" } as HostSummary]]));
    expect([
      after.map((row, index) => row === before[index]),
      renamed.map((row, index) => row === before[index]),
    ]).toEqual([
      [true, true, false],
      [false, true, true],
    ]);
  });

  test("a host that is not known is said to be so", () => {
    expect(rowsOf(vms, hosts).map((row) => row.hostName)).toEqual(["Zürich 1", "", "unknown host"]);
  });
});

describe("the start sequence", () => {
  test("equal orders start together, lower first, and the longest delay counts", () => {
    const steps = startSequence(
      mapOf(
        vm("late", { order: 5 }),
        vm("first", { startDelayS: 10 }),
        vm("beside", { startDelayS: 30 }),
        vm("last", { order: -1 }),
        vm("off", { treatment: "unprotected" }),
        vm("tied", { agility: { agile: false, reasons: [] } }),
      ),
      new Map([["late", { order: 1 }]]),
    );
    expect(steps).toEqual([
      { order: 0, names: ["first", "beside"], waitS: 30 },
      { order: 1, names: ["late"], waitS: 0 },
      { order: -1, names: ["last"], waitS: 0 },
    ]);
  });
});

describe("the keyboard in the table", () => {
  const at = { index: 5, count: 10, pageRows: 4 };
  test.each([
    ["ArrowDown", at, 6],
    ["ArrowUp", { ...at, index: 0 }, 0],
    ["PageDown", at, 9],
    ["PageUp", at, 1],
    ["Home", at, 0],
    ["End", at, 9],
    ["End", { ...at, count: 0 }, 0],
    ["x", at, null],
  ] as const)("%s leads from %j to %s", (key, from, to) => {
    expect(moveIndex(key, from)).toBe(to);
  });

  test("one row toggles; with an anchor everything between is selected", () => {
    const order = ["a", "b", "c", "d"];
    const one = selectRange({ selected: new Set(), order, uuid: "d", anchor: null });
    const range = selectRange({ selected: one, order, uuid: "b", anchor: "d" });
    const less = selectRange({ selected: range, order, uuid: "c", anchor: null });
    expect([[...one], [...range].toSorted(), [...less].toSorted()]).toEqual([
      ["d"],
      ["b", "c", "d"],
      ["b", "d"],
    ]);
  });
});
