import {
  createColumnHelper,
  createSortedRowModel,
  rowSortingFeature,
  tableFeatures,
  type SortFn,
} from "@tanstack/react-table";
import { collator } from "../../console/shown.ts";
import type { Term } from "../../ui/glossary.ts";
import type { VmRow } from "./filter.ts";

export const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
});

type Features = typeof features;

/** Names as a person sorts them; ties by name, so that the order never jumps. */
const byText: SortFn<Features, VmRow> = (a, b, id) =>
  collator.compare(a.getValue<string>(id), b.getValue<string>(id)) ||
  byName(a.original, b.original);

const byNumber: SortFn<Features, VmRow> = (a, b, id) =>
  a.getValue<number>(id) - b.getValue<number>(id) || byName(a.original, b.original);

const byName = (a: VmRow, b: VmRow): number => collator.compare(a.vm.name, b.vm.name);

const treatmentRank = { restart: 0, "best-effort": 1, unprotected: 2 } as const;

const helper = createColumnHelper<Features, VmRow>();

export const columns = helper.columns([
  helper.accessor((row) => row.vm.name, { id: "name", header: "VM", sortFn: byText }),
  helper.accessor((row) => row.vm.powerState, { id: "state", header: "State", sortFn: byText }),
  helper.accessor((row) => row.hostName, { id: "host", header: "Runs on", sortFn: byText }),
  helper.accessor((row) => treatmentRank[row.vm.treatment], {
    id: "treatment",
    header: "Treatment",
    sortFn: byNumber,
  }),
  helper.accessor((row) => row.vm.order, { id: "order", header: "Order", sortFn: byNumber }),
  helper.accessor((row) => row.vm.startDelayS, {
    id: "delay",
    header: "Delay, s",
    sortFn: byNumber,
  }),
  helper.accessor((row) => row.vm.memoryBytes, {
    id: "memory",
    header: "Memory",
    sortFn: byNumber,
  }),
  helper.accessor((row) => Number(!row.vm.agility.agile), {
    id: "agility",
    header: "Can start on",
    sortFn: byNumber,
  }),
]);

interface ColumnLook {
  readonly isNumber: boolean;
  /** hidden where the table is narrow */
  readonly isWide: boolean;
  readonly term: Term | null;
}

/** Widths are fixed in vms.css, so that rows coming and going never move a column. */
export const columnLooks: Readonly<Record<string, ColumnLook>> = {
  name: { isNumber: false, isWide: false, term: null },
  state: { isNumber: false, isWide: false, term: null },
  host: { isNumber: false, isWide: false, term: null },
  treatment: { isNumber: false, isWide: false, term: "treatment" },
  order: { isNumber: true, isWide: false, term: "order" },
  delay: { isNumber: true, isWide: false, term: "delay" },
  memory: { isNumber: true, isWide: true, term: null },
  agility: { isNumber: false, isWide: false, term: "agile" },
};
