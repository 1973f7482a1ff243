import { request } from "undici";
import type { Dispatcher } from "undici";
import { addressUrl } from "./address.ts";
import type { MemberAddress } from "./address.ts";
import { NoAnswerInTime } from "./pinned-agent.ts";

/** What came back from one question that needs no session. */
export type WireAnswer =
  | { readonly type: "result"; readonly value: unknown }
  | { readonly type: "failure"; readonly code: string; readonly params: readonly string[] }
  /** something answered, and it does not speak as XAPI does */
  | { readonly type: "not-xapi"; readonly found: string };

export interface Question {
  readonly dispatcher: Dispatcher;
  readonly address: MemberAddress;
  readonly method: string;
  readonly params: readonly unknown[];
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

const answerBytesMax = 1_000_000;

/**
 * Asks before there is a session: the client library cannot read the answers of a member in
 * emergency mode, whose JSON has an array where an object belongs (reference: XAPI's
 * `api_server.ml`), and would send the password on to whatever address a supporter names. Rejects
 * with the network's error, `CertificateRefused`, or `NoAnswerInTime`.
 */
export async function ask(question: Question): Promise<WireAnswer> {
  const deadline = AbortSignal.timeout(question.timeoutMs);
  const signal =
    question.signal === undefined ? deadline : AbortSignal.any([deadline, question.signal]);
  try {
    const response = await request(new URL("jsonrpc", addressUrl(question.address)), {
      dispatcher: question.dispatcher,
      method: "POST",
      headers: { accept: "application/json", "content-type": "application/json" },
      body: JSON.stringify({
        jsonrpc: "2.0",
        method: question.method,
        params: question.params,
        id: 1,
      }),
      signal,
    });
    let text = "";
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      text += chunk.toString("utf8");
      if (text.length > answerBytesMax) return { type: "not-xapi", found: "an endless answer" };
    }
    return readAnswer(response.statusCode, text);
  } catch (error) {
    if (deadline.aborted) throw new NoAnswerInTime(question.address.text);
    throw error;
  }
}

function readAnswer(status: number, text: string): WireAnswer {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // A web server's page, most likely; its text is of no use to anyone.
    return { type: "not-xapi", found: `a page with HTTP status ${status}` };
  }
  if (!isObject(json)) return { type: "not-xapi", found: "JSON that is no answer" };
  const failure = readFailure(json["error"]);
  if (failure !== null) return failure;
  if (!("result" in json)) return { type: "not-xapi", found: "JSON that is no answer" };
  return { type: "result", value: json["result"] };
}

/** Version 1 and emergency answers carry an array, version 2 an object. */
function readFailure(error: unknown): WireAnswer | null {
  if (error === null || error === undefined) return null;
  if (Array.isArray(error)) {
    const [code, ...params] = error as unknown[];
    return { type: "failure", code: String(code), params: params.map(String) };
  }
  if (!isObject(error) || typeof error["message"] !== "string") {
    return { type: "not-xapi", found: "a failure in an unknown form" };
  }
  const data = Array.isArray(error["data"]) ? (error["data"] as unknown[]) : [];
  return { type: "failure", code: error["message"], params: data.map(String) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
