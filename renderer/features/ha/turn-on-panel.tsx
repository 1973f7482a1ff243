import { Button, Modal, NumberInput } from "@mantine/core";
import { useMemo, useState, type ReactNode } from "react";
import type { OutputOf } from "../../../main/contract/console-api.ts";
import type { PoolSummary } from "../../../main/contract/pool.ts";
import {
  useCommand,
  usePoolFacts,
  usePoolId,
  useQuery,
  type QueryState,
} from "../../console/context.tsx";
import { isBelievable } from "../../console/shown.ts";
import { Explain } from "../../ui/explain.tsx";
import { counted } from "../../ui/format.ts";
import { Mark } from "../../ui/mark.tsx";
import { FailureNotice, Notice } from "../../ui/notice.tsx";
import { Panel, Reasons } from "../../ui/panel.tsx";
import { EmptyPicture, FailedPicture, LoadingPicture } from "../../ui/picture.tsx";
import { countTreatments } from "./count-treatments.ts";
import {
  clampTimeoutS,
  timeoutSDefault,
  timeoutSentences,
  timeoutSMax,
  timeoutSMin,
  timeoutWarning,
} from "./timeout-words.ts";

type HeartbeatSr = OutputOf<"ha.heartbeatSrs">["srs"][number];

const HeartbeatSrs = (props: {
  readonly srs: readonly HeartbeatSr[];
  readonly chosen: ReadonlySet<string>;
  readonly onToggle: (uuid: string) => void;
}) => (
  <ul className="sk-ha__srs">
    {props.srs
      .toSorted((a, b) => Number(b.suitable) - Number(a.suitable))
      .map((sr) => (
        <li key={sr.uuid}>
          <input
            type="checkbox"
            id={`heartbeat-${sr.uuid}`}
            checked={props.chosen.has(sr.uuid)}
            disabled={!sr.suitable}
            onChange={() => props.onToggle(sr.uuid)}
          />
          <label htmlFor={`heartbeat-${sr.uuid}`}>{sr.name}</label>
          <Mark name={sr.suitable ? "suitable" : "unsuitable"} />
          <p>{sr.sentence}</p>
        </li>
      ))}
  </ul>
);

const SrStep = (props: {
  readonly chosen: ReadonlySet<string>;
  readonly onToggle: (uuid: string) => void;
}) => {
  const srs = useQuery("ha.heartbeatSrs", { poolId: usePoolId() });
  const list = (): ReactNode => {
    switch (srs.status) {
      case "loading":
        return <LoadingPicture label="XAPI tries each shared SR. This takes seconds." lines={3} />;
      case "failed":
        return <FailedPicture error={srs.error} onRetry={srs.reload} />;
      case "ready":
        return srs.value.srs.length === 0 ? (
          <EmptyPicture title="No shared SR">
            Native HA needs storage that every host reaches.
          </EmptyPicture>
        ) : (
          <HeartbeatSrs srs={srs.value.srs} chosen={props.chosen} onToggle={props.onToggle} />
        );
    }
  };
  return (
    <div className="sk-ha__step">
      <h3>
        1. <Explain term="heartbeat SR">Heartbeat SR</Explain>
      </h3>
      {list()}
    </div>
  );
};

const TimeoutStep = (props: {
  readonly timeoutS: number;
  readonly onChange: (timeoutS: number) => void;
}) => {
  const usedS = clampTimeoutS(props.timeoutS);
  const warning = timeoutWarning(usedS);
  return (
    <div className="sk-ha__step">
      <h3>
        2. <Explain term="HA timeout">Timeout</Explain>
      </h3>
      <div className="sk-ha__pair">
        <NumberInput
          aria-label="HA timeout in seconds"
          suffix=" s"
          min={timeoutSMin}
          max={timeoutSMax}
          allowDecimal={false}
          value={props.timeoutS}
          onChange={(value) => {
            if (typeof value === "number") props.onChange(value);
          }}
        />
        <div>
          <Reasons reasons={timeoutSentences(usedS)} />
          {warning === null ? null : (
            <p style={{ color: "var(--sk-warn-text)", marginTop: 4 }}>{warning}</p>
          )}
        </div>
      </div>
    </div>
  );
};

type Tolerance = QueryState<OutputOf<"ha.tolerance">>;

const toleranceSentence = (tolerance: Tolerance, chosen: number | null): string => {
  switch (tolerance.status) {
    case "loading":
      return "XAPI computes how many hosts may be lost.";
    case "failed":
      return tolerance.error.sentence;
    case "ready": {
      const max = tolerance.value.maxFailuresToTolerate;
      const nothing =
        (chosen ?? max) === 0 ? " With 0 nothing is guaranteed: XAPI plans for no failure." : "";
      return `At most ${max}. ${tolerance.value.sentence}${nothing}`;
    }
  }
};

