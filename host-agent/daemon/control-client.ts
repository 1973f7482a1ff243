import { connect } from "node:net";
import { socketAddress } from "./layout.ts";
import type { ControlRequest } from "./control-server.ts";

export type Asked =
  | { readonly status: "answered"; readonly value: unknown }
  | { readonly status: "absent" }
  | { readonly status: "failed"; readonly sentence: string };

const askTimeoutMs = 900;

/** One question to the running agent, answered or given up within a second. */
export async function askAgent(path: string, request: ControlRequest): Promise<Asked> {
  const rows: string[] = [];
  const end = await streamAgent(path, request, {
    onLine: (row) => void rows.push(row),
    timeoutMs: askTimeoutMs,
  });
  if (end === "absent") return { status: "absent" };
  if (end === "timeout") {
    return { status: "failed", sentence: `The agent did not answer within ${askTimeoutMs} ms.` };
  }
  const [row] = rows;
  if (row === undefined) return { status: "failed", sentence: "The agent hung up." };
  return { status: "answered", value: JSON.parse(row) as unknown };
}

export interface StreamOptions {
  readonly onLine: (row: string) => void;
  /** null: for as long as the agent goes on */
  readonly timeoutMs: number | null;
}

/** Lines of an answer until its end; "absent" when nobody listens on the socket. */
export function streamAgent(
  path: string,
  request: ControlRequest,
  options: StreamOptions,
): Promise<"end" | "absent" | "timeout"> {
  return new Promise((resolve) => {
    let target: ReturnType<typeof socketAddress>;
    try {
      target = socketAddress(path);
    } catch {
      // The folder of the socket does not exist either.
      resolve("absent");
      return;
    }
    const socket = connect({ path: target.address });
    let hasConnected = false;
    let isOver = false;
    let rest = "";
    const finish = (end: "end" | "absent" | "timeout"): void => {
      if (isOver) return;
      isOver = true;
      if (timer !== null) clearTimeout(timer);
      target.release();
      socket.destroy();
      resolve(end);
    };
    const { timeoutMs } = options;
    const timer = timeoutMs === null ? null : setTimeout(() => finish("timeout"), timeoutMs);
    socket.on("connect", () => {
      hasConnected = true;
      socket.write(`${JSON.stringify(request)}\n`);
    });
    socket.on("data", (chunk: Buffer) => {
      const rows = (rest + chunk.toString("utf8")).split("\n");
      rest = rows.pop() ?? "";
      for (const row of rows) options.onLine(row);
    });
    socket.on("end", () => finish("end"));
    socket.on("close", () => finish(hasConnected ? "end" : "absent"));
    socket.on("error", () => finish(hasConnected ? "end" : "absent"));
  });
}
