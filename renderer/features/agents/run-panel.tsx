import { Button } from "@mantine/core";
import type { RolloutPhase, RolloutRun } from "../../../main/contract/install.ts";
import { useCommand, usePoolId } from "../../console/context.tsx";
import { Lasting } from "../../ui/age.tsx";
import { formatBytes } from "../../ui/format.ts";
import { Mark, type MarkName } from "../../ui/mark.tsx";
import { FailureNotice } from "../../ui/notice.tsx";
import { Panel } from "../../ui/panel.tsx";
import { runEnd, runMark, runTitle } from "./agent-words.ts";

type RunHost = RolloutRun["hosts"][number];

const hostMarks: Readonly<Record<RunHost["state"], MarkName>> = {
  waiting: "phase-pending",
  running: "phase-running",
  done: "phase-done",
  failed: "phase-failed",
  "put-back": "phase-undone",
  "not-reached": "phase-skipped",
};

const Bytes = ({ bytes }: { readonly bytes: NonNullable<RolloutPhase["bytes"]> }) => {
  const percent = bytes.total === 0 ? 100 : Math.round((bytes.sent / bytes.total) * 100);
  const resumed = bytes.resumedFrom === 0 ? "" : `, went on at ${formatBytes(bytes.resumedFrom)}`;
  return (
    <span className="sk-faint">
      {formatBytes(bytes.sent)} of {formatBytes(bytes.total)} ({percent} %){resumed}
    </span>
  );
};

const Phase = ({ phase }: { readonly phase: RolloutPhase }) => (
  <li data-state={phase.state}>
    <Mark name={`phase-${phase.state}`} onlyIcon />
    <span>
      {phase.title} <span className="sk-dim">{phase.sentence}</span>{" "}
      {phase.bytes === null ? null : <Bytes bytes={phase.bytes} />}
      {phase.error === null ? null : <FailureNotice error={phase.error} />}
    </span>
    {phase.startedAtMs === null ? null : (
      <Lasting fromMs={phase.startedAtMs} toMs={phase.endedAtMs} />
    )}
  </li>
);

const HostPhases = ({ host }: { readonly host: RunHost }) => (
  <section className="sk-agents__runhost" aria-label={host.hostName}>
    <h3>
      {host.hostName} <Mark name={hostMarks[host.state]} />
      {host.isCanary ? <span className="sk-faint">first, and watched</span> : null}
    </h3>
    <ol>
      {host.phases.map((phase) => (
        <Phase key={phase.id} phase={phase} />
      ))}
    </ol>
  </section>
);

/** A roll-out under way or its report: every host with its phases, bytes and errors. */
export const RunPanel = ({ run }: { readonly run: RolloutRun }) => {
  const poolId = usePoolId();
  const stop = useCommand("agents.stopRun");
  const dismiss = useCommand("agents.dismissRun");
  const { runId } = run;
  const isOver = run.endedAtMs !== null;
  const error = stop.error ?? dismiss.error;
  return (
    <Panel
      title={runTitle(run)}
      side={
        <>
          <Mark name={runMark(run)} look="chip" />
          <Lasting fromMs={run.startedAtMs} toMs={run.endedAtMs} />
          {isOver ? (
            <Button
              size="compact-sm"
              variant="default"
              loading={dismiss.isBusy}
              onClick={() => void dismiss.run({ poolId, runId })}
            >
              Close the report
            </Button>
          ) : (
            <Button
              size="compact-sm"
              variant="default"
              loading={stop.isBusy}
              onClick={() => void stop.run({ poolId, runId })}
            >
              Stop and put back
            </Button>
          )}
        </>
      }
    >
      <div className="sk-agents__run" data-end={run.status}>
        <p>{runEnd(run)}</p>
        {error === null ? null : <FailureNotice error={error} />}
        {run.error === null ? null : <FailureNotice error={run.error} />}
        <div className="sk-agents__runhosts">
          {run.hosts.map((host) => (
            <HostPhases key={host.hostUuid} host={host} />
          ))}
        </div>
      </div>
    </Panel>
  );
};
