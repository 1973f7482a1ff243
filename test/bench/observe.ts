import { subscribe } from "node:diagnostics_channel";

/*
 * Loaded before the program that is measured (`node --import`). It changes nothing there: it
 * listens to what undici tells about its requests and answers questions about memory over the IPC
 * channel.
 */

export type Observation =
  | { readonly kind: "login-answered"; readonly atMs: number }
  | { readonly kind: "events-answered"; readonly atMs: number }
  | { readonly kind: "memory"; readonly rssBytes: number; readonly rssMaxBytes: number };

/** What is listened for, by the name of the call in the body. */
const calls = [
  { name: "session.login_with_password", kind: "login-answered" },
  { name: '"event.from"', kind: "events-answered" },
] as const;
const asked = new WeakMap<object, (typeof calls)[number]["kind"]>();

interface RequestNews {
  readonly request: { readonly body?: unknown };
}

const textOf = (body: unknown): string =>
  typeof body === "string" || body instanceof Uint8Array
    ? Buffer.from(body as string).toString()
    : "";

function tell(observation: Observation): void {
  process.send?.(observation);
}

subscribe("undici:request:create", (news) => {
  const { request } = news as RequestNews;
  const body = textOf(request.body);
  const call = calls.find(({ name }) => body.includes(name));
  if (call !== undefined) {
    asked.set(request, call.kind);
  }
});

subscribe("undici:request:trailers", (news) => {
  const kind = asked.get((news as RequestNews).request);
  if (kind !== undefined) {
    tell({ kind, atMs: performance.timeOrigin + performance.now() });
  }
});

process.on("message", (question) => {
  if (question === "memory") {
    const rssMaxBytes = process.resourceUsage().maxRSS * 1024;
    tell({ kind: "memory", rssBytes: process.memoryUsage.rss(), rssMaxBytes });
  }
});
// The channel alone must not keep the program alive.
process.channel?.unref();
