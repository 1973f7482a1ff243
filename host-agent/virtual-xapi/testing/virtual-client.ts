/** A client as plain as they come: writes requests, reads answers, in either protocol. */
import type { HttpReply, HttpRequest } from "../node.ts";
import { XapiFailure } from "../value.ts";
import { encodeJsonCall } from "../wire/json-rpc.ts";
import { isRawStruct, type RawValue } from "../wire/raw.ts";
import { decodeXmlValue, encodeXmlCall } from "../wire/xml-rpc.ts";

export type Format = "xml" | "json";

type Send = (request: Omit<HttpRequest, "peerAddress">) => Promise<HttpReply>;

export class VirtualClient {
  readonly #send: Send;
  readonly #via: "tcp" | "socket";
  readonly #format: Format;

  constructor(send: Send, options: { readonly via?: "tcp" | "socket"; readonly format?: Format }) {
    this.#send = send;
    this.#via = options.via ?? "tcp";
    this.#format = options.format ?? "json";
  }

  /** The raw reply. */
  raw(path: string, body: string): Promise<HttpReply> {
    return this.#send({ path, body, via: this.#via });
  }

  /** Throws `XapiFailure`. Over XML integers come back as text, as on the wire. */
  async call(method: string, ...params: readonly RawValue[]): Promise<RawValue> {
    if (this.#format === "xml") {
      const reply = await this.raw("/", encodeXmlCall(method, params));
      return unwrapXml(decodeXmlValue(reply.body));
    }
    const body = encodeJsonCall({ version: 2, id: 1, method, params });
    return unwrapJson(JSON.parse((await this.raw("/jsonrpc", body)).body) as RawValue);
  }

  /** The error array of a call that must fail. Throws when it succeeds. */
  async failure(method: string, ...params: readonly RawValue[]): Promise<readonly string[]> {
    try {
      await this.call(method, ...params);
    } catch (error) {
      if (error instanceof XapiFailure) return [error.code, ...error.params];
      throw error;
    }
    throw new Error(`${method} succeeded`);
  }

  async logIn(user = "root", password = "opensesame"): Promise<string> {
    return String(await this.call("session.login_with_password", user, password));
  }
}

function failureOf(error: readonly RawValue[]): XapiFailure {
  const [code, ...params] = error.map(String);
  return new XapiFailure(code ?? "", ...params);
}

function unwrapXml(value: RawValue): RawValue {
  if (!isRawStruct(value) || value["Status"] === undefined) return value;
  if (value["Status"] === "Success") return value["Value"] ?? "";
  throw failureOf(value["ErrorDescription"] as readonly RawValue[]);
}

function unwrapJson(reply: RawValue): RawValue {
  if (!isRawStruct(reply)) throw new Error("not an answer");
  const { error, result } = reply as { readonly error?: RawValue; readonly result?: RawValue };
  if (error === undefined || error === null) return result ?? "";
  if (Array.isArray(error)) throw failureOf(error);
  const { message, data } = error as { readonly message: string; readonly data: RawValue };
  throw failureOf([message, ...(data as readonly RawValue[])]);
}
