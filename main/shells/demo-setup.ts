import type { ConsoleBackend } from "../console/console.ts";
import type { DemoControl } from "../console/ports.ts";
import { createDemoControl } from "../demo/demo-control.ts";
import { type DemoPool, startDemoPool } from "../demo/demo-pool.ts";
import { callConsole } from "./console-call.ts";
import type { Preset } from "./options.ts";
import { memoryPipePair } from "./transport/memory-pipe.ts";

export interface DemoSetup {
  /** null: none runs until somebody asks for one in the window */
  readonly preset: Preset | null;
  readonly timing: "real" | "fast";
}

export interface ShellDemo {
  readonly control: DemoControl;
  /** the pool that runs from the start */
  readonly pool: DemoPool | null;
}

/** What the line for programs tells about the demo pool; the coordinator comes first. */
export interface DemoFacts {
  readonly hosts: readonly {
    readonly name: string;
    readonly xapiUrl: string;
    readonly sshPort: number;
  }[];
  readonly user: string;
  readonly password: string;
}

/** Rejects with a sentence when the pool does not start; nothing is left of it then. */
export async function setUpDemo(setup: DemoSetup): Promise<ShellDemo> {
  const { preset, timing } = setup;
  if (preset === null) return { control: createDemoControl({ timing }), pool: null };
  const pool = await startDemoPool({ preset, timing });
  return { control: createDemoControl({ timing, running: pool }), pool };
}

/** Connects the console to the demo pool as the button in the window does. */
export async function connectToDemo(backend: ConsoleBackend, preset: Preset): Promise<void> {
  const [inner, outer] = memoryPipePair();
  backend.accept(inner);
  try {
    await callConsole(outer, "demo.start", { preset });
  } finally {
    outer.close();
  }
}

export function factsOf(pool: DemoPool): DemoFacts {
  const hosts = pool.hosts.map(({ name, xapiUrl, sshPort }) => ({ name, xapiUrl, sshPort }));
  return { hosts, user: pool.user, password: pool.password };
}
