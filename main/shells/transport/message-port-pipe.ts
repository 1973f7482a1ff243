import type { Pipe } from "../../contract/frames.ts";
import { PipeEnd } from "./pipe-end.ts";

/**
 * What Node's `MessagePort` and Electron's `MessagePortMain` have in common. Node hands listeners
 * the posted value itself, Electron an event with the value in `data`.
 */
export interface PortLike {
  on(event: "message", listener: (received: unknown) => void): unknown;
  on(event: "close", listener: () => void): unknown;
  postMessage(value: string): void;
  start(): void;
  close(): void;
}

/** A pipe over a message port. Anything but text closes it: no other program writes here. */
export function messagePortPipe(port: PortLike): Pipe {
  const end = new PipeEnd({
    write: (text) => port.postMessage(text),
    shut: () => port.close(),
  });
  port.on("message", (received) => {
    const text = textOf(received);
    if (text === null) end.close();
    else end.delivered(text);
  });
  port.on("close", () => end.ended());
  port.start();
  return end;
}

function textOf(received: unknown): string | null {
  if (typeof received === "string") return received;
  if (typeof received !== "object" || received === null || !("data" in received)) return null;
  return typeof received.data === "string" ? received.data : null;
}
