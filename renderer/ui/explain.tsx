import { Tooltip } from "@mantine/core";
import { useId, type ReactNode } from "react";
import { glossary, type Term } from "./glossary.ts";

/** A word of the trade whose meaning is one hover or focus away, and always there for a reader. */
export const Explain = (props: { readonly term: Term; readonly children?: ReactNode }) => {
  const { term, children } = props;
  const id = useId();
  const label = (
    <span className="sk-explain__tip">
      <strong>{term}</strong>
      {glossary[term]}
    </span>
  );
  return (
    <>
      <Tooltip label={label}>
        <button type="button" className="sk-explain" aria-describedby={id}>
          {children ?? term}
        </button>
      </Tooltip>
      <span id={id} hidden>
        {glossary[term]}
      </span>
    </>
  );
};