const ToleranceStep = (props: {
  readonly tolerance: Tolerance;
  readonly value: number | null;
  readonly onChange: (value: number) => void;
}) => {
  const { tolerance, value } = props;
  const max = tolerance.status === "ready" ? tolerance.value.maxFailuresToTolerate : 0;
  return (
    <div className="sk-ha__step">
      <h3>
        3. <Explain term="failures to tolerate">Failures to tolerate</Explain>
      </h3>
      {tolerance.status === "failed" ? (
        <FailedPicture error={tolerance.error} onRetry={tolerance.reload} />
      ) : (
        <div className="sk-ha__pair">
          <NumberInput
            aria-label="Host failures to tolerate"
            min={0}
            max={max}
            allowDecimal={false}
            disabled={tolerance.status === "loading"}
            value={value ?? max}
            onChange={(typed) => {
              if (typeof typed === "number") props.onChange(typed);
            }}
          />
          <p className="sk-dim">{toleranceSentence(tolerance, value)}</p>
        </div>
      )}
    </div>
  );
};

/** Why it cannot be turned on now, or null. */
const obstacleOf = (at: {
  readonly isLive: boolean;
  readonly pool: PoolSummary;
  readonly srCount: number;
  readonly isRunActive: boolean;
}): string | null => {
  if (!at.isLive) return "The connection is not live.";
  if (at.isRunActive) return "A reboot run is under way; it decides about HA until it ends.";
  if (at.pool.engine.haLizard.enabled) {
    return "HA-Lizard is on. Two engines must never act at once.";
  }
  return at.srCount === 0 ? "Choose a heartbeat SR first." : null;
};

const ConfirmTurnOn = (props: {
  readonly isOpen: boolean;
  readonly isBusy: boolean;
  readonly timeoutS: number;
  readonly onCancel: () => void;
  readonly onConfirm: () => void;
}) => (
  <Modal
    opened={props.isOpen}
    onClose={props.onCancel}
    title="Turn native HA on?"
    closeButtonProps={{ "aria-label": "Close" }}
  >
    <div className="sk-modal">
      <p>
        From then on a host that loses its heartbeats for {props.timeoutS} s resets itself, with
        every VM on it. Restarting the <Explain term="toolstack">toolstack</Explain> or unplugging
        storage by hand becomes dangerous.
      </p>
      <p className="sk-dim">
        It takes up to a minute. Turning it off again is possible at any time.
      </p>
      <div className="sk-form__buttons">
        <Button variant="default" onClick={props.onCancel}>
          Cancel
        </Button>
        <Button loading={props.isBusy} onClick={props.onConfirm} data-autofocus>
          Turn native HA on
        </Button>
      </div>
    </div>
  </Modal>
);

const NothingToRestart = (props: { readonly vmsHref: string }) => (
  <Notice tone="warn">
    <p>
      No VM is set to <Explain term="restart">Restart</Explain>. Native HA would run and guarantee
      nothing.{" "}
      <a className="sk-link" href={props.vmsHref}>
        Choose VMs
      </a>
    </p>
  </Notice>
);

/** Native HA on: where it beats, how patient it is, how much it promises; then one confirmation. */
export const TurnOnPanel = (props: { readonly pool: PoolSummary; readonly vmsHref: string }) => {
  const poolId = usePoolId();
  const vms = usePoolFacts((facts) => facts.vms);
  const isLive = usePoolFacts((facts) => isBelievable(facts.connection));
  const isRunActive = usePoolFacts((facts) => facts.run !== null && facts.run.endedAtMs === null);
  const counts = useMemo(() => countTreatments(vms.values()), [vms]);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [typedS, setTypedS] = useState(timeoutSDefault);
  const timeoutS = clampTimeoutS(typedS);
  const [wanted, setWanted] = useState<number | null>(null);
  const [isAsking, setAsking] = useState(false);
  const enable = useCommand("ha.enable");
  const tolerance = useQuery("ha.tolerance", { poolId });
  const max = tolerance.status === "ready" ? tolerance.value.maxFailuresToTolerate : null;
  const failuresToTolerate = max === null ? null : Math.min(wanted ?? max, max);
  const obstacle = obstacleOf({ isLive, pool: props.pool, srCount: chosen.size, isRunActive });
  const toggle = (uuid: string): void => {
    const after = new Set(chosen);
    if (!after.delete(uuid)) after.add(uuid);
    setChosen(after);
  };
  const turnOn = async (): Promise<void> => {
    if (failuresToTolerate === null) return;
    await enable.run({ poolId, srUuids: [...chosen], timeoutS, failuresToTolerate });
    setAsking(false);
  };
  return (
    <Panel title="Turn native HA on" side={`${counted(counts.restart, "VM")} set to Restart`}>
      <div className="sk-ha__form">
        {counts.restart === 0 ? <NothingToRestart vmsHref={props.vmsHref} /> : null}
        <SrStep chosen={chosen} onToggle={toggle} />
        <TimeoutStep timeoutS={typedS} onChange={setTypedS} />
        <ToleranceStep tolerance={tolerance} value={wanted} onChange={setWanted} />
        {enable.error === null ? null : <FailureNotice error={enable.error} />}
        <div className="sk-form__buttons">
          {obstacle === null ? null : <p className="sk-dim sk-grow">{obstacle}</p>}
          <Button
            disabled={obstacle !== null || failuresToTolerate === null}
            loading={enable.isBusy}
            onClick={() => setAsking(true)}
          >
            Turn native HA on
          </Button>
        </div>
      </div>
      <ConfirmTurnOn
        isOpen={isAsking}
        isBusy={enable.isBusy}
        timeoutS={timeoutS}
        onCancel={() => setAsking(false)}
        onConfirm={() => void turnOn()}
      />
    </Panel>
  );
};
