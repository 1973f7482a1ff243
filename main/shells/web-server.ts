import http from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { Pipe } from "../contract/frames.ts";
import type { Clock } from "../console/ports.ts";
import { type BrowserSessions, createBrowserSessions } from "./browser-sessions.ts";
import { answerPage, fileHeaders, guardHeaders, type PageFiles } from "./page-files.ts";
import { closeCode, webSocketPipe } from "./transport/web-socket-pipe.ts";

export interface WebServerSettings {
  readonly files: PageFiles;
  readonly accept: (pipe: Pipe) => void;
  readonly clock: Pick<Clock, "wallMs" | "monotonicMs">;
  /** 0 lets the system choose */
  readonly port: number;
  /** refusals and locks as sentences; never a token or a cookie */
  readonly log: (sentence: string) => void;
  /** how often idle sessions are looked for; 0 leaves it to `lockIdle` */
  readonly idleCheckEveryMs?: number;
}

export interface WebServer {
  readonly port: number;
  /** a new link, good for one window within 60 s */
  newLink(): string;
  lockIdle(): void;
  stop(): Promise<void>;
}

const LOOPBACK = "127.0.0.1";
/** Setting the protection of 5,000 VMs at once is half a megabyte. */
const MAX_FRAME_BYTES = 4 * 1024 * 1024;
const MAX_SESSION_BODY_BYTES = 1024;

/**
 * Browser mode: the window and its pipe on 127.0.0.1. Every answer is preceded by a check of the
 * Host header, so that a name which somebody points at this machine reaches nothing; whoever wants
 * a pipe must come from this page (Origin) and hold a session's cookie.
 * Rejects with a sentence when the port is taken.
 */
export async function startWebServer(settings: WebServerSettings): Promise<WebServer> {
  const { log, clock, idleCheckEveryMs = 10_000 } = settings;
  const sessions = createBrowserSessions(clock);
  const pipes = new Map<string, Set<{ lock(): void }>>();
  const wsServer = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
  });
  const server = http.createServer();
  const port = await listen(server, settings.port);
  const door: Door = { port, hosts: [`${LOOPBACK}:${port}`, `localhost:${port}`], sessions, log };

  server.on("request", (request, response) => {
    answer(door, settings.files, request, response).catch((error: unknown) => {
      log(`A request failed: ${String(error)}`);
      response.destroy();
    });
  });
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => undefined);
    const sessionId = admitUpgrade(door, request, socket);
    if (sessionId === null) return;
    wsServer.handleUpgrade(request, socket, head, (webSocket) => {
      const open = pipes.get(sessions.idOf(sessionId)) ?? new Set();
      pipes.set(sessions.idOf(sessionId), open);
      const entry = { lock: () => webSocket.close(closeCode.idle, "locked") };
      open.add(entry);
      sessions.touch(sessionId);
      const onActivity = () => sessions.touch(sessionId);
      const pipe = webSocketPipe(webSocket, { onActivity });
      pipe.onClose(() => open.delete(entry));
      settings.accept(pipe);
    });
  });

  const lockIdle = () => {
    for (const id of sessions.endIdle()) {
      for (const entry of pipes.get(id) ?? []) entry.lock();
      pipes.delete(id);
      log(
        "A window was not used for 30 minutes and is locked. It needs a new link: " +
          `press Enter here, or kill -USR2 ${process.pid}.`,
      );
    }
  };
  const timer = idleCheckEveryMs > 0 ? setInterval(lockIdle, idleCheckEveryMs) : null;
  timer?.unref();

  return {
    port,
    newLink: () => `http://${LOOPBACK}:${port}/#token=${sessions.newToken()}`,
    lockIdle,
    stop: async () => {
      if (timer !== null) clearInterval(timer);
      for (const client of wsServer.clients) client.terminate();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

interface Door {
  readonly port: number;
  readonly hosts: readonly string[];
  readonly sessions: BrowserSessions;
  readonly log: (sentence: string) => void;
}

async function listen(server: http.Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why =
        error.code === "EADDRINUSE" ? "is in use by another program" : `: ${error.message}`;
      reject(new Error(`Port ${port} ${why}. Choose another one with --port.`));
    });
    server.listen({ host: LOOPBACK, port, exclusive: true }, resolve);
  });
  return (server.address() as AddressInfo).port;
}

async function answer(
  door: Door,
  files: PageFiles,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  if (!hasOwnHost(door, request)) {
    refuse(door, response, {
      status: 403,
      sentence: `Host ${shown(request.headers.host)} is not this console`,
    });
    return;
  }
  const path = pathOf(request);
  if (path === "/session") {
    await answerSession(door, request, response);
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    refuse(door, response, {
      status: 405,
      sentence: `${shown(request.method)} ${shown(path)} is not offered`,
    });
    return;
  }
  if (path === "/" || path === "/index.html") {
    const sockets = door.hosts.map((host) => `ws://${host}`);
    const page = answerPage(files, sockets);
    response.writeHead(200, page.headers).end(page.body);
    return;
  }
  const file = files.files.get(path);
  if (file === undefined) {
    response.writeHead(404, { ...guardHeaders, "Content-Type": "text/plain" }).end("Not found");
    return;
  }
  response.writeHead(200, { ...fileHeaders(file), "Content-Length": file.body.length });
  response.end(file.body);
}

