import {
  consoleApi,
  type InputOf,
  type NameOfKind,
  type OutputOf,
} from "../contract/console-api.ts";
import { type ClientFrame, type Pipe, serverFrameSchema } from "../contract/frames.ts";

type Answering = NameOfKind<"query"> | NameOfKind<"command">;

/**
 * One question over a pipe that is used for nothing else, as a window would ask it.
 * Rejects with the sentence of a refusal, or when the pipe closes first.
 */
export function callConsole<N extends Answering>(
  pipe: Pipe,
  name: N,
  input: InputOf<N>,
): Promise<OutputOf<N>> {
  return new Promise((resolve, reject) => {
    pipe.onClose(() => reject(new Error(`The console closed before it answered ${name}.`)));
    pipe.onText((text) => {
      const frame = serverFrameSchema.parse(JSON.parse(text));
      if (frame.kind === "reply") {
        resolve(consoleApi[name].output.parse(frame.value) as OutputOf<N>);
      } else if (frame.kind === "refused") {
        reject(new Error(`${frame.error.sentence} ${frame.error.nextStep}`.trim()));
      }
    });
    const request: ClientFrame = { kind: "request", id: 1, name, input };
    pipe.send(JSON.stringify(request));
  });
}
