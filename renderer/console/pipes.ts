import type { Pipe } from "../../main/contract/frames.ts";

/** A pipe over a port. Not every Chromium says when the other end vanished; the client asks. */
export const pipeOverPort = (port: MessagePort): Pipe => {
  let isOpen = true;
  let closed = (): void => undefined;
  const end = (): void => {
    if (!isOpen) return;
    isOpen = false;
    port.close();
    closed();
  };
  port.addEventListener("close", end);
  return {
    send(text) {
      if (isOpen) port.postMessage(text);
    },
    onText(reader) {
      port.onmessage = (event: MessageEvent<unknown>) => {
        if (typeof event.data === "string") reader(event.data);
      };
    },
    onClose(listener) {
      closed = listener;
    },
    close: end,
  };
};

/** Resolves when the socket is open. */
export const pipeOverSocket = (url: string): Promise<Pipe> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    let closed = (): void => undefined;
    let isOpen = false;
    socket.addEventListener("open", () => {
      isOpen = true;
      resolve({
        send(text) {
          if (socket.readyState === WebSocket.OPEN) socket.send(text);
        },
        onText(reader) {
          socket.onmessage = (event: MessageEvent<unknown>) => {
            if (typeof event.data === "string") reader(event.data);
          };
        },
        onClose(listener) {
          closed = listener;
        },
        close: () => socket.close(),
      });
    });
    socket.addEventListener("close", () => {
      if (isOpen) closed();
      else reject(new Error("The backend refused the connection or is not running."));
    });
  });
