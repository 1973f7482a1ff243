import { useEffect, useRef } from "react";
import type { Phase } from "../../../main/contract/run.ts";
import { Lasting } from "../../ui/age.tsx";
import { counted } from "../../ui/format.ts";
import { Mark } from "../../ui/mark.tsx";
import { FailureNotice } from "../../ui/notice.tsx";
import { isVmDone, orderVms, vmWords } from "./run-words.ts";

type PhaseVm = Phase["vms"][number];

/** Before the run there is no progress, only where each VM would go. */
const VmPlan = ({ vm }: { readonly vm: PhaseVm }) => (
  <li>
    <span className="sk-cut" title={vm.name}>
      {vm.name}
    </span>
    <span className="sk-cut sk-dim" title={vm.sentence ?? undefined}>
      {vm.targetName === null ? (vm.sentence ?? "stays here") : `to ${vm.targetName}`}
    </span>
  </li>
);

const VmProgress = ({ vm }: { readonly vm: PhaseVm }) => (
  <li>
    <span className="sk-cut" title={vm.name}>
      {vm.name}
    </span>
    <div
      className="sk-meter__bar"
      role="progressbar"
      aria-label={`Progress of ${vm.name}`}
      aria-valuenow={Math.round(vm.progress * 100)}
      aria-valuemin={0}
      aria-valuemax={100}
    >
      <div
        className="sk-meter__fill"
        data-tone={vm.state === "failed" ? "warn" : "accent"}
        style={{ width: `${Math.round(vm.progress * 100)}%` }}
      />
    </div>
    <span className={isVmDone(vm) ? "sk-cut sk-dim" : "sk-cut"} title={vmWords(vm)}>
      {vmWords(vm)}
    </span>
    {vm.sentence === null ? null : <em>{vm.sentence}</em>}
  </li>
);

const PhaseIcon = (props: { readonly phase: Phase; readonly number: number | null }) =>
  props.number === null ? (
    <Mark name={`phase-${props.phase.state}`} onlyIcon sizePx={18} />
  ) : (
    <span className="sk-plan__number">{props.number}</span>
  );

/** Lists that matter now are open; those of finished phases fold away. */
const PhaseVms = (props: { readonly phase: Phase; readonly isPlan: boolean }) => {
  const { phase, isPlan } = props;
  if (phase.vms.length === 0 || phase.state === "skipped") return null;
  if (phase.state === "pending" && !isPlan) return null;
  const list = (
    <ul
      className="sk-plan__vms"
      data-plan={isPlan}
      tabIndex={0}
      aria-label={`VMs of ${phase.title}`}
    >
      {orderVms(phase.vms).map((vm) =>
        isPlan ? <VmPlan key={vm.uuid} vm={vm} /> : <VmProgress key={vm.uuid} vm={vm} />,
      )}
    </ul>
  );
  if (isPlan || (phase.state !== "done" && phase.state !== "undone")) return list;
  return (
    <details className="sk-plan__more">
      <summary>{counted(phase.vms.length, "VM")}</summary>
      {list}
    </details>
  );
};

const PhaseRow = (props: { readonly phase: Phase; readonly number: number | null }) => {
  const { phase, number } = props;
  const row = useRef<HTMLLIElement>(null);
  const isAtWork = phase.state === "running" || phase.state === "undoing";
  // A long list must not hide what happens now; once per phase, so that a person can look around.
  useEffect(() => {
    if (isAtWork) row.current?.scrollIntoView({ block: "nearest" });
  }, [isAtWork]);
  return (
    <li ref={row} data-state={phase.state} data-phase={phase.id}>
      <span className="sk-plan__icon">
        <PhaseIcon phase={phase} number={phase.state === "skipped" ? null : number} />
      </span>
      <span className="sk-plan__title">{phase.title}</span>
      <span className="sk-plan__took">
        {phase.startedAtMs === null ? null : (
          <Lasting fromMs={phase.startedAtMs} toMs={phase.endedAtMs} />
        )}
      </span>
      <p className="sk-plan__more">{phase.sentence}</p>
      {number === null || phase.undoSentence === null ? null : (
        <p className="sk-plan__undo">If a later step fails: {phase.undoSentence}</p>
      )}
      <PhaseVms phase={phase} isPlan={number !== null} />
      {phase.error === null ? null : (
        <div className="sk-plan__more">
          <FailureNotice error={phase.error} />
        </div>
      )}
    </li>
  );
};

/** The same list before, as a numbered plan, and during, with states and durations. */
export const PhaseList = (props: {
  readonly phases: readonly Phase[];
  readonly isPlan: boolean;
}) => {
  const needed = props.phases.filter((phase) => phase.state !== "skipped");
  return (
    <ol className="sk-plan" aria-label={props.isPlan ? "Plan" : "Phases"}>
      {props.phases.map((phase) => (
        <PhaseRow
          key={phase.id}
          phase={phase}
          number={props.isPlan ? needed.indexOf(phase) + 1 : null}
        />
      ))}
    </ol>
  );
};
