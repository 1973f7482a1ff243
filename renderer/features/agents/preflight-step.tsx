import { Button, Checkbox } from "@mantine/core";
import { useState } from "react";
import type { AgentBundle, Finding, PreflightReport } from "../../../main/contract/install.ts";
import { useCommand, usePoolId } from "../../console/context.tsx";
import { Ago } from "../../ui/age.tsx";
import { counted } from "../../ui/format.ts";
import { Mark } from "../../ui/mark.tsx";
import { FailureNotice, Notice } from "../../ui/notice.tsx";
import { orderFindings } from "./agent-words.ts";

type ReportHost = PreflightReport["hosts"][number];

const FindingRow = (props: {
  readonly finding: Finding;
  readonly isAcknowledged: boolean | null;
  readonly onAcknowledge: () => void;
}) => {
  const { finding, isAcknowledged } = props;
  return (
    <li data-state={finding.state}>
      <Mark name={`check-${finding.state}`} onlyIcon />
      <span>
        <strong>{finding.title}</strong> {finding.sentence}{" "}
        {finding.evidence === "" ? null : (
          <span className="sk-faint">Evidence: {finding.evidence}</span>
        )}
        {finding.fix === null ? null : (
          <>
            {" "}
            <b>Fix:</b> {finding.fix}
          </>
        )}
        {isAcknowledged === null ? null : (
          <Checkbox
            label={`Acknowledge: ${finding.title}`}
            checked={isAcknowledged}
            onChange={props.onAcknowledge}
          />
        )}
      </span>
    </li>
  );
};

const HostFindings = (props: {
  readonly host: ReportHost;
  readonly ids: readonly string[];
  readonly acknowledged: ReadonlySet<string>;
  readonly onToggle: (id: string) => void;
}) => {
  const { host } = props;
  const shown = orderFindings(host.findings).filter((finding) => finding.state !== "passed");
  const passed = host.findings.length - shown.length;
  return (
    <section className="sk-agents__runhost" aria-label={host.hostName}>
      <h3>
        {host.hostName} <span className="sk-faint">{counted(passed, "point")} passed</span>
      </h3>
      <ul>
        {shown.map((finding) => {
          const id = `${host.hostUuid}/${finding.id}`;
          return (
            <FindingRow
              key={finding.id}
              finding={finding}
              isAcknowledged={props.ids.includes(id) ? props.acknowledged.has(id) : null}
              onAcknowledge={() => props.onToggle(id)}
            />
          );
        })}
      </ul>
    </section>
  );
};

/** Why agents cannot be installed now; null when they can. */
const obstacleTo = (
  bundle: AgentBundle,
  report: PreflightReport | null,
  acknowledged: ReadonlySet<string>,
): string | null => {
  if (bundle.state !== "good") return bundle.sentence;
  if (report === null) return "Look at the hosts first.";
  if (report.verdict === "failed") return "At least one point failed.";
  const open = report.acknowledgeIds.filter((id) => !acknowledged.has(id)).length;
  return open === 0 ? null : `${counted(open, "point")} to acknowledge.`;
};

const Report = (props: {
  readonly report: PreflightReport;
  readonly acknowledged: ReadonlySet<string>;
  readonly onToggle: (id: string) => void;
}) => {
  const { report, acknowledged, onToggle } = props;
  return (
    <>
      <p>
        Looked at <Ago atMs={report.atMs} />. Nothing was written.
      </p>
      <div className="sk-agents__runhosts">
        {report.hosts.map((host) => (
          <HostFindings
            key={host.hostUuid}
            host={host}
            ids={report.acknowledgeIds}
            acknowledged={acknowledged}
            onToggle={onToggle}
          />
        ))}
      </div>
    </>
  );
};

/** Looks at all hosts without writing, then a dry run or the installation by the same code. */
export const PreflightStep = (props: {
  readonly bundle: AgentBundle;
  readonly report: PreflightReport | null;
  readonly isRunning: boolean;
}) => {
  const { bundle, report, isRunning } = props;
  const poolId = usePoolId();
  const preflight = useCommand("agents.preflight");
  const install = useCommand("agents.install");
  const [acknowledged, setAcknowledged] = useState<ReadonlySet<string>>(new Set());
  const toggle = (id: string): void => {
    const after = new Set(acknowledged);
    if (!after.delete(id)) after.add(id);
    setAcknowledged(after);
  };
  const obstacle = obstacleTo(bundle, report, acknowledged);
  const error = preflight.error ?? install.error;
  const start = (dryRun: boolean): void => {
    const acknowledgedIds = (report?.acknowledgeIds ?? []).filter((id) => acknowledged.has(id));
    void install.run({ poolId, dryRun, acknowledgedIds });
  };
  return (
    <div className="sk-agents__step">
      <p className="sk-dim">{bundle.sentence}</p>
      {error === null ? null : <FailureNotice error={error} />}
      {report === null ? null : (
        <Report report={report} acknowledged={acknowledged} onToggle={toggle} />
      )}
      <Notice tone="none">
        <p>An installed agent watches and writes down what it sees. It does not protect any VM.</p>
      </Notice>
      <div className="sk-agents__line">
        <Button
          variant={report === null ? "filled" : "default"}
          loading={preflight.isBusy}
          disabled={isRunning}
          onClick={() => {
            setAcknowledged(new Set());
            void preflight.run({ poolId });
          }}
        >
          {report === null ? "Look at all hosts" : "Look again"}
        </Button>
        <Button
          variant="default"
          loading={install.isBusy}
          disabled={obstacle !== null || isRunning}
          onClick={() => start(true)}
        >
          Dry run
        </Button>
        <Button
          loading={install.isBusy}
          disabled={obstacle !== null || isRunning}
          onClick={() => start(false)}
        >
          Install agents
        </Button>
        {obstacle === null ? null : <span role="status">{obstacle}</span>}
      </div>
    </div>
  );
};
