import { useId, type ReactNode } from "react";

/** A region with a heading; `side` sits at the right of the heading. */
export const Panel = (props: {
  readonly title: ReactNode;
  readonly side?: ReactNode;
  readonly isFlush?: boolean;
  readonly className?: string;
  readonly children: ReactNode;
}) => {
  const id = useId();
  const className = props.className === undefined ? "sk-panel" : `sk-panel ${props.className}`;
  return (
    <section className={className} aria-labelledby={id}>
      <header className="sk-panel__head">
        <h2 id={id}>{props.title}</h2>
        {props.side === undefined ? null : <div className="sk-panel__side">{props.side}</div>}
      </header>
      {props.isFlush === true ? (
        props.children
      ) : (
        <div className="sk-panel__body">{props.children}</div>
      )}
    </section>
  );
};

/** Plain sentences, most important first. */
export const Reasons = (props: { readonly reasons: readonly string[] }) => (
  <ul className="sk-reasons">
    {props.reasons.map((reason) => (
      <li key={reason}>{reason}</li>
    ))}
  </ul>
);

/** Used of total with the text a person reads; over 90 % in the warning tone. */
export const Meter = (props: {
  readonly usedRatio: number;
  readonly text: string;
  readonly label: string;
}) => {
  const percent = Math.round(Math.min(1, Math.max(0, props.usedRatio)) * 100);
  return (
    <div className="sk-meter">
      <span className="sk-nowrap">{props.text}</span>
      <div
        className="sk-meter__bar"
        role="meter"
        aria-label={props.label}
        aria-valuenow={percent}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuetext={`${percent} %, ${props.text}`}
      >
        <div
          className="sk-meter__fill"
          data-tone={percent > 90 ? "warn" : "accent"}
          style={{ width: `${percent}%` }}
        />
      </div>
    </div>
  );
};
