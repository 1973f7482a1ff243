import type { DemoState } from "../contract/demo.ts";
import type { DemoAccess, DemoControl } from "../console/ports.ts";
import { startDemoPool, type DemoPool } from "./demo-pool.ts";

const off: DemoState = {
  status: "off",
  sentence: "The demo pool is not running.",
  hosts: [],
  cutLinks: [],
};

/** The demo pool behind the console's port: at most one at a time, started when asked for. */
export function createDemoControl(options: {
  readonly timing: "real" | "fast";
  readonly workDir?: string;
  /** a pool that the caller has started already */
  readonly running?: DemoPool;
}): DemoControl {
  const listeners = new Set<(state: DemoState) => void>();
  let state = off;
  let pool: Promise<DemoPool> | null = null;

  const show = (next: DemoState): void => {
    state = next;
    for (const listener of listeners) listener(next);
  };
  const keep = (started: DemoPool): DemoPool => {
    started.watch(show);
    return started;
  };
  const start = async (preset: "two" | "sixteen" | "large"): Promise<DemoPool> => {
    show({ ...off, status: "starting", sentence: "The virtual hosts are starting." });
    try {
      const { timing, workDir } = options;
      return keep(
        await startDemoPool({ preset, timing, ...(workDir === undefined ? {} : { workDir }) }),
      );
    } catch (error) {
      pool = null;
      const reason = error instanceof Error ? error.message : String(error);
      show({ ...off, status: "failed", sentence: `The demo pool did not start: ${reason}.` });
      throw error;
    }
  };
  if (options.running !== undefined) pool = Promise.resolve(keep(options.running));

  return {
    async start(preset) {
      pool ??= start(preset);
      return accessOf(await pool);
    },
    async stop() {
      const running = pool;
      pool = null;
      await (await running)?.stop();
      show(off);
    },
    async act(action) {
      if (pool === null) throw new Error("The demo pool is not running.");
      await (await pool).act(action);
    },
    watch(listener) {
      listeners.add(listener);
      listener(state);
      return () => listeners.delete(listener);
    },
  };
}

function accessOf(pool: DemoPool): DemoAccess {
  const withPort = (address: string): string => `${address}:${pool.port}`;
  return {
    name: pool.name,
    addresses: pool.hosts.map((host) => withPort(host.address)),
    user: pool.user,
    password: pool.password,
    fingerprints: Object.fromEntries(
      pool.hosts.map((host) => [withPort(host.address), host.certificateFingerprint]),
    ),
    addressMap: pool.addressMap,
    hosts: pool.hosts.map(({ uuid, name, address, sshHost, sshPort, sshKey, agent }) => ({
      uuid,
      name,
      address,
      ssh: { host: sshHost, port: sshPort },
      sshKey,
      ...agent,
    })),
  };
}
