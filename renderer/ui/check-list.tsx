import { useState, type ReactNode } from "react";
import { Ago } from "./age.tsx";
import { groupChecks, type CheckRow } from "./check-groups.ts";
import { counted } from "./format.ts";
import { Mark } from "./mark.tsx";

const Row = (props: { readonly check: CheckRow; readonly control?: ReactNode }) => {
  const { check, control } = props;
  return (
    <li className="sk-check">
      <span className="sk-check__icon">
        <Mark name={`check-${check.state}`} onlyIcon />
      </span>
      <span className="sk-check__title">{check.title}</span>
      <span className="sk-check__age">
        <Ago atMs={check.evidenceAtMs} />
      </span>
      <span className="sk-check__more">
        {check.sentence}{" "}
        <span className="sk-faint">
          {check.evidence === "" ? null : `Evidence: ${check.evidence}`}
        </span>
      </span>
      {check.fix === null ? null : (
        <span className="sk-check__fix">
          <b>Fix:</b> {check.fix}
        </span>
      )}
      {control === undefined ? null : <span className="sk-check__fix">{control}</span>}
    </li>
  );
};

const PassedRow = ({ check }: { readonly check: CheckRow }) => (
  <li className="sk-check sk-check--passed" title={`${check.sentence} Evidence: ${check.evidence}`}>
    <span className="sk-check__icon">
      <Mark name="check-passed" onlyIcon />
    </span>
    <span className="sk-check__title">{check.title}</span>
    <span className="sk-check__age">
      <Ago atMs={check.evidenceAtMs} />
    </span>
  </li>
);

const keyOf = (check: CheckRow): string => `${check.id} ${check.object?.uuid ?? ""}`;

/** A fold that is a button, so that it says to a reader whether it is open. */
const Fold = (props: { readonly what: string; readonly children: ReactNode }) => {
  const [isOpen, setOpen] = useState(false);
  return (
    <div className="sk-checks__group">
      <button
        type="button"
        className="sk-link"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {isOpen ? "Hide" : "Show"} {props.what}
      </button>
      {isOpen ? props.children : null}
    </div>
  );
};

interface CheckListProps {
  readonly checks: readonly CheckRow[];
  /** false: the reasons are the last ones known, and nothing follows from them */
  readonly isCurrent: boolean;
  /** adds something to a check, such as the box that acknowledges it */
  readonly control?: (check: CheckRow) => ReactNode;
}

/** Reasons for and against, failed first. Passed ones are counted and folded; old ones all are. */
export const CheckList = (props: CheckListProps) => {
  if (props.isCurrent) return <CurrentChecks {...props} />;
  return (
    <div className="sk-checks">
      <p className="sk-dim">
        The facts are old: nothing follows from them until the pool answers again.
      </p>
      <Fold what={`${counted(props.checks.length, "reason")} as last known`}>
        <CurrentChecks {...props} />
      </Fold>
    </div>
  );
};

const CurrentChecks = (props: CheckListProps) => {
  const { open, passed } = groupChecks(props.checks);
  return (
    <div className="sk-checks">
      {open.map((group) => (
        <div key={group.state} className="sk-checks__group">
          <h3>
            {group.heading} <span>{group.checks.length}</span>
          </h3>
          <ul>
            {group.checks.map((check) => (
              <Row key={keyOf(check)} check={check} control={props.control?.(check)} />
            ))}
          </ul>
        </div>
      ))}
      {passed.length === 0 ? null : (
        <Fold what={counted(passed.length, "passed check")}>
          <ul>
            {passed.map((check) => (
              <PassedRow key={keyOf(check)} check={check} />
            ))}
          </ul>
        </Fold>
      )}
    </div>
  );
};
