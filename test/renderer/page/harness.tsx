import "@fontsource-variable/inter/wght.css";
import { mountConsole } from "../../../renderer/app/mount.tsx";
import { memoryPipePair } from "../../../main/shells/transport/memory-pipe.ts";
import { createFakeBackend, type FakeBackend } from "../fake-backend.ts";
import { mountAlone } from "./alone.tsx";
import { scenarios, type ScenarioName } from "../scenarios.ts";

declare global {
  interface Window {
    fakeBackend?: FakeBackend;
  }
}

/*
 * The window alone: the scenario's name comes in the address, the backend lives in the page. With
 * `alone=NAME` a single part of it instead.
 */
const asked = new URLSearchParams(location.search);
const root = document.getElementById("root");
if (root === null) throw new Error("the page has no element with the id root");

const mountScenario = (at: HTMLElement, name: string): void => {
  if (!Object.hasOwn(scenarios, name)) throw new Error(`there is no scenario ${name}`);
  const backend = createFakeBackend(scenarios[name as ScenarioName](Date.now()));
  window.fakeBackend = backend;
  mountConsole({
    root: at,
    openPipe: async () => {
      if (backend.isAway()) {
        throw new Error("The console's program on this machine does not answer.");
      }
      const [windowEnd, backendEnd] = memoryPipePair();
      backend.accept(backendEnd);
      return Promise.resolve(windowEnd);
    },
    probe: null,
  });
};

const part = asked.get("alone");
if (part === null) mountScenario(root, asked.get("scenario") ?? "small");
else mountAlone(root, part);
