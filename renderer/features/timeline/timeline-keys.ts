import type { Stage } from "./stage.ts";

export interface KeyActions {
  readonly stage: Stage;
  readonly toMark: (step: 1 | -1) => void;
  readonly toEnd: (end: "first" | "now") => void;
  readonly openDetails: () => void;
  readonly closeDetails: () => void;
  readonly search: () => void;
}

const panShare = 0.15;
const zoomFactor = 0.7;
const rowStepPx = 48;

const moves: Readonly<Record<string, (actions: KeyActions) => void>> = {
  a: ({ stage }) => stage.pan(-panShare),
  d: ({ stage }) => stage.pan(panShare),
  w: ({ stage }) => stage.zoom(zoomFactor),
  s: ({ stage }) => stage.zoom(1 / zoomFactor),
  "+": ({ stage }) => stage.zoom(zoomFactor),
  "=": ({ stage }) => stage.zoom(zoomFactor),
  "-": ({ stage }) => stage.zoom(1 / zoomFactor),
  f: ({ stage }) => stage.fit(),
  arrowleft: ({ stage }) => stage.pan(-panShare),
  arrowright: ({ stage }) => stage.pan(panShare),
  arrowup: ({ stage }) => stage.scroll(-rowStepPx),
  arrowdown: ({ stage }) => stage.scroll(rowStepPx),
  "[": ({ toMark }) => toMark(-1),
  "]": ({ toMark }) => toMark(1),
  home: ({ toEnd }) => toEnd("first"),
  end: ({ toEnd }) => toEnd("now"),
  enter: ({ openDetails }) => openDetails(),
  escape: ({ closeDetails }) => closeDetails(),
  "/": ({ search }) => search(),
};

/** True: the key was one of the timeline's. With a modifier it belongs to the browser. */
export const onTimelineKey = (
  event: { readonly key: string; readonly isModified: boolean },
  actions: KeyActions,
): boolean => {
  const key = event.key.toLowerCase();
  if (event.isModified || !Object.hasOwn(moves, key)) return false;
  moves[key]?.(actions);
  return true;
};
