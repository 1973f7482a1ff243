import { subscribe } from "node:diagnostics_channel";

/*
 * Loaded before the program that is measured (`node --import`). It changes nothing there: it
 * listens to what undici tells about its requests and answers questions about memory over the IPC
 * channel.
 */

export type Observation =
  | { readonly kind: "login-answered"; readonly atMs: number }
  | { readonly kind: "memory"; readonly rssBytes: number; readonly rssMaxBytes: number };

const logins = new WeakSet<object>();

interface RequestNews {
  readonly request: { readonly body?: unknown };
}

const isLogin = (body: unknown): boolean =>
  (typeof body === "string" || body instanceof Uint8Array) &&
  Buffer.from(body as string).includes("session.login_with_password");

function tell(observation: Observation): void {
  process.send?.(observation);
}

subscribe("undici:request:create", (news) => {
  const { request } = news as RequestNews;
  if (isLogin(request.body)) {
    logins.add(request);
  }
});

subscribe("undici:request:trailers", (news) => {
  const { request } = news as RequestNews;
  if (logins.has(request)) {
    tell({ kind: "login-answered", atMs: performance.timeOrigin + performance.now() });
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
