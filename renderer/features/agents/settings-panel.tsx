import { Button, NumberInput } from "@mantine/core";
import { useState } from "react";
import type {
  SettingField,
  SettingsPreview,
  SettingsState,
  SettingValues,
} from "../../../main/contract/agents.ts";
import { useCommand, usePoolId, useQuery } from "../../console/context.tsx";
import { Ago } from "../../ui/age.tsx";
import { FailureNotice, Notice } from "../../ui/notice.tsx";
import { Panel } from "../../ui/panel.tsx";
import { FailedPicture, LoadingPicture } from "../../ui/picture.tsx";

const Field = (props: {
  readonly field: SettingField;
  readonly value: number;
  readonly problem: string | undefined;
  readonly onChange: (value: number) => void;
}) => {
  const { field } = props;
  return (
    <>
      <NumberInput
        label={`${field.title}, ${field.unit}`}
        value={props.value}
        min={field.min}
        max={field.max}
        clampBehavior="none"
        allowDecimal={false}
        thousandSeparator=","
        error={props.problem}
        onChange={(value) => props.onChange(Number(value))}
      />
      <p>
        {field.meaning} From {field.min.toLocaleString("en-US")} to{" "}
        {field.max.toLocaleString("en-US")}, usually {field.default.toLocaleString("en-US")}.
      </p>
    </>
  );
};

const Changes = ({ preview }: { readonly preview: SettingsPreview }) => (
  <table className="sk-table" aria-label="Changes">
    <thead>
      <tr>
        <th scope="col">Setting</th>
        <th scope="col">Now</th>
        <th scope="col">Then</th>
        <th scope="col">What that means</th>
      </tr>
    </thead>
    <tbody>
      {preview.changes.map((change) => (
        <tr key={change.key}>
          <td>{change.title}</td>
          <td>{change.before}</td>
          <td>{change.after}</td>
          <td>{change.consequence}</td>
        </tr>
      ))}
    </tbody>
  </table>
);

const History = (props: {
  readonly state: SettingsState;
  readonly onUse: (values: SettingValues) => void;
}) => {
  const { history } = props.state;
  if (history.length === 0) return null;
  return (
    <table className="sk-table" aria-label="Earlier settings">
      <thead>
        <tr>
          <th scope="col">Revision</th>
          <th scope="col">Written</th>
          <th scope="col">By</th>
          <th scope="col">
            <span className="sk-hidden">Use again</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {history.map((entry) => (
          <tr key={entry.revision}>
            <td>{entry.revision}</td>
            <td>
              <Ago atMs={entry.atMs} />
            </td>
            <td>{entry.owner}</td>
            <td className="sk-num">
              <button type="button" className="sk-link" onClick={() => props.onUse(entry.values)}>
                Put revision {entry.revision} into the form
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
};

/** A preview belongs to the values it was made for; other values need a new one. */
const useDraft = (state: SettingsState, onWritten: () => void) => {
  const poolId = usePoolId();
  const previewing = useCommand("agents.previewSettings");
  const applying = useCommand("agents.applySettings");
  const [values, setValues] = useState<SettingValues>(state.current);
  const [preview, setPreview] = useState<SettingsPreview | null>(null);
  const change = (next: SettingValues): void => {
    setValues(next);
    setPreview(null);
  };
  const ask = async (): Promise<void> => {
    const result = await previewing.run({ poolId, values });
    if (result.ok) setPreview(result.value);
  };
  const apply = async (): Promise<void> => {
    const result = await applying.run({ poolId, expectedRevision: state.revision, values });
    if (!result.ok) return;
    setPreview(null);
    onWritten();
  };
  return { values, preview, change, ask, apply, previewing, applying };
};

const Form = (props: { readonly state: SettingsState; readonly onWritten: () => void }) => {
  const { state } = props;
  const draft = useDraft(state, props.onWritten);
  const { values, preview, previewing, applying } = draft;
  const error = previewing.error ?? applying.error;
  const isEdited = JSON.stringify(values) !== JSON.stringify(state.current);
  const canApply = preview !== null && preview.problems.length === 0 && preview.changes.length > 0;
  return (
    <div className="sk-agents__step">
      {state.problem === null ? null : <Notice tone="warn">{state.problem}</Notice>}
      <div className="sk-agents__fields">
        {state.fields.map((field) => (
          <Field
            key={field.key}
            field={field}
            value={values[field.key]}
            problem={preview?.problems.find((problem) => problem.key === field.key)?.sentence}
            onChange={(value) => draft.change({ ...values, [field.key]: value })}
          />
        ))}
      </div>
      {error === null ? null : <FailureNotice error={error} />}
      {preview === null ? null : <Changes preview={preview} />}
      <div className="sk-agents__line">
        <Button
          variant="default"
          loading={previewing.isBusy}
          disabled={!isEdited}
          onClick={() => void draft.ask()}
        >
          Show what changes
        </Button>
        <Button loading={applying.isBusy} disabled={!canApply} onClick={() => void draft.apply()}>
          Apply to the pool
        </Button>
        {isEdited ? (
          <Button variant="subtle" color="gray" onClick={() => draft.change(state.current)}>
            Discard
          </Button>
        ) : null}
      </div>
      <History state={state} onUse={draft.change} />
    </div>
  );
};

/** Settings of all agents of the pool: a form, what it would change, and what was there before. */
export const SettingsPanel = () => {
  const settings = useQuery("agents.settings", { poolId: usePoolId() });
  switch (settings.status) {
    case "loading":
      return (
        <Panel title="Settings of the agents">
          <LoadingPicture label="Reading the settings" lines={4} />
        </Panel>
      );
    case "failed":
      return (
        <Panel title="Settings of the agents">
          <FailedPicture error={settings.error} onRetry={settings.reload} />
        </Panel>
      );
    case "ready":
      return (
        <Panel
          title="Settings of the agents"
          side={
            settings.value.revision === 0
              ? "Usual values, never changed"
              : `Revision ${settings.value.revision}`
          }
        >
          <Form key={settings.value.revision} state={settings.value} onWritten={settings.reload} />
        </Panel>
      );
  }
};
