import { once } from "node:events";
import http from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { Pipe } from "../contract/frames.ts";
import { IDLE_LIMIT_MS, LINK_LIFE_MS } from "./browser-sessions.ts";
import type { PageFiles } from "./page-files.ts";
import { startWebServer, type WebServer } from "./web-server.ts";

const files: PageFiles = {
  page: `<html><meta property="csp-nonce" nonce="SKINK-NONCE"><style nonce="SKINK-NONCE"></style></html>`,
  files: new Map([
    [
      "/assets/entry-1a2b.js",
      { body: Buffer.from("1"), contentType: "text/javascript; charset=utf-8", isImmutable: true },
    ],
    [
      "/icon.svg",
      { body: Buffer.from("<svg/>"), contentType: "image/svg+xml", isImmutable: false },
    ],
  ]),
};

let nowMs = 0;
let logged: string[] = [];
let accepted: Pipe[] = [];
let server: WebServer;

beforeEach(async () => {
  nowMs = 1_000_000;
  logged = [];
  accepted = [];
  server = await startWebServer({
    files,
    clock: { wallMs: () => nowMs, monotonicMs: () => nowMs },
    port: 0,
    accept: (pipe) => {
      accepted.push(pipe);
      pipe.onText((text) => pipe.send(text));
    },
    log: (sentence) => logged.push(sentence),
    idleCheckEveryMs: 0,
  });
});
afterEach(() => server.stop());

const ownHost = () => `127.0.0.1:${server.port}`;
const ownOrigin = () => `http://${ownHost()}`;
const tokenOf = (link: string) => new URL(link).hash.replace("#token=", "");

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** A request with headers of the caller's choice, as only a program that is no browser can send. */
function ask(
  method: string,
  path: string,
  headers: http.OutgoingHttpHeaders = {},
  body = "",
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: "127.0.0.1", port: server.port, method, path, headers });
    request.on("error", reject);
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
      });
    });
    request.end(body);
  });
}

const json = { "Content-Type": "application/json" };
const redeem = (token: string, headers: http.OutgoingHttpHeaders = {}) =>
  ask("POST", "/session", { ...json, Origin: ownOrigin(), ...headers }, JSON.stringify({ token }));

async function openSession(): Promise<string> {
  const answer = await redeem(tokenOf(server.newLink()));
  expect(answer.status).toBe(204);
  return answer.headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
}

/** "open", or the status with which the upgrade was refused. */
async function askForPipe(
  headers: Record<string, string>,
  path = "/pipe",
): Promise<{ readonly socket: WebSocket; readonly outcome: "open" | number }> {
  const socket = new WebSocket(`ws://${ownHost()}${path}`, { headers });
  socket.on("error", () => undefined);
  const outcome = await new Promise<"open" | number>((resolve) => {
    socket.on("open", () => resolve("open"));
    socket.on("unexpected-response", (request, response) => {
      request.destroy();
      resolve(response.statusCode ?? 0);
    });
  });
  return { socket, outcome };
}

describe("the page", () => {
  test("answers without a cookie, with a nonce of its own each time", async () => {
    const first = await ask("GET", "/");
    const second = await ask("GET", "/index.html");
    const nonce = /nonce="([^"]+)"/.exec(first.body)?.[1] ?? "";
    expect(first.status).toBe(200);
    expect(nonce).toMatch(/^[\w-]{20,}$/);
    expect(first.headers["content-security-policy"]).toContain(`style-src 'self' 'nonce-${nonce}'`);
    expect(first.body).not.toContain("SKINK-NONCE");
    expect(second.body).not.toContain(nonce);
  });

  test("may not be framed, stored, or tell where it was", async () => {
    const { headers } = await ask("GET", "/");
    expect(headers["content-security-policy"]).toContain("default-src 'none'");
    expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'");
    expect(headers["content-security-policy"]).not.toContain("unsafe");
    expect(headers["x-frame-options"]).toBe("DENY");
    expect(headers["referrer-policy"]).toBe("no-referrer");
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["cache-control"]).toBe("no-store");
  });

  test("lets a browser keep files whose name holds their hash, and no others", async () => {
    const hashed = await ask("GET", "/assets/entry-1a2b.js");
    expect(hashed.headers["cache-control"]).toContain("immutable");
    expect(hashed.headers["content-type"]).toContain("text/javascript");
    expect((await ask("GET", "/icon.svg")).headers["cache-control"]).toBe("no-cache");
  });

  test.each([
    "/../package.json",
    "/%2e%2e/package.json",
    "/assets/..%2f..%2fpackage.json",
    "/x",
    "//",
    "//[",
    "/%",
  ])("has nothing at %s", async (path) => expect((await ask("GET", path)).status).toBe(404));

  test.each(["POST", "PUT", "DELETE", "OPTIONS"])("is not for %s", async (method) => {
    const answer = await ask(method, "/");
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe("GET, HEAD");
  });
});

