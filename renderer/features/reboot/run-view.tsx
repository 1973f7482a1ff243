import { Button, Modal } from "@mantine/core";
import { useState } from "react";
import type { Run } from "../../../main/contract/run.ts";
import { useCommand, usePoolId } from "../../console/context.tsx";
import { Lasting } from "../../ui/age.tsx";
import { formatTime } from "../../ui/format.ts";
import { Mark } from "../../ui/mark.tsx";
import { FailureNotice } from "../../ui/notice.tsx";
import { Panel, Reasons } from "../../ui/panel.tsx";
import { PhaseList } from "./phase-list.tsx";
import { RunEnd } from "./run-end.tsx";
import { currentPhase, isVmDone, phaseCounts, undoSentences } from "./run-words.ts";

const StopButton = ({ run }: { readonly run: Run }) => {
  const poolId = usePoolId();
  const stop = useCommand("reboot.stop");
  const [isAsking, setAsking] = useState(false);
  const [isAsked, setAsked] = useState(false);
  const undo = undoSentences(run);
  const confirm = async (): Promise<void> => {
    const result = await stop.run({ poolId, runId: run.runId });
    setAsked(result.ok);
    setAsking(false);
  };
  if (run.status !== "running") return null;
  return (
    <>
      {stop.error === null ? null : <FailureNotice error={stop.error} />}
      <Button
        variant="default"
        disabled={isAsked}
        loading={stop.isBusy}
        onClick={() => setAsking(true)}
        w="fit-content"
      >
        {isAsked ? "Stopping after this phase" : "Stop and put back"}
      </Button>
      <Modal
        opened={isAsking}
        onClose={() => setAsking(false)}
        title="Stop and put everything back?"
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <div className="sk-modal">
          <p>The current phase ends first. Then, in this order:</p>
          {undo.length === 0 ? (
            <p className="sk-dim">Nothing was changed yet, so there is nothing to put back.</p>
          ) : (
            <Reasons reasons={undo} />
          )}
          <div className="sk-form__buttons">
            <Button variant="default" onClick={() => setAsking(false)} data-autofocus>
              Go on with the run
            </Button>
            <Button color="red" loading={stop.isBusy} onClick={() => void confirm()}>
              Stop and put back
            </Button>
          </div>
        </div>
      </Modal>
    </>
  );
};

const NowPanel = ({ run }: { readonly run: Run }) => {
  const phase = currentPhase(run);
  const counts = phaseCounts(run);
  const vms = phase?.vms ?? [];
  return (
    <Panel
      title={run.status === "undoing" ? "Being put back now" : "Happening now"}
      side={
        <span>
          started by {run.owner}, running for{" "}
          <Lasting fromMs={run.startedAtMs} toMs={run.endedAtMs} />
        </span>
      }
    >
      <div className="sk-now">
        <p className="sk-now__title" role="status">
          {phase?.title ?? "Starting"}
        </p>
        <p>{phase?.sentence ?? "The run is written to the pool before anything is changed."}</p>
        <p className="sk-now__facts">
          <span>
            Phases <b>{counts.done}</b> of <b>{counts.all}</b>
          </span>
          {vms.length === 0 ? null : (
            <span>
              VMs <b>{vms.filter(isVmDone).length}</b> of <b>{vms.length}</b>
            </span>
          )}
          {phase?.startedAtMs == null ? null : (
            <span>
              This phase{" "}
              <b>
                <Lasting fromMs={phase.startedAtMs} toMs={phase.endedAtMs} />
              </b>
            </span>
          )}
        </p>
        <StopButton run={run} />
      </div>
    </Panel>
  );
};

/** What a failure or a stop would put back, as it stands now. */
const UndoPanel = ({ run }: { readonly run: Run }) => {
  const undo = undoSentences(run);
  return (
    <Panel title="If a step fails, or it is stopped">
      {undo.length === 0 ? (
        <p className="sk-dim">Nothing was changed yet.</p>
      ) : (
        <Reasons reasons={undo} />
      )}
    </Panel>
  );
};

/** A run from its first phase to its report. It is written in the pool, so any console shows it. */
export const RunView = ({ run }: { readonly run: Run }) => {
  const isOver = run.status !== "running" && run.status !== "undoing";
  return (
    <>
      <div className="sk-reboot__title">
        <h2>Reboot of {run.hostName}</h2>
        <span className="sk-faint">since {formatTime(run.startedAtMs)}</span>
      </div>
      {isOver ? <RunEnd run={run} /> : null}
      <div className="sk-reboot">
        <Panel
          title="Phases"
          side={
            isOver ? (
              <span>
                took <Lasting fromMs={run.startedAtMs} toMs={run.endedAtMs} />
              </span>
            ) : null
          }
        >
          <PhaseList phases={run.phases} isPlan={false} />
        </Panel>
        <div className="sk-reboot__column">
          {isOver ? <Comparison run={run} /> : <NowPanel run={run} />}
          {run.status === "running" ? <UndoPanel run={run} /> : null}
        </div>
      </div>
    </>
  );
};

const Comparison = ({ run }: { readonly run: Run }) => (
  <Panel title="Before and after" isFlush>
    {run.comparison.length === 0 ? (
      <div className="sk-panel__body sk-dim">
        The run ended before there was anything to compare.
      </div>
    ) : (
      <ComparisonTable run={run} />
    )}
  </Panel>
);

const ComparisonTable = ({ run }: { readonly run: Run }) => (
  <table className="sk-table" aria-label="Before and after">
    <thead>
      <tr>
        <th scope="col">What</th>
        <th scope="col">Before</th>
        <th scope="col">After</th>
        <th scope="col">
          <span className="sk-hidden">Agrees</span>
        </th>
      </tr>
    </thead>
    <tbody>
      {run.comparison
        .toSorted((a, b) => Number(a.same) - Number(b.same))
        .map((row) => (
          <tr key={row.what}>
            <td>{row.what}</td>
            <td className="sk-dim">{row.before}</td>
            <td>{row.after}</td>
            <td>
              <Mark name={row.same ? "same" : "differs"} />
            </td>
          </tr>
        ))}
    </tbody>
  </table>
);
