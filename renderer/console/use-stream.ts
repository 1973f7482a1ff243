import { useCallback, useEffect, useState } from "react";
import type { InputOf, NameOfKind, OutputOf } from "../../main/contract/console-api.ts";
import type { ConsoleError } from "../../main/contract/errors.ts";
import { applyAgents, noAgents, type AgentsFacts } from "./agents.ts";
import { useClient, usePoolId } from "./context.tsx";
import { createBatch, nextFrame } from "./frame-batch.ts";
import { applyChunks, noTimeline, type TimelineFacts } from "./timeline.ts";

interface Streamed {
  readonly status: "loading" | "ready" | "failed";
  readonly error: ConsoleError | null;
}

interface Asked<N extends NameOfKind<"stream">, T extends Streamed> {
  readonly name: N;
  readonly input: InputOf<N>;
  readonly initial: T;
  readonly apply: (state: T, items: readonly OutputOf<N>[]) => T;
}

export type StreamState<T> = T & { readonly restart: () => void };

/** A stream of the pool for as long as the component is mounted, applied once per frame. */
const useStream = <N extends NameOfKind<"stream">, T extends Streamed>(
  asked: Asked<N, T>,
): StreamState<T> => {
  const { name, initial, apply } = asked;
  const client = useClient();
  const inputText = JSON.stringify(asked.input);
  const [state, setState] = useState<T>(initial);
  const [round, setRound] = useState(0);
  useEffect(() => {
    setState(initial);
    const batch = createBatch<OutputOf<N>>(nextFrame, (items) =>
      setState((before) => apply(before, items)),
    );
    const cancel = client.stream(name, JSON.parse(inputText) as InputOf<N>, {
      onItem: (item) => batch.add(item),
      onEnd: (error) => {
        batch.drop();
        if (error !== null) setState((before) => ({ ...before, status: "failed", error }));
      },
    });
    return () => {
      batch.drop();
      cancel();
    };
  }, [client, name, inputText, initial, apply, round]);
  const restart = useCallback(() => setRound((before) => before + 1), []);
  return { ...state, restart };
};

export const useTimelineFacts = (): StreamState<TimelineFacts> =>
  useStream({
    name: "timeline.watch",
    input: { poolId: usePoolId() },
    initial: noTimeline,
    apply: applyChunks,
  });

export const useAgentsFacts = (): StreamState<AgentsFacts> =>
  useStream({
    name: "agents.watch",
    input: { poolId: usePoolId() },
    initial: noAgents,
    apply: applyAgents,
  });
