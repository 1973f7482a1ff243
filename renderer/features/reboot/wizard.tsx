import { Button } from "@mantine/core";
import { useEffect, useState } from "react";
import type { OutputOf } from "../../../main/contract/console-api.ts";
import type { HostSummary } from "../../../main/contract/pool.ts";
import type { Check } from "../../../main/contract/verdict.ts";
import {
  useCommand,
  usePoolFacts,
  usePoolId,
  useQuery,
  type QueryState,
} from "../../console/context.tsx";
import { isBelievable, shownRebootVerdict } from "../../console/shown.ts";
import { CheckList } from "../../ui/check-list.tsx";
import type { CheckRow } from "../../ui/check-groups.ts";
import { Explain } from "../../ui/explain.tsx";
import { Mark } from "../../ui/mark.tsx";
import { FailureNotice } from "../../ui/notice.tsx";
import { Panel } from "../../ui/panel.tsx";
import { FailedPicture, LoadingPicture } from "../../ui/picture.tsx";
import { TypedName } from "../../ui/typed-name.tsx";
import { acknowledgedIds, checkKey, reviewChecks, startObstacle } from "./acknowledge.ts";
import { PhaseList } from "./phase-list.tsx";

type Plan = OutputOf<"reboot.plan">;

const VerdictPanel = (props: {
  readonly host: HostSummary;
  readonly ticked: ReadonlySet<string>;
  readonly onTick: (key: string) => void;
}) => {
  const { host, ticked, onTick } = props;
  const connection = usePoolFacts((facts) => facts.connection);
  const box = (check: CheckRow) =>
    check.state !== "review" ? undefined : (
      <label className="sk-ack">
        <input
          type="checkbox"
          checked={ticked.has(checkKey(check as Check))}
          onChange={() => onTick(checkKey(check as Check))}
          aria-label={`Acknowledge: ${check.title}${
            check.object === null ? "" : `, ${check.object.name}`
          }`}
        />
        Acknowledged
      </label>
    );
  return (
    <Panel
      title={<Explain term="may I reboot">May I reboot {host.name}?</Explain>}
      side={<Mark name={`verdict-${shownRebootVerdict(connection, host)}`} look="chip" />}
    >
      {host.verdict.checks.length === 0 ? (
        <p className="sk-dim">Nothing could be checked yet.</p>
      ) : (
        <CheckList
          checks={host.verdict.checks}
          isCurrent={isBelievable(connection)}
          control={box}
        />
      )}
    </Panel>
  );
};

const HandOver = (props: {
  readonly plan: Plan;
  readonly chosen: string | null;
  readonly onChoose: (uuid: string) => void;
}) => {
  const { plan } = props;
  if (plan.handOverToUuid === null && plan.handOverCandidates.length === 0) return null;
  return (
    <p className="sk-ack" style={{ marginBottom: 8 }}>
      <label htmlFor="hand-over">
        <Explain term="hand over">Hand the coordinator role to</Explain>
      </label>
      <select
        id="hand-over"
        className="sk-select"
        value={props.chosen ?? plan.handOverToUuid ?? ""}
        onChange={(event) => props.onChoose(event.currentTarget.value)}
      >
        {plan.handOverCandidates.map((host) => (
          <option key={host.uuid} value={host.uuid}>
            {host.name}
          </option>
        ))}
      </select>
    </p>
  );
};

const PlanPanel = (props: {
  readonly plan: QueryState<Plan>;
  readonly handOverTo: string | null;
  readonly onHandOver: (uuid: string) => void;
}) => {
  const { plan } = props;
  const body = () => {
    switch (plan.status) {
      case "loading":
        return (
          <LoadingPicture label="The run is played through without doing anything." lines={6} />
        );
      case "failed":
        return <FailedPicture error={plan.error} onRetry={plan.reload} />;
      case "ready":
        return (
          <div className="sk-panel__body">
            <HandOver plan={plan.value} chosen={props.handOverTo} onChoose={props.onHandOver} />
            <PhaseList phases={plan.value.phases} isPlan />
          </div>
        );
    }
  };
  return (
    <Panel title="What would happen" side="Dry run by the code that does it" isFlush>
      {body()}
    </Panel>
  );
};

