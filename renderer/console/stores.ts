import { createStore, type StoreApi } from "zustand/vanilla";
import type { DemoState } from "../../main/contract/demo.ts";
import type { ConsoleError } from "../../main/contract/errors.ts";
import type { KnownPool, PoolFactsItem } from "../../main/contract/pool.ts";
import type { InputOf, OutputOf } from "../../main/contract/console-api.ts";
import type { ConsoleClient } from "./client.ts";
import { applyItems, noFacts, type PoolFacts } from "./facts.ts";
import { createBatch, nextFrame, type FrameScheduler } from "./frame-batch.ts";

export type Hello = OutputOf<"console.hello">;

/** Loading, failed and ready are told apart for every kind of fact. */
export type Loadable<T> =
  | { readonly status: "loading" }
  | { readonly status: "failed"; readonly error: ConsoleError }
  | { readonly status: "ready"; readonly value: T };

export interface ConsoleStores {
  readonly hello: StoreApi<Loadable<Hello>>;
  readonly pools: StoreApi<Loadable<readonly KnownPool[]>>;
  readonly demo: StoreApi<Loadable<DemoState>>;
  /** One store per pool. It fills while somebody holds the pool. */
  facts(poolId: string): StoreApi<PoolFacts>;
  /** Subscribes; returns how to give it back. */
  hold(poolId: string): () => void;
  /** asks again for streams that the backend ended with an error */
  restart(): void;
  start(): void;
}

interface Entry {
  readonly store: StoreApi<PoolFacts>;
  holders: number;
  /** null while nothing is subscribed */
  cancel: (() => void) | null;
}

/** A pool left for another one is kept this long, so that going back shows no loading picture. */
const lingerMs = 30_000;

const openFacts = (
  client: ConsoleClient,
  schedule: FrameScheduler,
  poolId: string,
  store: StoreApi<PoolFacts>,
): (() => void) => {
  const batch = createBatch<PoolFactsItem>(schedule, (items) =>
    store.setState((facts) => applyItems(facts, items), true),
  );
  const cancel = client.stream(
    "pool.watch",
    { poolId },
    {
      onItem: (item) => batch.add(item),
      onEnd: (error) => {
        batch.drop();
        if (error !== null)
          store.setState((facts) => ({ ...facts, status: "failed", error }), true);
      },
    },
  );
  return () => {
    batch.drop();
    cancel();
  };
};

const follow = <N extends "pools.watch" | "demo.watch", T>(
  client: ConsoleClient,
  name: N,
  store: StoreApi<Loadable<T>>,
  read: (item: OutputOf<N>) => T,
): (() => void) =>
  client.stream(name, {} as InputOf<N>, {
    onItem: (item) => store.setState({ status: "ready", value: read(item) }, true),
    onEnd: (error) => {
      if (error !== null) store.setState({ status: "failed", error }, true);
    },
  });

const createFactsStores = (client: ConsoleClient, schedule: FrameScheduler) => {
  const entries = new Map<string, Entry>();
  const entryOf = (poolId: string): Entry => {
    const entry = entries.get(poolId) ?? {
      store: createStore<PoolFacts>(() => noFacts),
      holders: 0,
      cancel: null,
    };
    entries.set(poolId, entry);
    return entry;
  };
  const letGo = (poolId: string, entry: Entry): void => {
    if (entry.holders > 0) return;
    entry.cancel?.();
    entry.cancel = null;
    entry.store.setState(noFacts, true);
    entries.delete(poolId);
  };
  return {
    facts: (poolId: string) => entryOf(poolId).store,
    hold(poolId: string): () => void {
      const entry = entryOf(poolId);
      entry.holders += 1;
      entry.cancel ??= openFacts(client, schedule, poolId, entry.store);
      return () => {
        entry.holders -= 1;
        setTimeout(() => letGo(poolId, entry), lingerMs);
      };
    },
    restartFailed(): void {
      for (const [poolId, entry] of entries) {
        if (entry.store.getState().status !== "failed") continue;
        entry.cancel?.();
        entry.store.setState((facts) => ({ ...facts, status: "loading", error: null }), true);
        entry.cancel = openFacts(client, schedule, poolId, entry.store);
      }
    },
  };
};

export const createStores = (
  client: ConsoleClient,
  schedule: FrameScheduler = nextFrame,
): ConsoleStores => {
  const hello = createStore<Loadable<Hello>>(() => ({ status: "loading" }));
  const pools = createStore<Loadable<readonly KnownPool[]>>(() => ({ status: "loading" }));
  const demo = createStore<Loadable<DemoState>>(() => ({ status: "loading" }));
  const perPool = createFactsStores(client, schedule);
  let cancelPools = (): void => undefined;
  let cancelDemo = (): void => undefined;

  const watchPools = (): void => {
    cancelPools();
    cancelPools = follow(client, "pools.watch", pools, (item) => item.pools);
  };
  const watchDemo = (): void => {
    cancelDemo();
    cancelDemo = follow(client, "demo.watch", demo, (item) => item);
  };
  let isDemoWatched = false;
  const greet = async (): Promise<void> => {
    const result = await client.ask("console.hello", {});
    if (!result.ok) {
      hello.setState({ status: "failed", error: result.error }, true);
      return;
    }
    hello.setState({ status: "ready", value: result.value }, true);
    if (!result.value.capabilities.demo || isDemoWatched) return;
    isDemoWatched = true;
    watchDemo();
  };

  return {
    hello,
    pools,
    demo,
    facts: perPool.facts,
    hold: perPool.hold,
    restart() {
      if (pools.getState().status === "failed") watchPools();
      if (demo.getState().status === "failed") watchDemo();
      perPool.restartFailed();
    },
    start() {
      watchPools();
      client.link.subscribe((link) => {
        if (link.status === "open") void greet();
      });
      client.start();
    },
  };
};
