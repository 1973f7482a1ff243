import type { InputOf, NameOfKind, OutputOf } from "../main/contract/console-api.ts";
import type { ConsoleError } from "../main/contract/errors.ts";
import { serverFrameSchema } from "../main/contract/frames.ts";
import type { Pipe } from "../main/contract/frames.ts";

/** A refusal as a window gets it; tests look at its code and its sentences. */
export class Refused extends Error {
  readonly error: ConsoleError;
  constructor(error: ConsoleError) {
    super(`${error.code}: ${error.sentence}`);
    this.name = "Refused";
    this.error = error;
  }
}

type Asked = NameOfKind<"query"> | NameOfKind<"command">;

/** The other end of a pipe, as bare as a test wants it. */
export interface Window {
  ask<N extends Asked>(name: N, input: InputOf<N>): Promise<OutputOf<N>>;
  watch<N extends NameOfKind<"stream">>(
    name: N,
    input: InputOf<N>,
    onItem: (item: OutputOf<N>) => void,
  ): () => void;
  /** everything that crossed the pipe, both ways */
  readonly traffic: string[];
}

export function openWindow(pipe: Pipe): Window {
  const traffic: string[] = [];
  let nextId = 1;
  const answers = new Map<number, (frame: ReturnType<typeof serverFrameSchema.parse>) => void>();
  pipe.onText((text) => {
    traffic.push(text);
    const frame = serverFrameSchema.parse(JSON.parse(text));
    answers.get(frame.id)?.(frame);
  });
  const send = (frame: unknown): void => {
    const text = JSON.stringify(frame);
    traffic.push(text);
    pipe.send(text);
  };
  return {
    traffic,
    ask(name, input) {
      const id = nextId++;
      return new Promise((resolve, reject) => {
        answers.set(id, (frame) => {
          answers.delete(id);
          if (frame.kind === "reply") resolve(frame.value as OutputOf<typeof name>);
          else if (frame.kind === "refused") reject(new Refused(frame.error));
        });
        send({ kind: "request", id, name, input });
      });
    },
    watch(name, input, onItem) {
      const id = nextId++;
      answers.set(id, (frame) => {
        if (frame.kind === "item") onItem(frame.value as OutputOf<typeof name>);
      });
      send({ kind: "request", id, name, input });
      return () => {
        answers.delete(id);
        send({ kind: "cancel", id });
      };
    },
  };
}
