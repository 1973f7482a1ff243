import "@mantine/core/styles.css";
import "../ui/tokens.css";
import "../ui/widgets.css";
import "./app.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import {
  createClient,
  type ConsoleClient,
  type PipeOpener,
  type Probe,
} from "../console/client.ts";
import { ConsoleProvider } from "../console/context.tsx";
import { createStores } from "../console/stores.ts";
import { App } from "./app.tsx";
import { Look } from "./look.tsx";
import { RegionGuard } from "./region-guard.tsx";

const presenceEveryMs = 60_000;

/** Browser mode locks a window that sends nothing; reading and scrolling count as use. */
const reportPresence = (client: ConsoleClient): void => {
  let reportedAtMs = 0;
  const report = (): void => {
    if (Date.now() - reportedAtMs < presenceEveryMs) return;
    reportedAtMs = Date.now();
    void client.ask("console.hello", {});
  };
  for (const kind of ["pointerdown", "keydown", "wheel"]) {
    window.addEventListener(kind, report, { passive: true });
  }
};

/** Starts the console in an element. Pipe and probe are all it gets from outside. */
export const mountConsole = (at: {
  readonly root: HTMLElement;
  readonly openPipe: PipeOpener;
  readonly probe: Probe | null;
}): void => {
  const client = createClient(at.openPipe, at.probe);
  const stores = createStores(client);
  stores.start();
  reportPresence(client);
  createRoot(at.root).render(
    <StrictMode>
      <Look>
        <RegionGuard name="The window">
          <ConsoleProvider client={client} stores={stores}>
            <App />
          </ConsoleProvider>
        </RegionGuard>
      </Look>
    </StrictMode>,
  );
};
