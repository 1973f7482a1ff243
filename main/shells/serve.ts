import path from "node:path";
import { agentPorts } from "./agent-folder.ts";
import { createConsole } from "../console/console.ts";
import { connectToDemo, type DemoFacts, factsOf, setUpDemo } from "./demo-setup.ts";
import { configFolder, fileState } from "./file-state.ts";
import { memorySecrets, memoryState } from "./memory-stores.ts";
import type { Options } from "./options.ts";
import { ownerName } from "./owner.ts";
import { readPageFiles } from "./page-files.ts";
import { systemClock } from "./system-clock.ts";
import { startWebServer } from "./web-server.ts";

export interface ServeSettings {
  readonly options: Options;
  /** the repository's folder; the built window is in `dist/renderer` */
  readonly root: string;
  readonly timing: "real" | "fast";
  readonly log: (sentence: string) => void;
}

export interface Served {
  newLink(): string;
  /** null without a demo pool */
  readonly demoFacts: DemoFacts | null;
  stop(): Promise<void>;
}

/**
 * Browser mode: web server, demo pool when asked for, backend. What was started is ended again when
 * a later part does not start; rejects with a sentence then.
 */
export async function serve(settings: ServeSettings): Promise<Served> {
  const { options, timing, log } = settings;
  const files = readPageFiles(path.join(settings.root, "dist", "renderer"));
  const clock = systemClock;
  const preset = options.verb === "demo" ? options.preset : null;
  const endings: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    // Windows first, then sessions at the pool, then the pool itself.
    for (const end of endings.splice(0).reverse()) {
      await end().catch((error: unknown) => log(`While ending: ${String(error)}`));
    }
  };
  try {
    const demo = await setUpDemo({ preset, timing });
    endings.push(() => demo.control.stop());
    const backend = createConsole({
      clock,
      // Passwords are never written in browser mode; a demo shows no real pool and leaves nothing.
      secrets: memorySecrets(),
      store: preset === null ? fileState(configFolder()) : memoryState(),
      demo: demo.control,
      shell: "browser",
      owner: ownerName(),
      agents: agentPorts(path.join(settings.root, "dist", "agent")),
    });
    endings.push(() => backend.stop());
    const accept = backend.accept.bind(backend);
    const server = await startWebServer({ files, accept, clock, port: options.port, log });
    endings.push(() => server.stop());
    if (preset !== null) await connectToDemo(backend, preset);
    const demoFacts = demo.pool === null ? null : factsOf(demo.pool);
    return { newLink: () => server.newLink(), demoFacts, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
