import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { VmSummary } from "../../../main/contract/pool.ts";
import {
  changesOf,
  diffRows,
  edit,
  settle,
  sharedValue,
  type Draft,
  type Drafts,
} from "./drafts.ts";

const vm = (uuid: string, change: Partial<VmSummary> = {}): VmSummary => ({
  uuid,
  name: uuid,
  powerState: "Running",
  hostUuid: null,
  treatment: "unprotected",
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
const none: Drafts = new Map();

describe("changes that are not written yet", () => {
  test("an edit back to what is leaves no change", () => {
    const vms = mapOf(vm("a", { order: 3 }));
    const once = edit(none, vms, ["a"], { order: 5 });
    expect([[...once], [...edit(once, vms, ["a"], { order: 3 })]]).toEqual([
      [["a", { order: 5 }]],
      [],
    ]);
  });

  test("edits of several fields of several VMs add up, and become what is sent", () => {
    const vms = mapOf(vm("a"), vm("b", { treatment: "restart" }));
    const first = edit(none, vms, ["a", "b"], { treatment: "restart" });
    const both = edit(first, vms, ["a", "b", "gone"], { startDelayS: 20 });
    expect(changesOf(both)).toEqual([
      { vmUuid: "a", treatment: "restart", startDelayS: 20 },
      { vmUuid: "b", startDelayS: 20 },
    ]);
  });

  test("what the facts have reached is no change any more, nor what is gone", () => {
    const before = mapOf(vm("a"), vm("b"), vm("c"));
    const drafts = edit(none, before, ["a", "b", "c"], { order: 2, startDelayS: 9 });
    const after = mapOf(vm("a", { order: 2, startDelayS: 9 }), vm("b", { order: 2 }));
    expect([...settle(drafts, after)]).toEqual([["b", { startDelayS: 9 }]]);
  });

  test("settling changes nothing when nothing was reached", () => {
    const vms = mapOf(vm("a"));
    const drafts = edit(none, vms, ["a"], { order: 1 });
    expect(settle(drafts, vms)).toBe(drafts);
  });

  test("a VM that is tied to a host says why Restart would not help, and comes first", () => {
    const tied = vm("tied", { agility: { agile: false, reasons: ["It uses a GPU."] } });
    const vms = mapOf(vm("a"), tied);
    const rows = diffRows(edit(none, vms, ["a", "tied"], { treatment: "restart" }), vms);
    expect(rows.map((row) => [row.name, row.objection, row.lines])).toEqual([
      [
        "tied",
        "Native HA restarts agile VMs only. It uses a GPU.",
        [{ what: "Treatment", before: "Unprotected", after: "Restart" }],
      ],
      ["a", null, [{ what: "Treatment", before: "Unprotected", after: "Restart" }]],
    ]);
  });

  test("a value is shared only when every VM has it, drafts included", () => {
    const vms = [vm("a", { order: 1 }), vm("b", { order: 2 })];
    const drafts = edit(none, mapOf(...vms), ["b"], { order: 1 });
    expect([sharedValue(vms, none, "order"), sharedValue(vms, drafts, "order")]).toEqual([null, 1]);
  });

  test("writing every change makes the facts what was wanted, and leaves none", () => {
    const change = fc.record({ order: fc.nat(3), startDelayS: fc.nat(3) });
    const apply = (to: Map<string, VmSummary>, uuid: string, fields: Draft): void => {
      const row = to.get(uuid);
      if (row !== undefined) to.set(uuid, Object.assign({}, row, fields));
    };
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom("a", "b"), change)), (edits) => {
        const vms = mapOf(vm("a"), vm("b", { order: 2 }));
        let drafts = none;
        const wanted = new Map(vms);
        for (const [uuid, fields] of edits) {
          drafts = edit(drafts, vms, [uuid], fields);
          apply(wanted, uuid, fields);
        }
        const written = new Map(vms);
        for (const { vmUuid, ...fields } of changesOf(drafts)) {
          apply(written, vmUuid, Object.assign({}, fields) as Draft);
        }
        expect([[...written], settle(drafts, written).size]).toEqual([[...wanted], 0]);
      }),
    );
  });
});
