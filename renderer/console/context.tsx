import {
  createContext,
  use,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
  type ReactNode,
} from "react";
import { useStore } from "zustand";
import type { StoreApi } from "zustand/vanilla";
import type { InputOf, NameOfKind, OutputOf } from "../../main/contract/console-api.ts";
import type { ConsoleError } from "../../main/contract/errors.ts";
import type { DemoState } from "../../main/contract/demo.ts";
import type { KnownPool } from "../../main/contract/pool.ts";
import type { ConsoleClient, LinkState } from "./client.ts";
import type { PoolFacts } from "./facts.ts";
import type { Result } from "./result.ts";
import type { ConsoleStores, Hello, Loadable } from "./stores.ts";

interface ConsoleContext {
  readonly client: ConsoleClient;
  readonly stores: ConsoleStores;
}

const Context = createContext<ConsoleContext | null>(null);
const PoolContext = createContext<{ poolId: string; store: StoreApi<PoolFacts> } | null>(null);

export const ConsoleProvider = (props: ConsoleContext & { readonly children: ReactNode }) => {
  const { client, stores, children } = props;
  const value = useMemo(() => ({ client, stores }), [client, stores]);
  return <Context value={value}>{children}</Context>;
};

const useConsole = (): ConsoleContext => {
  const value = use(Context);
  if (value === null) throw new Error("ConsoleProvider is missing above this component");
  return value;
};

export const useClient = (): ConsoleClient => useConsole().client;
export const useLink = (): LinkState => useStore(useConsole().client.link);
export const useHello = (): Loadable<Hello> => useStore(useConsole().stores.hello);
export const usePools = (): Loadable<readonly KnownPool[]> => useStore(useConsole().stores.pools);
export const useDemo = (): Loadable<DemoState> => useStore(useConsole().stores.demo);
export const useRestartStreams = (): (() => void) => useConsole().stores.restart;

/** Subscribes to one pool for everything below it; with null there is none. */
export const PoolProvider = (props: {
  readonly poolId: string | null;
  readonly children: ReactNode;
}) => {
  const { poolId, children } = props;
  const { stores } = useConsole();
  const value = useMemo(
    () => (poolId === null ? null : { poolId, store: stores.facts(poolId) }),
    [poolId, stores],
  );
  useEffect(() => (poolId === null ? undefined : stores.hold(poolId)), [poolId, stores]);
  return <PoolContext value={value}>{children}</PoolContext>;
};

const usePoolContext = () => {
  const value = use(PoolContext);
  if (value === null) throw new Error("PoolProvider is missing above this component");
  return value;
};

export const usePoolId = (): string => usePoolContext().poolId;

/** Repaints only when the selected part of the facts is another object. */
export const usePoolFacts = <T,>(select: (facts: PoolFacts) => T): T =>
  useStore(usePoolContext().store, select);

export type QueryState<T> = Loadable<T> & { readonly reload: () => void };

/** Asks when mounted and whenever the input changes; a late answer to an old input is dropped. */
export const useQuery = <N extends NameOfKind<"query">>(
  name: N,
  input: InputOf<N>,
): QueryState<OutputOf<N>> => {
  const { client } = useConsole();
  const [state, setState] = useState<Loadable<OutputOf<N>>>({ status: "loading" });
  const [round, setRound] = useState(0);
  const inputText = JSON.stringify(input);
  const shownInput = useRef("");
  useEffect(() => {
    let isCurrent = true;
    // Asking the same again keeps the answer on screen until the new one is there.
    const isSame = shownInput.current === inputText;
    shownInput.current = inputText;
    setState((before) => (isSame && before.status === "ready" ? before : { status: "loading" }));
    void client.ask(name, JSON.parse(inputText) as InputOf<N>).then((result) => {
      if (!isCurrent) return;
      setState(
        result.ok
          ? { status: "ready", value: result.value }
          : { status: "failed", error: result.error },
      );
    });
    return () => {
      isCurrent = false;
    };
  }, [client, name, inputText, round]);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  return { ...state, reload };
};

export interface CommandState<N extends NameOfKind<"query" | "command">> {
  readonly isBusy: boolean;
  readonly error: ConsoleError | null;
  readonly run: (input: InputOf<N>) => Promise<Result<OutputOf<N>>>;
  readonly clear: () => void;
}

/** One command at a time, with its failure kept for an inline panel. */
export const useCommand = <N extends NameOfKind<"query" | "command">>(name: N): CommandState<N> => {
  const { client } = useConsole();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ConsoleError | null>(null);
  const isMounted = useRef(true);
  useEffect(() => {
    isMounted.current = true;
    return () => {
      isMounted.current = false;
    };
  }, []);
  return {
    isBusy,
    error,
    clear: () => setError(null),
    run: async (input) => {
      setBusy(true);
      setError(null);
      const result = await client.ask(name, input);
      if (!isMounted.current) return result;
      setBusy(false);
      if (!result.ok) setError(result.error);
      return result;
    },
  };
};
