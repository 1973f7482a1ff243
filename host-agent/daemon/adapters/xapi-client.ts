import { connect } from "node:net";
import { socketAddress } from "../layout.ts";

/*
 * JSON-RPC over XAPI's Unix socket, one connection per call, each call with a deadline: a XAPI that
 * accepts and never answers costs one socket until then.
 */

export type CallResult =
  | { readonly status: "answered"; readonly result: unknown }
  /** XAPI's own error: its code first */
  | { readonly status: "refused"; readonly code: string; readonly params: readonly string[] }
  | { readonly status: "failed"; readonly reason: string };

export interface XapiCall {
  readonly socket: string;
  readonly method: string;
  readonly params: readonly unknown[];
  readonly timeoutMs: number;
}

const answerBytesMax = 8 * 1_048_576;

export async function callXapi(call: XapiCall): Promise<CallResult> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: call.method, params: call.params });
  const request =
    `POST /jsonrpc HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/json\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`;
  const exchanged = await exchange(call, request);
  return typeof exchanged === "string" ? readAnswer(exchanged) : exchanged;
}

function exchange(call: XapiCall, request: string): Promise<string | CallResult> {
  return new Promise((resolve) => {
    let target: ReturnType<typeof socketAddress>;
    try {
      target = socketAddress(call.socket);
    } catch {
      resolve({ status: "failed", reason: "there is no XAPI socket" });
      return;
    }
    const socket = connect({ path: target.address });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let isOver = false;
    const finish = (outcome: string | CallResult): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      target.release();
      socket.destroy();
      resolve(outcome);
    };
    const fail = (reason: string): void => finish({ status: "failed", reason });
    const timer = setTimeout(
      () => fail(`no answer to ${call.method} within ${call.timeoutMs} ms`),
      call.timeoutMs,
    );
    socket.on("connect", () => void socket.write(request));
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > answerBytesMax) return fail("the answer is too long");
      const text = completeBody(Buffer.concat(chunks), false);
      if (text !== null) finish(text);
    });
    socket.on("end", () => {
      const text = completeBody(Buffer.concat(chunks), true);
      if (text === null) fail("the connection ended before an answer");
      else finish(text);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => fail(connectionTrouble(error)));
    socket.on("close", () => fail("the connection was closed before an answer"));
  });
}

function connectionTrouble(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "there is no XAPI socket";
  if (error.code === "ECONNREFUSED") return "no XAPI listens on its socket";
  return error.message;
}

/** The body once it is whole: by its length, or by the end of the connection. */
function completeBody(bytes: Buffer, isEnd: boolean): string | null {
  const head = bytes.indexOf("\r\n\r\n");
  if (head === -1) return null;
  const length = /^content-length:\s*(\d+)\s*$/im.exec(bytes.toString("latin1", 0, head))?.[1];
  const body = bytes.subarray(head + 4);
  if (length === undefined) return isEnd ? body.toString("utf8") : null;
  return body.length >= Number(length) ? body.toString("utf8", 0, Number(length)) : null;
}

function readAnswer(text: string): CallResult {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return { status: "failed", reason: "the answer is not JSON" };
  }
  if (typeof answer !== "object" || answer === null) {
    return { status: "failed", reason: "the answer is no object" };
  }
  const { error, result } = answer as { error?: unknown; result?: unknown };
  if (error === undefined || error === null) return { status: "answered", result };
  // In emergency mode the error is a bare list, whatever version was asked for.
  const words = Array.isArray(error) ? error : errorWords(error);
  const [code = "UNKNOWN", ...params] = words.map(String);
  return { status: "refused", code, params };
}

function errorWords(error: unknown): unknown[] {
  if (typeof error !== "object" || error === null) return [error];
  const { message, data } = error as { message?: unknown; data?: unknown };
  return [message, ...(Array.isArray(data) ? (data as unknown[]) : [])];
}
