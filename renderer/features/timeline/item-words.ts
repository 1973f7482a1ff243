import type { TimelineItem } from "../../../main/contract/timeline.ts";
import type { MarkName } from "../../ui/mark.tsx";
import { formatDuration } from "../../ui/format.ts";

export const sourceWords: Readonly<Record<TimelineItem["source"], string>> = {
  journal: "journal of the agent",
  xapi: "message of XAPI",
  console: "this console",
};

/** Shapes of the list are words as well, so that tone is never told by colour alone. */
export const toneMarks: Readonly<Record<TimelineItem["tone"], MarkName>> = {
  neutral: "tone-neutral",
  good: "tone-good",
  notice: "tone-notice",
  bad: "tone-bad",
};

const precise = (durationMs: number): string =>
  durationMs < 10_000 ? `${(durationMs / 1000).toFixed(2)} s` : formatDuration(durationMs);

/** "lasted 3.20 s", "lasts since …", null for a moment. */
export const lastingWords = (item: TimelineItem, nowMs: number): string | null => {
  if (item.kind === "instant") return null;
  if (item.toMs === null) return `lasts still, for ${precise(nowMs - item.atMs)}`;
  const word = item.kind === "gap" ? "nothing is known for" : "lasted";
  return `${word} ${precise(item.toMs - item.atMs)}`;
};
