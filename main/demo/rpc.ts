import { request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";

/** A XAPI answered with an error: `[code, ...params]`. */
export class RpcFailure extends Error {
  override readonly name = "RpcFailure";
  readonly code: string;

  constructor(description: readonly string[]) {
    super(description.join(" "));
    this.code = description[0] ?? "";
  }
}

/**
 * Where and how one call goes: to a host's address with its certificate pinned, or to its socket.
 */
export type RpcTarget =
  | { readonly socketPath: string }
  | { readonly host: string; readonly port: number; readonly certificatePem: string };

/**
 * One JSON-RPC call. Rejects with `RpcFailure` for an API error, with a plain error when the host
 * does not answer properly or `signal` aborts; waits for ever otherwise, as the command line of
 * dom0 does.
 */
export function callXapi(
  target: RpcTarget,
  call: {
    readonly method: string;
    readonly params: readonly unknown[];
    readonly signal?: AbortSignal;
  },
): Promise<unknown> {
  const body = Buffer.from(
    JSON.stringify({ jsonrpc: "2.0", id: 1, method: call.method, params: call.params }),
  );
  return new Promise((resolve, reject) => {
    const sent = open(target, {
      path: "/jsonrpc",
      method: "POST",
      headers: { "content-type": "application/json", "content-length": body.length },
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
    sent.on("response", (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        try {
          resolve(resultOf(Buffer.concat(parts).toString("utf8")));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

function open(target: RpcTarget, options: RequestOptions): ReturnType<typeof httpRequest> {
  if ("socketPath" in target) return httpRequest({ ...options, socketPath: target.socketPath });
  return httpsRequest({
    ...options,
    host: target.host,
    port: target.port,
    ca: [target.certificatePem],
    checkServerIdentity: () => undefined,
    agent: false,
  });
}

function resultOf(text: string): unknown {
  const answer = JSON.parse(text) as {
    readonly result?: unknown;
    readonly error?: readonly string[] | { readonly data?: readonly string[]; message?: string };
  };
  const { error } = answer;
  if (error === undefined || error === null) return answer.result;
  // In emergency mode XAPI puts the bare array here.
  if (Array.isArray(error)) throw new RpcFailure(error as readonly string[]);
  const { message, data } = error as { readonly data?: readonly string[]; message?: string };
  throw new RpcFailure([message ?? "", ...(data ?? [])]);
}
