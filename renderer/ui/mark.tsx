import type { Icon } from "@tabler/icons-react";
import {
  IconAlertTriangle,
  IconArrowBackUp,
  IconCheck,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleFilled,
  IconCircleMinus,
  IconEye,
  IconHandStop,
  IconHelpCircle,
  IconLoader2,
  IconMinus,
  IconMinusVertical,
  IconPlayerPause,
  IconPlayerPlayFilled,
  IconPlayerStopFilled,
  IconPlugConnectedX,
  IconPointFilled,
  IconShieldCheck,
  IconShieldExclamation,
  IconShieldOff,
  IconShieldQuestion,
  IconSquareRotatedFilled,
  IconTool,
  IconTriangleFilled,
  IconX,
  IconZzz,
} from "@tabler/icons-react";

export type Tone = "ok" | "warn" | "bad" | "none" | "plain" | "accent";

interface MarkKind {
  readonly tone: Tone;
  readonly icon: Icon;
  readonly word: string;
  readonly isSpinning?: boolean;
}

/** The one table of state marks: tone, shape and word, so that no two differ by colour alone. */
export const marks = {
  "pool-protected": { tone: "ok", icon: IconShieldCheck, word: "Protected" },
  "pool-at-risk": { tone: "warn", icon: IconShieldExclamation, word: "At risk" },
  "pool-unprotected": { tone: "bad", icon: IconShieldOff, word: "Unprotected" },
  "pool-unknown": { tone: "none", icon: IconShieldQuestion, word: "Unknown" },
  "verdict-safe": { tone: "ok", icon: IconCircleCheck, word: "Safe" },
  "verdict-acknowledge": { tone: "warn", icon: IconEye, word: "Safe if you acknowledge" },
  "verdict-unsafe": { tone: "bad", icon: IconHandStop, word: "Unsafe" },
  "verdict-unknown": { tone: "none", icon: IconHelpCircle, word: "Unknown" },
  "check-passed": { tone: "ok", icon: IconCheck, word: "Passed" },
  "check-review": { tone: "warn", icon: IconEye, word: "To acknowledge" },
  "check-failed": { tone: "bad", icon: IconX, word: "Failed" },
  "check-skipped": { tone: "none", icon: IconHelpCircle, word: "Not checked" },
  "host-live": { tone: "ok", icon: IconPointFilled, word: "Live" },
  "host-not-live": { tone: "bad", icon: IconPlugConnectedX, word: "Not live" },
  "host-unknown": { tone: "none", icon: IconHelpCircle, word: "Unknown" },
  "host-enabled": { tone: "plain", icon: IconCheck, word: "Enabled" },
  "host-disabled": { tone: "warn", icon: IconCircleMinus, word: "Disabled" },
  "host-maintenance": { tone: "accent", icon: IconTool, word: "Maintenance" },
  "power-Running": { tone: "ok", icon: IconPlayerPlayFilled, word: "Running" },
  "power-Halted": { tone: "none", icon: IconPlayerStopFilled, word: "Halted" },
  "power-Suspended": { tone: "none", icon: IconZzz, word: "Suspended" },
  "power-Paused": { tone: "none", icon: IconPlayerPause, word: "Paused" },
  agile: { tone: "plain", icon: IconCheck, word: "Any host" },
  "not-agile": { tone: "warn", icon: IconAlertTriangle, word: "Tied" },
  "sr-plugged": { tone: "ok", icon: IconCheck, word: "Plugged" },
  "sr-unplugged": { tone: "bad", icon: IconPlugConnectedX, word: "Unplugged" },
  suitable: { tone: "ok", icon: IconCheck, word: "Suitable" },
  unsuitable: { tone: "bad", icon: IconX, word: "Not suitable" },
  busy: { tone: "accent", icon: IconLoader2, word: "Working", isSpinning: true },
  "phase-pending": { tone: "none", icon: IconCircleDashed, word: "To do" },
  "phase-running": { tone: "accent", icon: IconLoader2, word: "Running", isSpinning: true },
  "phase-done": { tone: "ok", icon: IconCircleCheck, word: "Done" },
  "phase-skipped": { tone: "none", icon: IconMinus, word: "Not needed" },
  "phase-failed": { tone: "bad", icon: IconX, word: "Failed" },
  "phase-undoing": { tone: "warn", icon: IconLoader2, word: "Putting back", isSpinning: true },
  "phase-undone": { tone: "warn", icon: IconArrowBackUp, word: "Put back" },
  "phase-undo-failed": { tone: "bad", icon: IconAlertTriangle, word: "Not put back" },
  same: { tone: "ok", icon: IconCheck, word: "Same" },
  differs: { tone: "warn", icon: IconAlertTriangle, word: "Differs" },
  on: { tone: "ok", icon: IconCircleCheck, word: "On" },
  off: { tone: "none", icon: IconCircleMinus, word: "Off" },
  "tone-neutral": { tone: "none", icon: IconMinusVertical, word: "Noted" },
  "tone-good": { tone: "ok", icon: IconCircleFilled, word: "Good" },
  "tone-notice": { tone: "warn", icon: IconTriangleFilled, word: "Notice" },
  "tone-bad": { tone: "bad", icon: IconSquareRotatedFilled, word: "Bad" },
  observing: { tone: "accent", icon: IconEye, word: "Observing" },
  "agent-absent": { tone: "none", icon: IconCircleDashed, word: "Not installed" },
  "agent-silent": { tone: "bad", icon: IconPlugConnectedX, word: "No answer" },
  "agent-stopped": { tone: "warn", icon: IconPlayerStopFilled, word: "Stopped" },
  "path-heard": { tone: "plain", icon: IconCheck, word: "Heard" },
  "path-one-way": { tone: "warn", icon: IconArrowBackUp, word: "One way" },
  "path-silent": { tone: "bad", icon: IconX, word: "Silent" },
  "path-never-heard": { tone: "none", icon: IconHelpCircle, word: "Never heard" },
} as const satisfies Record<string, MarkKind>;

export type MarkName = keyof typeof marks;

/** `word` replaces the usual word; `onlyIcon` keeps the word for readers and the pointer only. */
export const Mark = (props: {
  readonly name: MarkName;
  readonly word?: string;
  readonly look?: "chip" | "plain";
  readonly onlyIcon?: boolean;
  readonly sizePx?: number;
}) => {
  const kind: MarkKind = marks[props.name];
  const word = props.word ?? kind.word;
  const Shape = kind.icon;
  return (
    <span
      className="sk-mark"
      data-tone={kind.tone}
      data-look={props.look ?? "plain"}
      title={props.onlyIcon === true ? word : undefined}
    >
      <Shape
        size={props.sizePx ?? 15}
        stroke={2}
        aria-hidden
        className={kind.isSpinning === true ? "sk-spin" : undefined}
      />
      <span className={props.onlyIcon === true ? "sk-hidden" : undefined}>{word}</span>
    </span>
  );
};
