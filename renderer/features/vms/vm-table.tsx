import { useTable } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { Explain } from "../../ui/explain.tsx";
import { glossary } from "../../ui/glossary.ts";
import { columnLooks, columns, features } from "./columns.ts";
import type { Draft, Drafts } from "./drafts.ts";
import type { VmRow } from "./filter.ts";
import { moveIndex, selectRange } from "./row-keys.ts";
import { VmTableRow, type RowActions, type Writing } from "./vm-row.tsx";

const rowHeightPx = 33;

interface VmTableProps {
  readonly rows: readonly VmRow[];
  readonly drafts: Drafts;
  readonly selected: ReadonlySet<string>;
  readonly writing: Writing;
  readonly onEdit: (uuid: string, change: Draft) => void;
  readonly onSelect: (selected: ReadonlySet<string>) => void;
}

type SortedTable = ReturnType<typeof useSortedTable>;

const useSortedTable = (rows: readonly VmRow[]) =>
  useTable({
    features,
    columns,
    data: rows,
    getRowId: (row) => row.vm.uuid,
    enableSortingRemoval: false,
    enableMultiSort: false,
    initialState: { sorting: [{ id: "name", desc: false }] },
  });

const ariaSort = (sorted: false | "asc" | "desc"): "ascending" | "descending" | "none" => {
  if (sorted === false) return "none";
  return sorted === "asc" ? "ascending" : "descending";
};

const Headers = (props: {
  readonly table: SortedTable;
  readonly isAll: boolean;
  readonly onAll: () => void;
}) => (
  <thead>
    <tr aria-rowindex={1}>
      <th scope="col">
        <input
          type="checkbox"
          aria-label="Select all VMs shown"
          checked={props.isAll}
          onChange={props.onAll}
        />
      </th>
      {props.table.getHeaderGroups()[0]?.headers.map((header) => {
        const look = columnLooks[header.id];
        const sorted = header.column.getIsSorted();
        const Arrow = sorted === "desc" ? IconArrowDown : IconArrowUp;
        const className = `${look?.isNumber ? "sk-num" : ""} ${look?.isWide ? "sk-vms__wide" : ""}`;
        return (
          <th
            key={header.id}
            scope="col"
            className={className}
            aria-sort={ariaSort(sorted)}
            title={look?.term == null ? undefined : glossary[look.term]}
          >
            <button
              type="button"
              className="sk-sort"
              data-sorted={sorted !== false}
              onClick={header.column.getToggleSortingHandler()}
            >
              {header.column.columnDef.header as string}
              {sorted === false ? null : <Arrow size={12} aria-hidden />}
            </button>{" "}
            {look?.term == null ? null : (
              <span className="sk-vms__wide">
                <Explain term={look.term}>?</Explain>
              </span>
            )}
          </th>
        );
      })}
    </tr>
  </thead>
);

const Columns = () => (
  <colgroup>
    <col data-column="select" />
    {Object.entries(columnLooks).map(([id, look]) => (
      <col key={id} data-column={id} className={look.isWide ? "sk-vms__wide" : undefined} />
    ))}
  </colgroup>
);

const Spacer = ({ heightPx }: { readonly heightPx: number }) =>
  heightPx <= 0 ? null : (
    <tr data-spacer aria-hidden style={{ height: heightPx }}>
      <td colSpan={9} />
    </tr>
  );

/** Moves the keyboard to a row that may have to be scrolled into being first. */
const useRowFocus = (
  scroller: React.RefObject<HTMLDivElement | null>,
  scrollTo: (index: number) => void,
) => {
  const wanted = useRef<number | null>(null);
  useEffect(() => {
    if (wanted.current === null) return;
    const row = scroller.current?.querySelector<HTMLElement>(`[data-index="${wanted.current}"]`);
    if (row == null) return;
    wanted.current = null;
    row.focus({ preventScroll: true });
  });
  return (index: number): void => {
    wanted.current = index;
    scrollTo(index);
  };
};

type Sorted = ReturnType<SortedTable["getRowModel"]>["rows"];

