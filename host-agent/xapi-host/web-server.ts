import { rmSync } from "node:fs";
import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createTcpServer, type Server as TcpServer, type Socket } from "node:net";
import type { HttpReply, XapiNode } from "../virtual-xapi/node.ts";
import type { PeerReply, PeerRequest } from "../virtual-xapi/ports.ts";
import type { HostCertificate } from "./certificate.ts";
import { NetworkGate } from "./network-gate.ts";
import { isSameSecret, peerPath, secretHeader, type LinkFaults } from "./peer-wire.ts";
import type { Endpoint, MemberWire } from "./settings.ts";

export interface WebServerOptions {
  readonly node: XapiNode;
  readonly hostName: string;
  readonly listen: Endpoint;
  readonly socketPath: string;
  readonly certificate: HostCertificate;
  readonly poolSecret: string;
  readonly members: Readonly<Record<string, MemberWire>>;
  readonly gate: NetworkGate;
  readonly faults: LinkFaults;
}

export interface WebServer {
  /** Ends all connections at once. */
  close(): Promise<void>;
  /** Answers nothing on the Unix socket for as long as the process stands still. */
  holdLocal(isHeld: boolean): void;
}

/** Far above what XAPI itself accepts (it answers that), far below what would hurt the process. */
const clientBodyBytesMax = 8 * 1_048_576;
/** A member may send a whole database. */
const peerBodyBytesMax = 512 * 1_048_576;

/**
 * Opens the two doors of a XAPI: HTTPS on the management address, and the Unix socket of dom0,
 * where root needs no password. Resolves when both listen; rejects when the address is taken.
 */
export async function openWebServer(options: WebServerOptions): Promise<WebServer> {
  const { gate } = options;
  const https = createHttpsServer(
    {
      cert: options.certificate.certificatePem,
      key: options.certificate.keyPem,
      // Clients of this API keep idle connections for hours, and a cut cable must not look like an
      // end.
      keepAliveTimeout: 0,
      requestTimeout: 0,
      headersTimeout: 0,
    },
    (request, response) => void answer(options, "tcp", { request, response }),
  );
  https.on("secureConnection", (socket) => gate.track(socket));
  https.on("tlsClientError", (_error, socket) => socket.destroy());
  // The cable comes before TLS: while it is cut not even a handshake gets through.
  const front = createTcpServer({ pauseOnConnect: true, noDelay: true }, (socket) =>
    gate.admit(socket, (admitted) => https.emit("connection", admitted)),
  );
  const accepted = new Set<Socket>();
  front.on("connection", (socket) => {
    accepted.add(socket);
    socket.once("close", () => accepted.delete(socket));
  });
  // The socket of dom0 has no cable; a gate of its own stands for a process that is stopped.
  const localGate = new NetworkGate();
  const local = localServer(
    (request, response) => void answer(options, "socket", { request, response }),
  );
  local.on("connection", (socket) => localGate.track(socket));
  rmSync(options.socketPath, { force: true });
  await listening(front, () => front.listen(options.listen.port, options.listen.host));
  await listening(local, () => local.listen(options.socketPath));
  return {
    async close() {
      const closed = [front, local].map(
        (server) => new Promise((resolve) => server.close(resolve)),
      );
      for (const socket of accepted) socket.destroy();
      gate.destroyAll();
      local.closeAllConnections();
      await Promise.all(closed);
    },
    holdLocal(isHeld) {
      if (isHeld) localGate.cut();
      else localGate.restore();
    },
  };
}

function localServer(listener: RequestListener): Server {
  return createHttpServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 }, listener);
}

function listening(server: TcpServer, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => resolve());
    listen();
  });
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

