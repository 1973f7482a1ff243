import { useNowMs } from "./clock.ts";
import { formatAge, formatDuration, formatTime } from "./format.ts";

/** "12 s ago", counting up; the exact local time is one hover away. */
export const Ago = (props: { readonly atMs: number }) => {
  const nowMs = useNowMs();
  return (
    <time dateTime={new Date(props.atMs).toISOString()} title={formatTime(props.atMs)}>
      {formatAge(nowMs - props.atMs)} ago
    </time>
  );
};

/** How long it has been going on, or took, when it has ended. */
export const Lasting = (props: { readonly fromMs: number; readonly toMs: number | null }) => {
  const nowMs = useNowMs();
  return (
    <time title={formatTime(props.fromMs)} className="sk-nowrap">
      {formatDuration((props.toMs ?? Math.max(nowMs, props.fromMs)) - props.fromMs)}
    </time>
  );
};
