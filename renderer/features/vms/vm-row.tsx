import { memo, useEffect, useState, type KeyboardEvent } from "react";
import type { Treatment } from "../../../main/contract/pool.ts";
import { formatBytes } from "../../ui/format.ts";
import { Mark } from "../../ui/mark.tsx";
import { treatmentWords, type Draft } from "./drafts.ts";
import type { VmRow } from "./filter.ts";

export type Writing = "idle" | "writing" | "failed";

export interface RowActions {
  readonly onEdit: (uuid: string, change: Draft) => void;
  readonly onSelect: (uuid: string, isRange: boolean) => void;
  readonly onFocusRow: (index: number) => void;
}

const treatments: readonly Treatment[] = ["restart", "best-effort", "unprotected"];

/** Written on leaving the cell or with Enter; Escape takes the typed number back. */
const NumberCell = (props: {
  readonly value: number;
  readonly isEdited: boolean;
  readonly label: string;
  readonly tabIndex: number;
  readonly onCommit: (value: number) => void;
}) => {
  const { value } = props;
  const [text, setText] = useState(String(value));
  useEffect(() => setText(String(value)), [value]);
  const commit = (): void => {
    const typed = Number(text);
    if (text.trim() === "" || !Number.isSafeInteger(typed) || typed < 0 || typed > 2_147_483_647) {
      setText(String(value));
    } else if (typed !== value) props.onCommit(typed);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === "Enter") commit();
    if (event.key === "Escape") setText(String(value));
  };
  return (
    <input
      className="sk-cell-input"
      inputMode="numeric"
      aria-label={props.label}
      value={text}
      data-edited={props.isEdited}
      tabIndex={props.tabIndex}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={onKeyDown}
    />
  );
};

const StateCell = ({ row }: { readonly row: VmRow }) => {
  const { vm } = row;
  const [doing] = vm.busyWith;
  if (doing === undefined) return <Mark name={`power-${vm.powerState}`} sizePx={13} />;
  return (
    <span title={vm.busyWith.join(", ")}>
      <Mark name="busy" word={doing} sizePx={13} />
    </span>
  );
};

const DraftMark = (props: { readonly isEdited: boolean; readonly writing: Writing }) => {
  if (!props.isEdited || props.writing === "idle") return null;
  if (props.writing === "writing") return <Mark name="busy" word="Being written" onlyIcon />;
  return <Mark name="check-failed" word="Not written" onlyIcon />;
};

const AgilityCell = ({ row }: { readonly row: VmRow }) => {
  const { agile, reasons } = row.vm.agility;
  return (
    <span title={agile ? "All disks and networks are shared." : reasons.join("\n")}>
      <Mark name={agile ? "agile" : "not-agile"} sizePx={13} />
    </span>
  );
};

const EditCells = (props: VmRowProps) => {
  const { row, draft, tabIndex, actions } = props;
  const { vm } = row;
  const treatment = draft?.treatment ?? vm.treatment;
  return (
    <>
      <td className="sk-vms__tight">
        <select
          className="sk-cell-select"
          aria-label={`Treatment of ${vm.name}`}
          value={treatment}
          data-edited={draft?.treatment !== undefined}
          tabIndex={tabIndex}
          onChange={(event) =>
            actions.onEdit(vm.uuid, { treatment: event.currentTarget.value as Treatment })
          }
        >
          {treatments.map((each) => (
            <option key={each} value={each}>
              {treatmentWords[each]}
            </option>
          ))}
        </select>
      </td>
      <td className="sk-vms__tight">
        <NumberCell
          value={draft?.order ?? vm.order}
          isEdited={draft?.order !== undefined}
          label={`Order of ${vm.name}`}
          tabIndex={tabIndex}
          onCommit={(order) => actions.onEdit(vm.uuid, { order })}
        />
      </td>
      <td className="sk-vms__tight">
        <NumberCell
          value={draft?.startDelayS ?? vm.startDelayS}
          isEdited={draft?.startDelayS !== undefined}
          label={`Delay of ${vm.name} in seconds`}
          tabIndex={tabIndex}
          onCommit={(startDelayS) => actions.onEdit(vm.uuid, { startDelayS })}
        />
      </td>
    </>
  );
};

interface VmRowProps {
  readonly row: VmRow;
  readonly index: number;
  readonly draft: Draft | undefined;
  readonly isSelected: boolean;
  /** 0 in the row that holds the keyboard, -1 elsewhere */
  readonly tabIndex: number;
  readonly writing: Writing;
  readonly actions: RowActions;
}

export const VmTableRow = memo((props: VmRowProps) => {
  const { row, index, draft, isSelected, tabIndex, actions } = props;
  const { vm } = row;
  return (
    <tr
      data-index={index}
      data-vm={vm.uuid}
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      tabIndex={tabIndex}
      onFocus={() => actions.onFocusRow(index)}
    >
      <td>
        <input
          type="checkbox"
          aria-label={`Select ${vm.name}`}
          checked={isSelected}
          tabIndex={tabIndex}
          onClick={(event) => actions.onSelect(vm.uuid, event.shiftKey)}
          onChange={() => undefined}
        />
      </td>
      <td title={vm.applianceName === null ? vm.name : `${vm.name} (vApp ${vm.applianceName})`}>
        <span className="sk-vms__name">
          <span className="sk-cut">{vm.name}</span>
          <DraftMark isEdited={draft !== undefined} writing={props.writing} />
        </span>
      </td>
      <td>
        <StateCell row={row} />
      </td>
      <td title={row.hostName}>
        {row.hostName === "" ? <span className="sk-faint">nowhere</span> : row.hostName}
      </td>
      <EditCells {...props} />
      <td className="sk-num sk-vms__wide">{formatBytes(vm.memoryBytes)}</td>
      <td>
        <AgilityCell row={row} />
      </td>
    </tr>
  );
});
VmTableRow.displayName = "VmTableRow";
