/** How work is put off to the next frame; a test supplies its own. */
export type FrameScheduler = (work: () => void) => void;

const hiddenDelayMs = 250;

/** A hidden window gets no frames, yet its facts must stay current: a timer steps in. */
export const nextFrame: FrameScheduler = (work) => {
  if (document.visibilityState === "hidden") setTimeout(work, hiddenDelayMs);
  else requestAnimationFrame(work);
};

/** Collects items and hands them over together, at most once per frame, in order. */
export const createBatch = <Item>(
  schedule: FrameScheduler,
  flush: (items: readonly Item[]) => void,
): { add(item: Item): void; drop(): void } => {
  let waiting: Item[] = [];
  let isScheduled = false;
  const run = (): void => {
    isScheduled = false;
    const items = waiting;
    waiting = [];
    if (items.length > 0) flush(items);
  };
  return {
    add(item) {
      waiting.push(item);
      if (isScheduled) return;
      isScheduled = true;
      schedule(run);
    },
    drop() {
      waiting = [];
    },
  };
};