/** Handlers that stay the same objects, so that a row repaints only when its own data changed. */
const useRowActions = (
  props: VmTableProps,
  sorted: Sorted,
  onFocusRow: (index: number) => void,
): RowActions => {
  const anchor = useRef<string | null>(null);
  const select = (uuid: string, isRange: boolean): void => {
    const order = sorted.map((row) => row.original.vm.uuid);
    const from = isRange ? anchor.current : null;
    props.onSelect(selectRange({ selected: props.selected, order, uuid, anchor: from }));
    anchor.current = uuid;
  };
  const latest = useRef({ select, onEdit: props.onEdit });
  useEffect(() => {
    latest.current = { select, onEdit: props.onEdit };
  });
  const [actions] = useState<RowActions>(() => ({
    onEdit: (uuid, change) => latest.current.onEdit(uuid, change),
    onSelect: (uuid, isRange) => latest.current.select(uuid, isRange),
    onFocusRow,
  }));
  return actions;
};

interface GridKeys {
  readonly index: number;
  readonly count: number;
  readonly viewHeightPx: number;
  readonly select: (isRange: boolean) => void;
  readonly moveTo: (index: number) => void;
}

/** Keys of the row that holds the keyboard; inside a cell only Escape is ours. */
const onGridKey = (event: KeyboardEvent<HTMLElement>, grid: GridKeys): void => {
  const target = event.target as HTMLElement;
  if (target.tagName !== "TR") {
    if (event.key === "Escape") target.closest("tr")?.focus();
    return;
  }
  const pageRows = Math.floor(grid.viewHeightPx / rowHeightPx) - 1;
  const next = moveIndex(event.key, { index: grid.index, count: grid.count, pageRows });
  if (next !== null) grid.moveTo(next);
  else if (event.key === " ") grid.select(event.shiftKey);
  else if (event.key === "Enter") target.querySelector<HTMLElement>("select")?.focus();
  else return;
  event.preventDefault();
};

const Body = (props: {
  readonly sorted: Sorted;
  readonly virtualizer: ReturnType<typeof useVirtualizer<HTMLDivElement, Element>>;
  readonly activeIndex: number;
  readonly table: VmTableProps;
  readonly actions: RowActions;
}) => {
  const { sorted, virtualizer, activeIndex, actions } = props;
  const { drafts, selected, writing } = props.table;
  const items = virtualizer.getVirtualItems();
  return (
    <tbody>
      <Spacer heightPx={items[0]?.start ?? 0} />
      {items.flatMap((item) => {
        const row = sorted[item.index]?.original;
        return row === undefined ? (
          []
        ) : (
          <VmTableRow
            key={row.vm.uuid}
            row={row}
            index={item.index}
            draft={drafts.get(row.vm.uuid)}
            isSelected={selected.has(row.vm.uuid)}
            tabIndex={item.index === activeIndex ? 0 : -1}
            writing={writing}
            actions={actions}
          />
        );
      })}
      <Spacer heightPx={virtualizer.getTotalSize() - (items.at(-1)?.end ?? 0)} />
    </tbody>
  );
};

/** Rows in view only; one row holds the keyboard, arrows move it, Space selects, Tab enters it. */
export const VmTable = (props: VmTableProps) => {
  const { selected } = props;
  const table = useSortedTable(props.rows);
  const sorted = table.getRowModel().rows;
  const uuids = sorted.map((row) => row.id);
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const virtualizer = useVirtualizer({
    count: sorted.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeightPx,
    overscan: 8,
    scrollPaddingStart: rowHeightPx,
  });
  const focusRow = useRowFocus(scroller, (index) => virtualizer.scrollToIndex(index));
  const activeIndex = Math.min(active, Math.max(0, uuids.length - 1));
  const actions = useRowActions(props, sorted, setActive);
  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void =>
    onGridKey(event, {
      index: activeIndex,
      count: sorted.length,
      viewHeightPx: scroller.current?.clientHeight ?? 0,
      select: (isRange) => {
        const uuid = uuids[activeIndex];
        if (uuid !== undefined) actions.onSelect(uuid, isRange);
      },
      moveTo: (index) => {
        setActive(index);
        focusRow(index);
      },
    });
  const isAll = uuids.every((uuid) => selected.has(uuid));
  return (
    <div className="sk-vms__scroll" ref={scroller}>
      <table
        className="sk-vms__table"
        role="grid"
        aria-label="VMs"
        aria-multiselectable
        aria-rowcount={sorted.length + 1}
        onKeyDown={onKeyDown}
      >
        <Columns />
        <Headers
          table={table}
          isAll={isAll}
          onAll={() => props.onSelect(new Set(isAll ? [] : uuids))}
        />
        <Body
          sorted={sorted}
          virtualizer={virtualizer}
          activeIndex={activeIndex}
          table={props}
          actions={actions}
        />
      </table>
    </div>
  );
};
