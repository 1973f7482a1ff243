/** One HTTP request: which protocol, who answers, and how the answer is written. */
import type { HttpReply, HttpRequest } from "../node.ts";
import { PeerUnreachable } from "../ports.ts";
import type { XapiValue } from "../value.ts";
import {
  decodeJsonCall,
  encodeJsonEmergency,
  encodeJsonFailure,
  encodeJsonSuccess,
  JSON_CONTENT_TYPE,
  type JsonCall,
} from "../wire/json-rpc.ts";
import { MalformedRequest } from "../wire/raw.ts";
import {
  decodeXmlCall,
  encodeXmlBareArray,
  encodeXmlFailure,
  encodeXmlSuccess,
  XML_CONTENT_TYPE,
} from "../wire/xml-rpc.ts";
import { parseType } from "../datamodel/types.ts";
import { dispatch, type Incoming, type Outcome } from "./dispatch.ts";
import { EMERGENCY_CALLS, SOCKET_CALLS } from "./emergency-calls.ts";
import { never } from "./guard.ts";
import type { Life } from "./life.ts";

const BODY_MOST_BYTES = 300 * 1_024;
const STRING_SET = parseType("string set");

/** How the answer goes back, by the request's protocol. */
interface Encoding {
  readonly contentType: string;
  readonly outcome: (outcome: Outcome) => string;
  readonly emergency: (error: readonly string[]) => string;
}

function broken(): HttpReply {
  const body =
    "<html><body><h1>HTTP 500 internal server error</h1>" +
    "The request could not be understood.</body></html>";
  return { status: 500, contentType: "text/html", body };
}

function isTooLong(text: string): boolean {
  if (text.length > BODY_MOST_BYTES) return true;
  if (text.length * 3 <= BODY_MOST_BYTES) return false;
  let bytes = 0;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes > BODY_MOST_BYTES;
}

const xmlEncoding: Encoding = {
  contentType: XML_CONTENT_TYPE,
  emergency: encodeXmlFailure,
  outcome(outcome) {
    switch (outcome.type) {
      case "success":
        return encodeXmlSuccess(outcome.value, outcome.as);
      case "failure":
        return encodeXmlFailure(outcome.error);
      case "method-list":
        return encodeXmlBareArray(outcome.names);
    }
  },
};

function jsonEncoding(call: JsonCall): Encoding {
  return {
    contentType: JSON_CONTENT_TYPE,
    emergency: encodeJsonEmergency,
    outcome(outcome) {
      switch (outcome.type) {
        case "success":
          return encodeJsonSuccess(call, outcome.value, outcome.as);
        case "failure":
          return encodeJsonFailure(call, outcome.error);
        case "method-list":
          return encodeJsonSuccess(call, outcome.names, STRING_SET);
      }
    },
  };
}

function decode(request: HttpRequest): { readonly call: Incoming; readonly encoding: Encoding } {
  const { via, path, body } = request;
  if (path.startsWith("/jsonrpc")) {
    const json = decodeJsonCall(body);
    const call = { method: json.method, params: json.params, via };
    return { call, encoding: jsonEncoding(json) };
  }
  return { call: { ...decodeXmlCall(body), via }, encoding: xmlEncoding };
}

/** A supporter's socket: what it does not answer itself goes to the coordinator as it came. */
async function forward(life: Life, request: HttpRequest): Promise<HttpReply> {
  const { path, body, contentType = "" } = request;
  try {
    const reply = await life.connection?.requestOnce("forward", [path, body, contentType]);
    const { status, contentType: type, text } = reply as { readonly [key: string]: XapiValue };
    return { status: Number(status), contentType: String(type), body: String(text) };
  } catch (error) {
    if (life.ended) return await never();
    if (error instanceof PeerUnreachable) return broken();
    throw error;
  }
}

export async function handleHttp(life: Life, request: HttpRequest): Promise<HttpReply> {
  if (life.ended) return await never();
  if (isTooLong(request.body)) return broken();
  let decoded;
  try {
    decoded = decode(request);
  } catch (error) {
    if (error instanceof MalformedRequest) return broken();
    throw error;
  }
  const { call, encoding } = decoded;
  const { contentType } = encoding;
  if (life.emergency !== null && !EMERGENCY_CALLS.has(call.method)) {
    return { status: 200, contentType, body: encoding.emergency(life.emergency) };
  }
  const foreign = life.connection !== null && request.via === "socket";
  if (foreign && !SOCKET_CALLS.has(call.method)) {
    return await forward(life, request);
  }
  return { status: 200, contentType, body: encoding.outcome(await dispatch(life, call)) };
}