describe("a name that somebody pointed at this machine", () => {
  test.each(["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "[::1]:80"])(
    "reaches nothing with Host %j",
    async (host) => {
      const token = tokenOf(server.newLink());
      expect((await ask("GET", "/", { Host: host })).status).toBe(403);
      const origin = `http://${host}`;
      expect((await redeem(token, { Host: host, Origin: origin })).status).toBe(403);
      const cookie = await openSession();
      const { outcome } = await askForPipe({ Host: host, Origin: origin, Cookie: cookie });
      expect(outcome).toBe(403);
      expect(accepted).toHaveLength(0);
      expect(logged.join()).toContain(`Host "${host}" is not this console`);
    },
  );

  test("does not spend the token it asked with", async () => {
    const token = tokenOf(server.newLink());
    await redeem(token, { Host: "evil.example", Origin: "http://evil.example" });
    expect((await redeem(token)).status).toBe(204);
  });
});

describe("a session", () => {
  test("starts with a token and gives a cookie that scripts and other sites cannot use", async () => {
    const answer = await redeem(tokenOf(server.newLink()));
    const cookie = answer.headers["set-cookie"]?.[0] ?? "";
    expect(answer.status).toBe(204);
    expect(cookie).toContain("HttpOnly");
    expect(cookie).toContain("SameSite=Strict");
    expect(cookie.startsWith(`skink-${server.port}=`)).toBe(true);
  });

  test("starts once per token", async () => {
    const token = tokenOf(server.newLink());
    expect((await redeem(token)).status).toBe(204);
    const again = await redeem(token);
    expect(again.status).toBe(403);
    expect(JSON.parse(again.body)).toMatchObject({ code: "used" });
    expect(again.headers["set-cookie"]).toBeUndefined();
  });

  test("starts within the life of its link only", async () => {
    const [inTime, late] = [tokenOf(server.newLink()), tokenOf(server.newLink())];
    nowMs += LINK_LIFE_MS;
    expect((await redeem(inTime)).status).toBe(204);
    nowMs += 1;
    const answer = await redeem(late);
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.body)).toMatchObject({ code: "expired" });
  });

  test("starts with no made-up token", async () => {
    expect(JSON.parse((await redeem("made-up")).body)).toMatchObject({ code: "unknown" });
    expect(JSON.parse((await redeem("")).body)).toMatchObject({ code: "unknown" });
  });

  test.each(["http://evil.example", "null", "https://127.0.0.1", "http://localhost:1"])(
    "does not start from origin %s",
    async (origin) => {
      const token = tokenOf(server.newLink());
      expect((await redeem(token, { Origin: origin })).status).toBe(403);
      expect((await redeem(token)).status).toBe(204);
    },
  );

  test("does not start without an origin, or from a form", async () => {
    const token = tokenOf(server.newLink());
    const body = JSON.stringify({ token });
    expect((await ask("POST", "/session", json, body)).status).toBe(403);
    expect((await redeem(token, { "Content-Type": "text/plain" })).status).toBe(415);
    expect((await ask("PUT", "/session", json, body)).status).toBe(405);
    expect((await redeem("x".repeat(2000))).status).toBe(400);
  });

  test("can be asked for, which starts none", async () => {
    const cookie = await openSession();
    expect((await ask("GET", "/session")).status).toBe(401);
    expect((await ask("GET", "/session", { Cookie: cookie })).status).toBe(204);
  });
});

