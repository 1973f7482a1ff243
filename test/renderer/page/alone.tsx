import { createRoot } from "react-dom/client";
import { Look } from "../../../renderer/app/look.tsx";
import { applyChunks, noTimeline } from "../../../renderer/console/timeline.ts";
import { TimelineView } from "../../../renderer/features/timeline/timeline-view.tsx";
import { timelines, type TimelineName } from "../timelines.ts";

const isTimeline = (name: string): name is TimelineName => Object.hasOwn(timelines, name);

/** One part of the window without a backend, filling the page as it would fill its room. */
export const mountAlone = (root: HTMLElement, name: string): void => {
  if (!isTimeline(name)) throw new Error(`there is no part ${name}`);
  const facts = applyChunks(noTimeline, timelines[name](Date.now()));
  createRoot(root).render(
    <Look>
      <main style={{ height: "100vh", padding: 14 }}>
        <TimelineView facts={facts} exports={null} />
      </main>
    </Look>,
  );
};
