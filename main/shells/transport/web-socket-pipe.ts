import type { Pipe } from "../../contract/frames.ts";
import type { RawData, WebSocket } from "ws";
import { PipeEnd } from "./pipe-end.ts";

export interface WebSocketPipeOptions {
  /** a window that lets more than this pile up is cut off; it starts again with a fresh picture */
  readonly bufferLimitBytes?: number;
  /** how often the peer must show that it still lives; 0 leaves that to the other end */
  readonly pingEveryMs?: number;
  /** called for every text from the peer, for the idle lock */
  readonly onActivity?: () => void;
}

/** Close codes beyond those of the protocol; the window reads them. */
export const closeCode = {
  /** the session ended: nobody used the window for the time of the idle lock */
  idle: 4401,
} as const;

/** A pipe over an open WebSocket of `ws`, either end. Binary messages close it. */
export function webSocketPipe(socket: WebSocket, options: WebSocketPipeOptions = {}): Pipe {
  const { bufferLimitBytes = 64 * 1024 * 1024, pingEveryMs = 15_000, onActivity } = options;
  const end = new PipeEnd({
    write: (text) => {
      if (socket.readyState !== socket.OPEN) return;
      socket.send(text);
      if (socket.bufferedAmount <= bufferLimitBytes) return;
      // A close frame would wait behind the pile, and the pile in memory with it.
      socket.terminate();
      end.ended();
    },
    shut: () => socket.close(1000),
    pendingBytes: () => socket.bufferedAmount,
  });
  socket.on("message", (data, isBinary) => {
    if (isBinary) {
      socket.close(1003, "text only");
      end.ended();
      return;
    }
    onActivity?.();
    end.delivered(textOf(data));
  });
  const stopPings = pingEveryMs > 0 ? keepProving(socket, pingEveryMs) : () => undefined;
  socket.on("close", () => {
    stopPings();
    end.ended();
  });
  // `close` follows every error, and that is all a pipe tells.
  socket.on("error", () => undefined);
  return end;
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString("utf8");
  return Buffer.isBuffer(data) ? data.toString("utf8") : Buffer.from(data).toString("utf8");
}

/** Pings; a peer that has not answered by the next ping is gone, even if TCP has not noticed. */
function keepProving(socket: WebSocket, pingEveryMs: number): () => void {
  let hasAnswered = true;
  socket.on("pong", () => {
    hasAnswered = true;
  });
  const timer = setInterval(() => {
    if (!hasAnswered) {
      socket.terminate();
      return;
    }
    hasAnswered = false;
    if (socket.readyState === socket.OPEN) socket.ping();
  }, pingEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