describe("the pipe", () => {
  test("opens for the page with its cookie, again after a reload, and carries frames", async () => {
    const headers = { Origin: ownOrigin(), Cookie: await openSession() };
    const first = await askForPipe(headers);
    first.socket.close();
    const { socket, outcome } = await askForPipe(headers);
    expect(outcome).toBe("open");
    const echo = once(socket, "message");
    socket.send("frame");
    expect(String((await echo)[0])).toBe("frame");
    expect(accepted).toHaveLength(2);
  });

  test("opens for the page under the other name of this machine", async () => {
    const names = { Host: `localhost:${server.port}`, Origin: `http://localhost:${server.port}` };
    const cookie = await openSession();
    expect((await askForPipe({ ...names, Cookie: cookie })).outcome).toBe("open");
    const mixed = { ...names, Origin: ownOrigin() };
    expect((await askForPipe({ ...mixed, Cookie: cookie })).outcome).toBe(403);
  });

  test("stays shut without a cookie, with a made-up one, at other paths", async () => {
    const origin = { Origin: ownOrigin() };
    const made = { ...origin, Cookie: `skink-${server.port}=made-up` };
    const cookie = await openSession();
    expect((await askForPipe(origin)).outcome).toBe(401);
    expect((await askForPipe(made)).outcome).toBe(401);
    expect((await askForPipe({ ...origin, Cookie: cookie }, "/other")).outcome).toBe(404);
    expect((await askForPipe({ ...origin, Cookie: cookie }, "//")).outcome).toBe(404);
    expect(accepted).toHaveLength(0);
  });

  test("stays shut for foreign and missing origins, and the log holds no cookie", async () => {
    const cookie = await openSession();
    expect((await askForPipe({ Cookie: cookie })).outcome).toBe(403);
    expect((await askForPipe({ Cookie: cookie, Origin: "http://evil.example" })).outcome).toBe(403);
    expect(logged).toEqual([
      "Refused: Origin (none) is not this console.",
      'Refused: Origin "http://evil.example" is not this console.',
    ]);
    expect(logged.join()).not.toContain(cookie.split("=")[1]);
  });

  test("closes a frame that is larger than any honest one", async () => {
    const { socket } = await askForPipe({ Origin: ownOrigin(), Cookie: await openSession() });
    const closed = once(socket, "close");
    socket.send("x".repeat(5 * 1024 * 1024));
    expect((await closed)[0]).toBe(1009);
  });
});

describe("the idle lock", () => {
  test("closes windows that nobody used and wants a new link", async () => {
    const headers = { Origin: ownOrigin(), Cookie: await openSession() };
    const { socket } = await askForPipe(headers);
    const closed = once(socket, "close");
    nowMs += IDLE_LIMIT_MS + 1;
    server.lockIdle();
    expect((await closed)[0]).toBe(4401);
    expect((await askForPipe(headers)).outcome).toBe(401);
    expect(logged.join()).toContain("needs a new link");
    expect((await askForPipe({ ...headers, Cookie: await openSession() })).outcome).toBe("open");
  });

  test("counts from the last frame of the person, not from what the pool does", async () => {
    const headers = { Origin: ownOrigin(), Cookie: await openSession() };
    const { socket } = await askForPipe(headers);
    nowMs += IDLE_LIMIT_MS;
    const echo = once(socket, "message");
    socket.send("still here");
    await echo;
    nowMs += IDLE_LIMIT_MS;
    server.lockIdle();
    expect((await askForPipe(headers)).outcome).toBe("open");
    nowMs += IDLE_LIMIT_MS + 1;
    accepted.at(-1)?.send("an event of the pool");
    server.lockIdle();
    expect((await askForPipe(headers)).outcome).toBe(401);
  });

  test("holds even before it was looked for", async () => {
    const headers = { Origin: ownOrigin(), Cookie: await openSession() };
    nowMs += IDLE_LIMIT_MS + 1;
    expect((await askForPipe(headers)).outcome).toBe(401);
    expect((await ask("GET", "/session", headers)).status).toBe(401);
  });
});

test("a taken port is a sentence", async () => {
  const second = startWebServer({
    files,
    clock: { wallMs: () => 0, monotonicMs: () => 0 },
    port: server.port,
    accept: () => undefined,
    log: () => undefined,
  });
  await expect(second).rejects.toThrow(`Port ${server.port} is in use by another program.`);
});
