import { Button } from "@mantine/core";
import { IconArrowBackUp, IconCircleCheck, IconUrgent } from "@tabler/icons-react";
import { useEffect, useRef } from "react";
import type { Run } from "../../../main/contract/run.ts";
import { useCommand, usePoolId } from "../../console/context.tsx";
import { FailureNotice } from "../../ui/notice.tsx";
import { Reasons } from "../../ui/panel.tsx";
import { counted } from "../../ui/format.ts";

const CloseReport = ({ run }: { readonly run: Run }) => {
  const poolId = usePoolId();
  const dismiss = useCommand("reboot.dismiss");
  return (
    <>
      <Button
        variant="default"
        loading={dismiss.isBusy}
        onClick={() => void dismiss.run({ poolId, runId: run.runId })}
      >
        Close the report
      </Button>
      {dismiss.error === null ? null : (
        <div className="sk-end__text">
          <FailureNotice error={dismiss.error} />
        </div>
      )}
    </>
  );
};

const DoneEnd = ({ run }: { readonly run: Run }) => {
  const differing = run.comparison.filter((row) => !row.same).length;
  return (
    <section className="sk-end" data-end="done" aria-label="Outcome">
      <IconCircleCheck size={40} stroke={1.5} aria-hidden />
      <h2>{run.hostName} was rebooted and is back</h2>
      <CloseReport run={run} />
      <p>
        {differing === 0
          ? "Everything compared is as it was before."
          : `${counted(differing, "point")} ${differing === 1 ? "is" : "are"} not as before: see the table.`}
      </p>
    </section>
  );
};

const PutBackEnd = ({ run }: { readonly run: Run }) => (
  <section className="sk-end" data-end="put-back" aria-label="Outcome">
    <IconArrowBackUp size={40} stroke={1.5} aria-hidden />
    <h2>The reboot of {run.hostName} stopped, and everything changed was put back</h2>
    <CloseReport run={run} />
    <div className="sk-end__text">
      {run.error === null ? (
        <p>It was stopped by a person. Nothing failed.</p>
      ) : (
        <>
          <p>
            <strong>{run.error.sentence}</strong>
          </p>
          <p>
            <b>Next step:</b> {run.error.nextStep}
          </p>
        </>
      )}
    </div>
  </section>
);

const NeedsPersonEnd = ({ run }: { readonly run: Run }) => {
  const left = run.phases.filter((phase) => phase.state === "undo-failed");
  return (
    <section className="sk-end" data-end="needs-person" aria-label="Outcome" role="alert">
      <IconUrgent size={40} stroke={1.5} aria-hidden />
      <h2>A person must act: not everything could be put back</h2>
      <CloseReport run={run} />
      <div className="sk-end__text">
        {run.error === null ? null : (
          <>
            <p>
              <strong>{run.error.sentence}</strong>
            </p>
            <p>
              <b>Next step:</b> {run.error.nextStep}
            </p>
          </>
        )}
        {left.length === 0 ? null : (
          <>
            <p style={{ marginTop: 8 }}>Still changed:</p>
            <Reasons
              reasons={left.map(
                (phase) => `${phase.title}. ${phase.error?.sentence ?? phase.sentence}`,
              )}
            />
          </>
        )}
      </div>
    </section>
  );
};

/** Three ends, three pictures: done, put back, somebody is needed; brought into sight. */
export const RunEnd = ({ run }: { readonly run: Run }) => {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    place.current?.scrollIntoView({ block: "center" });
  }, [run.status]);
  return (
    <div ref={place} aria-live="polite">
      <End run={run} />
    </div>
  );
};

const End = ({ run }: { readonly run: Run }) => {
  switch (run.status) {
    case "running":
    case "undoing":
      return null;
    case "done":
      return <DoneEnd run={run} />;
    case "put-back":
      return <PutBackEnd run={run} />;
    case "needs-person":
      return <NeedsPersonEnd run={run} />;
  }
};
