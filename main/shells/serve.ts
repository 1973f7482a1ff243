import path from "node:path";
import { createConsole } from "../console/console.ts";
import type { SecretStore, StateStore } from "../console/ports.ts";
import { callConsole } from "./console-call.ts";
import type { DemoFacts, ShellDemo } from "./demo-port.ts";
import { configFolder, fileState } from "./file-state.ts";
import { memorySecrets, memoryState } from "./memory-stores.ts";
import type { Options } from "./options.ts";
import { ownerName } from "./owner.ts";
import { readPageFiles } from "./page-files.ts";
import { systemClock } from "./system-clock.ts";
import { memoryPipePair } from "./transport/memory-pipe.ts";
import { startWebServer } from "./web-server.ts";

export interface ServeSettings {
  readonly options: Options;
  /** the repository's or the package's folder; the built window is in `dist/renderer` */
  readonly root: string;
  readonly demo: ShellDemo;
  readonly log: (sentence: string) => void;
}

export interface Served {
  newLink(): string;
  /** null without a demo pool */
  readonly demoFacts: DemoFacts | null;
  stop(): Promise<void>;
}

/**
 * Browser mode: backend, demo pool when asked for, web server. What was started is ended again when a
 * later part does not start; rejects with a sentence then.
 */
export async function serve(settings: ServeSettings): Promise<Served> {
  const { options, demo, log } = settings;
  const files = readPageFiles(path.join(settings.root, "dist", "renderer"));
  const isDemo = options.verb === "demo";
  // A demo shows no real pool and leaves nothing behind; passwords are never written in browser mode.
  const store: StateStore = isDemo ? memoryState() : fileState(configFolder());
  const secrets: SecretStore = memorySecrets();
  const owner = ownerName();
  const clock = systemClock;
  const backend = createConsole({ clock, secrets, store, demo, shell: "browser", owner });
  const endings: (() => Promise<void>)[] = [() => demo.stop(), () => backend.stop()];
  const stop = async (): Promise<void> => {
    // Windows first, then sessions at the pool, then the pool itself.
    for (const end of endings.splice(0).reverse()) await end().catch((error) => log(String(error)));
  };
  try {
    const accept = backend.accept.bind(backend);
    const server = await startWebServer({ files, accept, clock, port: options.port, log });
    endings.push(() => server.stop());
    if (isDemo) {
      const [inner, outer] = memoryPipePair();
      backend.accept(inner);
      await callConsole(outer, "demo.start", { preset: options.preset });
      outer.close();
    }
    return { newLink: () => server.newLink(), demoFacts: isDemo ? demo.facts() : null, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
