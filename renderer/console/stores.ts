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
  /** One store per pool; subscribed while somebody holds it. `release` gives it back. */
  hold(poolId: string): { readonly store: StoreApi<PoolFacts>; release(): void };
  /** asks again for streams that the backend ended with an error */
  restart(): void;
  start(): void;
}

interface Held {
  readonly store: StoreApi<PoolFacts>;
  holders: number;
  cancel: () => void;
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
  const cancel = client.stream("pool.watch", { poolId }, {
    onItem: (item) => batch.add(item),
    onEnd: (error) => {
      batch.drop();
      if (error !== null) store.setState((facts) => ({ ...facts, status: "failed", error }), true);
    },
  });
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

export const createStores = (
  client: ConsoleClient,
  schedule: FrameScheduler = nextFrame,
): ConsoleStores => {
  const hello = createStore<Loadable<Hello>>(() => ({ status: "loading" }));
  const pools = createStore<Loadable<readonly KnownPool[]>>(() => ({ status: "loading" }));
  const demo = createStore<Loadable<DemoState>>(() => ({ status: "loading" }));
  const held = new Map<string, Held>();
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
  const greet = async (): Promise<void> => {
    const result = await client.ask("console.hello", {});
    if (!result.ok) {
      hello.setState({ status: "failed", error: result.error }, true);
      return;
    }
    hello.setState({ status: "ready", value: result.value }, true);
    if (result.value.capabilities.demo) watchDemo();
  };

  return {
    hello,
    pools,
    demo,
    hold(poolId) {
      const known = held.get(poolId);
      const entry = known ?? createHeld(client, schedule, poolId);
      entry.holders += 1;
      held.set(poolId, entry);
      return {
        store: entry.store,
        release() {
          entry.holders -= 1;
          setTimeout(() => {
            if (entry.holders > 0 || held.get(poolId) !== entry) return;
            held.delete(poolId);
            entry.cancel();
          }, lingerMs);
        },
      };
    },
    restart() {
      if (pools.getState().status === "failed") watchPools();
      if (demo.getState().status === "failed") watchDemo();
      for (const [poolId, entry] of held) {
        if (entry.store.getState().status !== "failed") continue;
        entry.cancel();
        entry.store.setState((facts) => ({ ...facts, status: "loading", error: null }), true);
        entry.cancel = openFacts(client, schedule, poolId, entry.store);
      }
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

const createHeld = (client: ConsoleClient, schedule: FrameScheduler, poolId: string): Held => {
  const store = createStore<PoolFacts>(() => noFacts);
  return { store, holders: 0, cancel: openFacts(client, schedule, poolId, store) };
};
