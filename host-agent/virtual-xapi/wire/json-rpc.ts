/** JSON-RPC 1 and 2 as XAPI speaks them: positional parameters only, no batches. */
import type { WireType } from "../datamodel/types.ts";
import type { XapiValue } from "../value.ts";
import { isRawStruct, MalformedRequest, type RawValue } from "./raw.ts";

export type JsonRpcVersion = 1 | 2;

export interface JsonCall {
  readonly version: JsonRpcVersion;
  readonly id: number | string;
  readonly method: string;
  readonly params: readonly RawValue[];
}

export const JSON_CONTENT_TYPE = "application/json";

function parse(text: string): RawValue {
  try {
    return JSON.parse(text) as RawValue;
  } catch {
    throw new MalformedRequest("not JSON");
  }
}

function isId(value: RawValue | undefined): value is number | string {
  return typeof value === "string" || (typeof value === "number" && Number.isInteger(value));
}

/**
 * Reads a request body. Throws `MalformedRequest`, also for an id that is neither int nor string.
 */
export function decodeJsonCall(text: string): JsonCall {
  const body = parse(text);
  if (!isRawStruct(body)) {
    throw new MalformedRequest("not a call");
  }
  const { id, method } = body as { id?: RawValue; method?: RawValue };
  const params = (body as { params?: RawValue }).params ?? [];
  if (!isId(id) || typeof method !== "string" || !Array.isArray(params)) {
    throw new MalformedRequest("not a call");
  }
  return { version: body["jsonrpc"] === "2.0" ? 2 : 1, id, method, params: params as RawValue[] };
}

/** Values travel as they are; a call without a result answers an empty string. */
export function encodeJsonSuccess(
  call: Pick<JsonCall, "version" | "id">,
  value: XapiValue,
  type: WireType,
): string {
  const result = type.kind === "void" ? "" : value;
  return JSON.stringify(
    call.version === 2
      ? { jsonrpc: "2.0", result, id: call.id }
      : { result, error: null, id: call.id },
  );
}

/** `error` is `[code, ...params]`. */
export function encodeJsonFailure(
  call: Pick<JsonCall, "version" | "id">,
  error: readonly string[],
): string {
  const [code = "", ...params] = error;
  return JSON.stringify(
    call.version === 2
      ? { jsonrpc: "2.0", error: { code: 1, message: code, data: params }, id: call.id }
      : { result: null, error, id: call.id },
  );
}

/**
 * The answer of a host in emergency mode is built outside the dispatcher: whatever the request was,
 * it has the version 2 shape, id 0, and a bare array where an object belongs.
 */
export function encodeJsonEmergency(error: readonly string[]): string {
  return JSON.stringify({ jsonrpc: "2.0", error, id: 0 });
}

/** A request as a client writes it. */
export function encodeJsonCall(call: JsonCall): string {
  const { id, method, params } = call;
  return JSON.stringify(
    call.version === 2 ? { jsonrpc: "2.0", method, params, id } : { method, params, id },
  );
}