const ConfirmPanel = (props: {
  readonly host: HostSummary;
  readonly obstacleWithoutName: string | null;
  readonly start: ReturnType<typeof useCommand<"reboot.start">>;
  readonly onStart: (typedName: string) => void;
}) => {
  const { host, start } = props;
  const [typed, setTyped] = useState("");
  const obstacle =
    props.obstacleWithoutName ??
    (typed.trim() === host.name ? null : "Type the host's name to confirm.");
  return (
    <Panel title="Confirm" className="sk-reboot__confirm">
      {start.error === null ? null : (
        <div style={{ marginBottom: 10 }}>
          <FailureNotice error={start.error} />
        </div>
      )}
      <form
        className="sk-confirm"
        onSubmit={(event) => {
          event.preventDefault();
          if (obstacle === null && !start.isBusy) props.onStart(typed.trim());
        }}
      >
        <TypedName name={host.name} what="to confirm" value={typed} onChange={setTyped} />
        <Button type="submit" disabled={obstacle !== null} loading={start.isBusy}>
          Reboot {host.name}
        </Button>
      </form>
      <p className="sk-dim" role="status" style={{ marginTop: 6 }}>
        {obstacle ?? "Ready. It can be stopped at any time; what was changed is put back."}
      </p>
    </Panel>
  );
};

/** Verdict, acknowledgement, dry run, confirmation: one page, read from left to right. */
export const RebootWizard = (props: { readonly host: HostSummary; readonly backHref: string }) => {
  const { host } = props;
  const poolId = usePoolId();
  const connection = usePoolFacts((facts) => facts.connection);
  const engine = usePoolFacts((facts) => facts.pool?.engine ?? null);
  const [ticked, setTicked] = useState<ReadonlySet<string>>(new Set());
  const [handOverTo, setHandOverTo] = useState<string | null>(null);
  const start = useCommand("reboot.start");
  const choice = handOverTo === null ? {} : { handOverToUuid: handOverTo };
  const plan = useQuery("reboot.plan", { poolId, hostUuid: host.uuid, ...choice });
  const { reload } = plan;
  const verdict = shownRebootVerdict(connection, host);
  const basis = `${verdict} ${host.role} ${String(engine?.nativeHa.enabled)} ${host.vmCountRunning}`;
  // The plan rests on these facts: when they move, it is played through again.
  useEffect(() => reload(), [basis, reload]);

  const done = acknowledgedIds(host.verdict.checks, ticked);
  const missing = reviewChecks(host.verdict.checks).filter((check) => !ticked.has(checkKey(check)));
  const obstacle = startObstacle({
    isLive: isBelievable(connection),
    verdict,
    missingCount: missing.length,
    isPlanReady: plan.status === "ready",
    isNamed: true,
  });
  const tick = (key: string): void => {
    const after = new Set(ticked);
    if (!after.delete(key)) after.add(key);
    setTicked(after);
  };
  return (
    <>
      <div className="sk-reboot__title">
        <h2>Reboot {host.name}</h2>
        <span className="sk-role" data-role={host.role}>
          {host.role}
        </span>
        <a className="sk-link" href={props.backHref}>
          Choose another host
        </a>
      </div>
      <div className="sk-reboot">
        <div className="sk-reboot__column sk-reboot__decide">
          <VerdictPanel host={host} ticked={ticked} onTick={tick} />
          <ConfirmPanel
            host={host}
            obstacleWithoutName={obstacle}
            start={start}
            onStart={(typedName) =>
              void start.run({
                poolId,
                hostUuid: host.uuid,
                acknowledgedIds: done,
                typedName,
                ...choice,
              })
            }
          />
        </div>
        <PlanPanel plan={plan} handOverTo={handOverTo} onHandOver={setHandOverTo} />
      </div>
    </>
  );
};
