import type { Pipe } from "../../contract/frames.ts";
import { PipeEnd } from "./pipe-end.ts";

/**
 * Both ends in one process. Texts arrive in a later microtask, never inside `send`, as on a real
 * wire, so that code which relies on an answer during the call fails here too.
 */
export function memoryPipePair(): readonly [Pipe, Pipe] {
  const first: PipeEnd = new PipeEnd({
    write: (text) => queueMicrotask(() => second.delivered(text)),
    shut: () => queueMicrotask(() => second.ended()),
  });
  const second: PipeEnd = new PipeEnd({
    write: (text) => queueMicrotask(() => first.delivered(text)),
    shut: () => queueMicrotask(() => first.ended()),
  });
  return [first, second];
}
