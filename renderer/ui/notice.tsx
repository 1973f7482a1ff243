import { Button } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconInfoCircle,
  IconX,
  type Icon,
} from "@tabler/icons-react";
import type { ReactNode } from "react";

type NoticeTone = "bad" | "warn" | "ok" | "accent" | "none";

const icons: Record<NoticeTone, Icon> = {
  bad: IconX,
  warn: IconAlertTriangle,
  ok: IconCircleCheck,
  accent: IconInfoCircle,
  none: IconInfoCircle,
};

/** A panel in the place it is about. `isUrgent` makes a screen reader speak it at once. */
export const Notice = (props: {
  readonly tone: NoticeTone;
  readonly isUrgent?: boolean;
  readonly children: ReactNode;
  readonly action?: ReactNode;
}) => {
  const Shape = icons[props.tone];
  return (
    <div className="sk-notice" data-tone={props.tone} role={props.isUrgent ? "alert" : undefined}>
      <Shape size={16} aria-hidden />
      <div className="sk-notice__text">{props.children}</div>
      {props.action}
    </div>
  );
};

interface Failure {
  readonly code: string;
  readonly sentence: string;
  readonly nextStep: string;
  readonly detail?: string | undefined;
}

/** What failed and what to do now; the code is folded away for whoever reports it. */
export const FailureNotice = (props: {
  readonly error: Failure;
  readonly onRetry?: (() => void) | undefined;
  readonly tone?: "bad" | "warn";
}) => {
  const { error, onRetry } = props;
  const retry = onRetry && (
    <Button variant="default" onClick={onRetry}>
      Try again
    </Button>
  );
  return (
    <Notice tone={props.tone ?? "bad"} isUrgent action={retry}>
      <p>
        <strong>{error.sentence}</strong>
      </p>
      <p className="sk-notice__step">
        <b>Next step:</b> {error.nextStep}
      </p>
      <details>
        <summary>Details</summary>
        <pre>{error.detail === undefined ? error.code : `${error.code}\n${error.detail}`}</pre>
      </details>
    </Notice>
  );
};
