import { once } from "node:events";
import { MessageChannel } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type ConsoleBackend, createConsole } from "../main/console/console.ts";
import { type ClientFrame, type Pipe, serverFrameSchema } from "../main/contract/frames.ts";
import { memorySecrets, memoryState } from "../main/shells/memory-stores.ts";
import { systemClock } from "../main/shells/system-clock.ts";
import { memoryPipePair } from "../main/shells/transport/memory-pipe.ts";
import { messagePortPipe } from "../main/shells/transport/message-port-pipe.ts";
import { webSocketPipe } from "../main/shells/transport/web-socket-pipe.ts";
import { startWebServer } from "../main/shells/web-server.ts";

/* One suite, three wires: what a window may rely on, whichever shell it runs in. */

let backend: ConsoleBackend;
let endings: (() => unknown)[] = [];

beforeEach(() => {
  endings = [];
  backend = createConsole({
    clock: systemClock,
    secrets: memorySecrets(),
    store: memoryState(),
    demo: null,
    shell: "memory",
    owner: "ana@jump-host",
  });
});
afterEach(async () => {
  await backend.stop();
  for (const end of endings) await end();
});

function openMemory(): Promise<Pipe> {
  const [window, served] = memoryPipePair();
  backend.accept(served);
  return Promise.resolve(window);
}

function openMessagePort(): Promise<Pipe> {
  const { port1, port2 } = new MessageChannel();
  endings.push(() => port1.close());
  backend.accept(messagePortPipe(port2));
  return Promise.resolve(messagePortPipe(port1));
}

/** Through the real door of browser mode: link, cookie, origin. */
async function openWebSocket(): Promise<Pipe> {
  const server = await startWebServer({
    files: { page: "", files: new Map() },
    accept: (pipe) => backend.accept(pipe),
    clock: systemClock,
    port: 0,
    log: () => undefined,
  });
  endings.push(() => server.stop());
  const link = new URL(server.newLink());
  const session = await fetch(`${link.origin}/session`, {
    method: "POST",
    headers: { Origin: link.origin, "Content-Type": "application/json" },
    body: JSON.stringify({ token: link.hash.replace("#token=", "") }),
  });
  const cookie = session.headers.get("set-cookie")?.split(";")[0] ?? "";
  const headers = { Origin: link.origin, Cookie: cookie };
  const socket = new WebSocket(`ws://${link.host}/pipe`, { headers });
  await once(socket, "open");
  return webSocketPipe(socket);
}

type Frame = ReturnType<typeof serverFrameSchema.parse>;

/** The window's end: sends frames, waits for those that come back. */
function windowOn(pipe: Pipe) {
  const frames: Frame[] = [];
  let wake = (): void => undefined;
  pipe.onText((text) => {
    frames.push(serverFrameSchema.parse(JSON.parse(text)));
    wake();
  });
  return {
    frames,
    send: (frame: ClientFrame) => pipe.send(JSON.stringify(frame)),
    request: (id: number, name: string, input: unknown = {}) =>
      pipe.send(JSON.stringify({ kind: "request", id, name, input })),
    next: async (matches: (frame: Frame) => boolean): Promise<Frame> => {
      for (;;) {
        const found = frames.find(matches);
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

describe.each([
  ["an in-memory pair", openMemory],
  ["a message port", openMessagePort],
  ["a web socket", openWebSocket],
])("the console over %s", (_name, open) => {
  test("answers a query with data that fits the table", async () => {
    const window = windowOn(await open());
    window.request(1, "console.hello");
    expect(await window.next((frame) => frame.id === 1)).toMatchObject({
      kind: "reply",
      value: { shell: "memory", capabilities: { rememberPasswords: false, demo: false } },
    });
  });

  test("answers many calls, each once and under its own number", async () => {
    const window = windowOn(await open());
    const ids = Array.from({ length: 100 }, (_, index) => index + 1);
    for (const id of ids) window.request(id, "console.hello");
    for (const id of ids) await window.next((frame) => frame.id === id);
    expect(window.frames.map((frame) => frame.id).sort((a, b) => a - b)).toEqual(ids);
  });

  test("refuses a name that is not in the table, and goes on", async () => {
    const window = windowOn(await open());
    window.request(1, "constructor");
    window.request(2, "host.reboot");
    window.request(3, "console.hello");
    expect((await window.next((frame) => frame.id === 1)).kind).toBe("refused");
    const refused = await window.next((frame) => frame.id === 2);
    expect(refused).toMatchObject({ kind: "refused", error: { code: "unknown-call" } });
    expect((await window.next((frame) => frame.id === 3)).kind).toBe("reply");
  });

  test("refuses input that does not fit, with words for a person", async () => {
    const window = windowOn(await open());
    window.request(1, "pools.probe", { address: 7 });
    const refused = await window.next((frame) => frame.id === 1);
    expect(refused.kind).toBe("refused");
    expect(refused.kind === "refused" && refused.error.sentence).toMatch(/\.$/);
  });

  test("survives what is no frame", async () => {
    const pipe = await open();
    const window = windowOn(pipe);
    for (const text of ["", "{", "null", "[]", '{"kind":"reply","id":1}', "\u0000"])
      pipe.send(text);
    window.request(5, "console.hello");
    expect((await window.next((frame) => frame.id === 5)).kind).toBe("reply");
  });

  test("streams until cancelled", async () => {
    const window = windowOn(await open());
    window.request(1, "pools.watch");
    expect(await window.next((frame) => frame.id === 1)).toMatchObject({
      kind: "item",
      value: { pools: [] },
    });
    window.send({ kind: "cancel", id: 1 });
    // The number is free again: the answer proves that the cancel has been read.
    window.request(1, "console.hello");
    expect((await window.next((frame) => frame.kind === "reply")).id).toBe(1);
  });

  test("a stop of the backend closes the window's end", async () => {
    const pipe = await open();
    windowOn(pipe).request(1, "pools.watch");
    const closed = new Promise<void>((resolve) => pipe.onClose(resolve));
    await backend.stop();
    await closed;
  });

  test("a window that goes away does not disturb the next one", async () => {
    const first = await open();
    windowOn(first).request(1, "pools.watch");
    first.close();
    const window = windowOn(await open());
    window.request(1, "console.hello");
    expect((await window.next((frame) => frame.id === 1)).kind).toBe("reply");
  });
});
