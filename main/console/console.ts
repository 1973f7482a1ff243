import type { Pipe } from "../contract/frames.ts";
import { servePipe } from "./dispatch.ts";
import type { Handlers } from "./dispatch.ts";
import { openPools } from "./pools.ts";
import type { Pools } from "./pools.ts";
import type { ConsolePorts } from "./ports.ts";
import { latestValue } from "./streams.ts";

export interface ConsoleBackend {
  /** Serves a window until its pipe closes; the shell has checked who is at the other end. */
  accept(pipe: Pipe): void;
  /** Ends all calls and connections; sessions at the pools are logged out. */
  stop(): Promise<void>;
}

const consoleVersion = "0.1.0";

/** The whole backend. It connects by itself to pools whose password is kept. */
export function createConsole(ports: ConsolePorts): ConsoleBackend {
  const pools = openPools(ports);
  const handlers = consoleHandlers(ports, pools);
  const closers = new Set<() => void>();
  return {
    accept(pipe) {
      const close = servePipe(pipe, {
        handlers,
        onUnexpected: warn,
        onClosed: () => closers.delete(close),
      });
      closers.add(close);
    },
    async stop() {
      for (const close of closers) close();
      closers.clear();
      await pools.stop();
    },
  };
}

function warn(name: string, error: unknown): void {
  process.emitWarning(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : ""}`);
}

function consoleHandlers(ports: ConsolePorts, pools: Pools): Handlers {
  return {
    "console.hello": () =>
      Promise.resolve({
        version: consoleVersion,
        shell: ports.shell,
        capabilities: {
          rememberPasswords: ports.secrets.persistent,
          demo: ports.demo !== null,
        },
      }),
    "pools.watch": () =>
      latestValue(
        (listener) => pools.onChange(listener),
        () => ({ pools: pools.list() }),
      ),
  } as unknown as Handlers;
}
