import { MantineProvider } from "@mantine/core";
import { createRoot } from "react-dom/client";
import { applyChunks, noTimeline } from "../../../renderer/console/timeline.ts";
import { TimelineView } from "../../../renderer/features/timeline/timeline-view.tsx";
import { cssVariables, theme } from "../../../renderer/ui/theme.ts";
import { timelines, type TimelineName } from "../timelines.ts";

const isTimeline = (name: string): name is TimelineName => Object.hasOwn(timelines, name);

/** One part of the window without a backend, filling the page as it would fill its room. */
export const mountAlone = (root: HTMLElement, name: string): void => {
  if (!isTimeline(name)) throw new Error(`there is no part ${name}`);
  const facts = applyChunks(noTimeline, timelines[name](Date.now()));
  createRoot(root).render(
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      getStyleNonce={() =>
        document.querySelector<HTMLElement>('meta[property="csp-nonce"]')?.nonce ?? ""
      }
    >
      <main style={{ height: "100vh", padding: 14 }}>
        <TimelineView facts={facts} exports={null} />
      </main>
    </MantineProvider>,
  );
};
