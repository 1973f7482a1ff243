import { Button } from "@mantine/core";
import { useState } from "react";
import type { ConsoleError } from "../../../main/contract/errors.ts";
import type { Treatment, VmSummary } from "../../../main/contract/pool.ts";
import { Explain } from "../../ui/explain.tsx";
import { counted, formatCount, listNames } from "../../ui/format.ts";
import { FailureNotice } from "../../ui/notice.tsx";
import { Panel } from "../../ui/panel.tsx";
import { sharedValue, treatmentWords, type DiffRow, type Draft, type Drafts } from "./drafts.ts";
import type { StartStep } from "./start-sequence.ts";

/** A longer list is counted, not drawn. */
const diffRowsMax = 200;
const treatments: readonly Treatment[] = ["restart", "best-effort", "unprotected"];

const BulkNumber = (props: {
  readonly label: string;
  readonly value: number | null;
  readonly onCommit: (value: number) => void;
}) => {
  const [typed, setTyped] = useState<string | null>(null);
  const commit = (): void => {
    const value = Number(typed ?? "");
    const isValid = typed !== null && typed.trim() !== "" && Number.isSafeInteger(value);
    if (isValid && value >= 0 && value <= 2_147_483_647) props.onCommit(value);
    setTyped(null);
  };
  return (
    <input
      className="sk-cell-input"
      inputMode="numeric"
      aria-label={props.label}
      placeholder={props.value === null ? "mixed" : ""}
      value={typed ?? (props.value === null ? "" : String(props.value))}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === "Enter") commit();
      }}
    />
  );
};

/** One edit for all selected VMs; it lands in the list of changes, nothing is written yet. */
export const BulkPanel = (props: {
  readonly vms: readonly VmSummary[];
  readonly drafts: Drafts;
  readonly onEdit: (change: Draft) => void;
  readonly onClear: () => void;
}) => {
  const { vms, drafts, onEdit } = props;
  const treatment = sharedValue(vms, drafts, "treatment");
  return (
    <Panel
      title={`Edit ${counted(vms.length, "VM")}`}
      side={
        <button type="button" className="sk-link" onClick={props.onClear}>
          Clear selection
        </button>
      }
    >
      <div className="sk-bulk">
        <Explain term="treatment">Treatment</Explain>
        <select
          className="sk-cell-select"
          aria-label="Treatment of the selected VMs"
          value={treatment ?? ""}
          onChange={(event) => onEdit({ treatment: event.currentTarget.value as Treatment })}
        >
          {treatment === null ? <option value="">mixed</option> : null}
          {treatments.map((each) => (
            <option key={each} value={each}>
              {treatmentWords[each]}
            </option>
          ))}
        </select>
        <Explain term="order">Order</Explain>
        <BulkNumber
          label="Order of the selected VMs"
          value={sharedValue(vms, drafts, "order")}
          onCommit={(order) => onEdit({ order })}
        />
        <Explain term="delay">Delay, s</Explain>
        <BulkNumber
          label="Delay of the selected VMs in seconds"
          value={sharedValue(vms, drafts, "startDelayS")}
          onCommit={(startDelayS) => onEdit({ startDelayS })}
        />
      </div>
    </Panel>
  );
};

const Diff = ({ row }: { readonly row: DiffRow }) => (
  <li>
    <strong className="sk-cut">{row.name}</strong>
    {row.lines.map((line) => (
      <div key={line.what} className="sk-diff__line">
        {line.what} <del>{line.before}</del> <span aria-hidden>→</span>
        <span className="sk-hidden">becomes</span> <ins>{line.after}</ins>
      </div>
    ))}
    {row.objection === null ? null : <p className="sk-diff__objection">{row.objection}</p>}
  </li>
);

/** What would be written, seen before it is. */
export const ChangesPanel = (props: {
  readonly rows: readonly DiffRow[];
  readonly isWriting: boolean;
  readonly canApply: boolean;
  readonly error: ConsoleError | null;
  readonly onApply: () => void;
  readonly onDiscard: () => void;
}) => {
  const { rows } = props;
  const objections = rows.filter((row) => row.objection !== null).length;
  return (
    <Panel title="Changes, not written yet" side={counted(rows.length, "VM")}>
      <ul className="sk-diff" tabIndex={0} aria-label="Changes">
        {rows.slice(0, diffRowsMax).map((row) => (
          <Diff key={row.uuid} row={row} />
        ))}
        {rows.length <= diffRowsMax ? null : (
          <li className="sk-dim">and {formatCount(rows.length - diffRowsMax)} more</li>
        )}
      </ul>
      {objections === 0 ? null : (
        <p className="sk-diff__objection" style={{ marginTop: 8 }}>
          {counted(objections, "VM")} would not be restarted: see the reason above.
        </p>
      )}
      {props.error === null ? null : (
        <div style={{ marginTop: 8 }}>
          <FailureNotice error={props.error} />
        </div>
      )}
      <div className="sk-form__buttons" style={{ marginTop: 10 }}>
        <Button variant="default" disabled={props.isWriting} onClick={props.onDiscard}>
          Discard
        </Button>
        <Button loading={props.isWriting} disabled={!props.canApply} onClick={props.onApply}>
          Apply {counted(rows.length, "change")}
        </Button>
      </div>
      {props.canApply ? null : (
        <p className="sk-faint">Nothing can be written while the connection is not live.</p>
      )}
    </Panel>
  );
};

/** Orders and delays as the sequence they mean. */
export const SequencePanel = ({ steps }: { readonly steps: readonly StartStep[] }) => (
  <Panel title="Start sequence after a host is lost">
    {steps.length === 0 ? (
      <p className="sk-dim">
        No VM is set to <Explain term="restart">Restart</Explain>, so none would start by itself.
      </p>
    ) : (
      <ol className="sk-steps">
        {steps.slice(0, 60).map((step, index) => (
          <li key={step.order}>
            <span className="sk-steps__order">{step.order}</span>
            <p>{listNames(step.names, 4)}</p>
            {index === steps.length - 1 || step.waitS === 0 ? null : (
              <p className="sk-steps__wait">then wait {step.waitS} s</p>
            )}
          </li>
        ))}
      </ol>
    )}
    <p className="sk-faint" style={{ fontSize: 12 }}>
      Only agile VMs set to Restart, and only while native HA is on.
    </p>
  </Panel>
);