async function answer(
  options: WebServerOptions,
  via: "tcp" | "socket",
  exchange: Exchange,
): Promise<void> {
  const { request, response } = exchange;
  // A client that leaves in the middle is no error of this host.
  request.on("error", () => response.destroy());
  response.on("error", () => request.destroy());
  const path = (request.url ?? "/").split("?")[0] ?? "/";
  if (request.method === "GET" || request.method === "HEAD") {
    reply(response, welcome(options.hostName, path));
    return;
  }
  if (request.method !== "POST") {
    reply(response, htmlReply(405, "Method not allowed"));
    return;
  }
  if (path === peerPath && via === "tcp") await answerPeer(options, exchange);
  else await answerClient(options, { ...exchange, via, path });
}

async function answerClient(
  options: WebServerOptions,
  exchange: Exchange & { readonly via: "tcp" | "socket"; readonly path: string },
): Promise<void> {
  const { request, response, via, path } = exchange;
  const body = await readBody(request, clientBodyBytesMax);
  if (body === null) {
    reply(response, htmlReply(413, "Request too large"));
    return;
  }
  const answered = await options.node.handle({
    path,
    body,
    ...(request.headers["content-type"] === undefined
      ? {}
      : { contentType: request.headers["content-type"] }),
    headers: plainHeaders(request),
    via,
    peerAddress: request.socket.remoteAddress ?? "",
  });
  reply(response, answered);
}

async function answerPeer(options: WebServerOptions, exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  const given = request.headers[secretHeader];
  if (!isSameSecret(typeof given === "string" ? given : undefined, options.poolSecret)) {
    reply(response, htmlReply(403, "Not a member of this pool"));
    return;
  }
  const body = await readBody(request, peerBodyBytesMax);
  if (body === null) {
    reply(response, htmlReply(413, "Request too large"));
    return;
  }
  const question = JSON.parse(body) as PeerRequest;
  const from = addressOf(options.members, question.from);
  await options.faults.passedFrom(from);
  // The asker has given up: what arrives now is a broken-off connection, nothing to act on.
  if (request.socket.destroyed) return;
  const answered: PeerReply = await options.node.handlePeer(question);
  await options.faults.passedTo(from);
  reply(response, {
    status: 200,
    contentType: "application/json",
    body: JSON.stringify(answered),
  });
}

function addressOf(members: Readonly<Record<string, MemberWire>>, hostUuid: string): string {
  const found = Object.entries(members).find(([, member]) => member.hostUuid === hostUuid);
  return found?.[0] ?? "";
}

function plainHeaders(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (typeof value === "string") headers[name] = value;
  }
  return headers;
}

/** Null when the body is larger than `bytesMax`. */
function readBody(request: IncomingMessage, bytesMax: number): Promise<string | null> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    request.on("data", (part: Buffer) => {
      bytes += part.length;
      if (bytes <= bytesMax) parts.push(part);
    });
    request.on("end", () => {
      resolve(bytes <= bytesMax ? Buffer.concat(parts).toString("utf8") : null);
    });
  });
}

function reply(response: ServerResponse, answered: HttpReply): void {
  if (response.destroyed) return;
  const body = Buffer.from(answered.body, "utf8");
  response.writeHead(answered.status, {
    "content-type": answered.contentType,
    "content-length": body.length,
  });
  response.end(body);
}

function htmlReply(status: number, sentence: string): HttpReply {
  return {
    status,
    contentType: "text/html",
    body: `<!doctype html><title>${sentence}</title><p>${sentence}</p>\n`,
  };
}

/** A person who opens a host's address in a browser learns what it is. */
function welcome(hostName: string, path: string): HttpReply {
  if (path !== "/" && path !== "/index.html") return htmlReply(404, "Not found");
  return {
    status: 200,
    contentType: "text/html",
    body:
      `<!doctype html><html lang="en"><meta charset="utf-8"><title>${hostName}</title>` +
      `<h1>${hostName}</h1><p>A virtual XCP-ng host. Its XAPI answers POST requests ` +
      `at <code>/</code> and <code>/jsonrpc</code>.</p></html>\n`,
  };
}
