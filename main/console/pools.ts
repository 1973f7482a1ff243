import type { KnownPool } from "../contract/pool.ts";
import type { ConsolePorts } from "./ports.ts";
import { Listeners } from "./streams.ts";

export interface Pools {
  list(): KnownPool[];
  onChange(listener: () => void): () => void;
  stop(): Promise<void>;
}

export function openPools(_ports: ConsolePorts): Pools {
  const listeners = new Listeners();
  return {
    list: () => [],
    onChange: (listener) => listeners.add(listener),
    stop: () => Promise.resolve(),
  };
}