/** GET tells a reloaded page whether its cookie still counts; POST trades a token for a cookie. */
async function answerSession(
  door: Door,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const cookie = sessionCookie(door, request);
  if (request.method === "GET") {
    const isOpen = cookie !== null && door.sessions.isOpen(cookie);
    response.writeHead(isOpen ? 204 : 401, { ...guardHeaders, "Cache-Control": "no-store" }).end();
    return;
  }
  if (request.method !== "POST") {
    response.setHeader("Allow", "GET, POST");
    refuse(door, response, {
      status: 405,
      sentence: `${shown(request.method)} /session is not offered`,
    });
    return;
  }
  if (!hasOwnOrigin(request)) {
    refuse(door, response, {
      status: 403,
      sentence: `Origin ${shown(request.headers.origin)} is not this console`,
    });
    return;
  }
  if (request.headers["content-type"]?.split(";")[0]?.trim() !== "application/json") {
    refuse(door, response, { status: 415, sentence: "A session request was not JSON" });
    return;
  }
  const token = tokenIn(await readBody(request, MAX_SESSION_BODY_BYTES));
  if (token === null) {
    refuse(door, response, { status: 400, sentence: "A session request held no token" });
    return;
  }
  const redeemed = door.sessions.redeem(token);
  if (redeemed.status === "refused") {
    const { reason } = redeemed;
    refuse(door, response, { status: 403, sentence: refusedLink[reason], code: reason });
    return;
  }
  const attributes = "Path=/; HttpOnly; SameSite=Strict";
  response.setHeader("Set-Cookie", `${cookieName(door.port)}=${redeemed.sessionId}; ${attributes}`);
  response.writeHead(204, { ...guardHeaders, "Cache-Control": "no-store" }).end();
}

const refusedLink = {
  expired: "A link was opened more than 60 seconds after it was made",
  used: "A link was opened a second time",
  unknown: "A link was opened that this console never made",
} as const;

/** The session's id, or null after the socket was answered and closed. */
function admitUpgrade(door: Door, request: http.IncomingMessage, socket: Duplex): string | null {
  const { host, origin } = request.headers;
  const cookie = sessionCookie(door, request);
  if (!hasOwnHost(door, request)) {
    turnAway(door, socket, "403 Forbidden", `Host ${shown(host)} is not this console`);
  } else if (!hasOwnOrigin(request)) {
    turnAway(door, socket, "403 Forbidden", `Origin ${shown(origin)} is not this console`);
  } else if (pathOf(request) !== "/pipe") {
    turnAway(door, socket, "404 Not Found", `No pipe at ${shown(request.url)}`);
  } else if (cookie === null || !door.sessions.isOpen(cookie)) {
    turnAway(door, socket, "401 Unauthorized", "A window without an open session asked for a pipe");
  } else {
    return cookie;
  }
  return null;
}

function turnAway(door: Door, socket: Duplex, status: string, sentence: string): void {
  door.log(`Refused: ${sentence}.`);
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  (socket as Socket).destroySoon();
}

interface Refusal {
  readonly status: number;
  readonly sentence: string;
  readonly code?: string;
}

function refuse(door: Door, response: http.ServerResponse, refusal: Refusal): void {
  const { status, sentence, code = "refused" } = refusal;
  door.log(`Refused: ${sentence}.`);
  const headers = { ...guardHeaders, "Content-Type": "application/json", Connection: "close" };
  response.writeHead(status, { ...headers, "Cache-Control": "no-store" });
  response.end(JSON.stringify({ code, sentence: `${sentence}.` }));
}

/** As it was sent, without decoding: only exact names are served. */
function pathOf(request: http.IncomingMessage): string {
  return /^[^?#]*/.exec(request.url ?? "/")?.[0] ?? "/";
}

function hasOwnHost(door: Door, request: http.IncomingMessage): boolean {
  return door.hosts.includes(request.headers.host ?? "");
}

/** The page's own origin, under the very name by which the page was asked for. */
function hasOwnOrigin(request: http.IncomingMessage): boolean {
  return request.headers.origin === `http://${request.headers.host ?? ""}`;
}

/** Cookies do not know ports: two consoles on one machine must not share a name. */
function cookieName(port: number): string {
  return `skink-${port}`;
}

function sessionCookie(door: Door, request: http.IncomingMessage): string | null {
  const name = `${cookieName(door.port)}=`;
  const parts = (request.headers.cookie ?? "").split(";").map((part) => part.trim());
  return parts.find((part) => part.startsWith(name))?.slice(name.length) ?? null;
}

async function readBody(request: http.IncomingMessage, limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limitBytes) return "";
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function tokenIn(body: string): string | null {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== "object" || parsed === null || !("token" in parsed)) return null;
    return typeof parsed.token === "string" ? parsed.token : null;
  } catch {
    return null;
  }
}

/** A foreign header on a terminal: quoted, and not longer than a line. */
function shown(value: string | undefined): string {
  return value === undefined ? "(none)" : JSON.stringify(value.slice(0, 80));
}
