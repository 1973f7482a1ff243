import type { InputOf } from "../../../main/contract/console-api.ts";
import type { Treatment, VmSummary } from "../../../main/contract/pool.ts";

/** What somebody wants changed of one VM; a field that is absent stays as it is. */
export interface Draft {
  readonly treatment?: Treatment;
  readonly order?: number;
  readonly startDelayS?: number;
}

export type Drafts = ReadonlyMap<string, Draft>;
export type VmMap = ReadonlyMap<string, VmSummary>;

const fields = ["treatment", "order", "startDelayS"] as const;
type Field = (typeof fields)[number];

/** Fields that already are as wanted are no change. */
const differing = (vm: VmSummary, draft: Draft): Draft | null => {
  const kept = Object.fromEntries(
    fields
      .filter((field) => draft[field] !== undefined && draft[field] !== vm[field])
      .map((field) => [field, draft[field]]),
  );
  return Object.keys(kept).length === 0 ? null : kept;
};

/** Drops what the facts have reached and VMs that are gone; the same map when nothing changes. */
export const settle = (drafts: Drafts, vms: VmMap): Drafts => {
  const after = new Map<string, Draft>();
  let isChanged = false;
  for (const [uuid, draft] of drafts) {
    const vm = vms.get(uuid);
    const left = vm === undefined ? null : differing(vm, draft);
    if (left === null || Object.keys(left).length !== Object.keys(draft).length) isChanged = true;
    if (left !== null) after.set(uuid, left);
  }
  return isChanged ? after : drafts;
};

/** The same edit for several VMs, on top of what was drafted before. */
export const edit = (
  drafts: Drafts,
  vms: VmMap,
  uuids: readonly string[],
  change: Draft,
): Drafts => {
  const after = new Map(drafts);
  for (const uuid of uuids) {
    const vm = vms.get(uuid);
    if (vm === undefined) continue;
    const left = differing(vm, { ...after.get(uuid), ...change });
    if (left === null) after.delete(uuid);
    else after.set(uuid, left);
  }
  return after;
};

export const treatmentWords: Readonly<Record<Treatment, string>> = {
  restart: "Restart",
  "best-effort": "Best effort",
  unprotected: "Unprotected",
};

const fieldWords: Readonly<Record<Field, string>> = {
  treatment: "Treatment",
  order: "Order",
  startDelayS: "Delay",
};

const shown = (field: Field, value: string | number): string => {
  if (field === "treatment") return treatmentWords[value as Treatment];
  return field === "startDelayS" ? `${value} s` : String(value);
};

export interface DiffRow {
  readonly uuid: string;
  readonly name: string;
  readonly lines: readonly {
    readonly what: string;
    readonly before: string;
    readonly after: string;
  }[];
  /** why XAPI would not keep its promise for this VM, null when nothing speaks against it */
  readonly objection: string | null;
}

const objectionTo = (vm: VmSummary, draft: Draft): string | null => {
  if (draft.treatment !== "restart" || vm.agility.agile) return null;
  const why = vm.agility.reasons.join(" ");
  return `Native HA restarts agile VMs only. ${why === "" ? "XAPI does not call it agile." : why}`;
};

/** What *Apply* would write, VM by VM, objections first. */
export const diffRows = (drafts: Drafts, vms: VmMap): DiffRow[] =>
  [...drafts]
    .flatMap(([uuid, draft]) => {
      const vm = vms.get(uuid);
      if (vm === undefined) return [];
      const lines = fields.flatMap((field) => {
        const after = draft[field];
        if (after === undefined) return [];
        return [
          { what: fieldWords[field], before: shown(field, vm[field]), after: shown(field, after) },
        ];
      });
      return [{ uuid, name: vm.name, lines, objection: objectionTo(vm, draft) }];
    })
    .toSorted((a, b) => Number(b.objection !== null) - Number(a.objection !== null));

export const changesOf = (drafts: Drafts): InputOf<"vms.setProtection">["changes"] =>
  [...drafts].map(([vmUuid, draft]) => ({ vmUuid, ...draft }));

/** The value all of them share, or null when they differ. */
export const sharedValue = <F extends Field>(
  rows: readonly VmSummary[],
  drafts: Drafts,
  field: F,
): VmSummary[F] | null => {
  const values = new Set(
    rows.map((vm) => (drafts.get(vm.uuid)?.[field] ?? vm[field]) as VmSummary[F]),
  );
  const [only] = values;
  return values.size === 1 && only !== undefined ? only : null;
};
