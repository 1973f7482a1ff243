import "@fontsource-variable/inter/wght.css";
import { mountConsole } from "../../../renderer/app/mount.tsx";
import { memoryPipePair } from "../../../main/shells/transport/memory-pipe.ts";
import { createFakeBackend, type FakeBackend } from "../fake-backend.ts";
import { scenarios, type ScenarioName } from "../scenarios.ts";

declare global {
  interface Window {
    fakeBackend?: FakeBackend;
  }
}

/* The window alone: the scenario's name comes in the address, the backend lives in the page. */
const asked = new URLSearchParams(location.search).get("scenario") ?? "small";
if (!Object.hasOwn(scenarios, asked)) throw new Error(`there is no scenario ${asked}`);
const backend = createFakeBackend(scenarios[asked as ScenarioName](Date.now()));
window.fakeBackend = backend;

const root = document.getElementById("root");
if (root === null) throw new Error("the page has no element with the id root");
mountConsole({
  root,
  openPipe: async () => {
    if (backend.isAway()) throw new Error("The console's program on this machine does not answer.");
    const [windowEnd, backendEnd] = memoryPipePair();
    backend.accept(backendEnd);
    return Promise.resolve(windowEnd);
  },
  probe: null,
});
