import { MessageChannel } from "node:worker_threads";
import { setTimeout as wait } from "node:timers/promises";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import type { Pipe } from "../../contract/frames.ts";
import { memoryPipePair } from "./memory-pipe.ts";
import { messagePortPipe, type PortLike } from "./message-port-pipe.ts";
import { webSocketPipe } from "./web-socket-pipe.ts";

const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

/** Electron's ports hand over an event where Node's hand over the value. */
function asElectronPort(port: PortLike): PortLike {
  return {
    on: (event: "message" | "close", listener: (received: unknown) => void) =>
      event === "message"
        ? port.on("message", (data) => listener({ data, ports: [] }))
        : port.on("close", listener as () => void),
    postMessage: (value) => port.postMessage(value),
    start: () => port.start(),
    close: () => port.close(),
  };
}

async function socketPair(): Promise<readonly [WebSocket, WebSocket]> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const [accepted] = (await once(server, "connection")) as [WebSocket];
  if (client.readyState !== client.OPEN) await once(client, "open");
  endings.push(() => {
    client.terminate();
    accepted.terminate();
    server.close();
  });
  return [client, accepted];
}

const wires: Readonly<Record<string, () => Promise<readonly [Pipe, Pipe]>>> = {
  "in memory": () => Promise.resolve(memoryPipePair()),
  "message port": () => {
    const { port1, port2 } = new MessageChannel();
    endings.push(() => port1.close());
    return Promise.resolve([messagePortPipe(port1), messagePortPipe(port2)]);
  },
  "Electron's message port": () => {
    const { port1, port2 } = new MessageChannel();
    endings.push(() => port1.close());
    return Promise.resolve([messagePortPipe(asElectronPort(port1)), messagePortPipe(port2)]);
  },
  "web socket": async () => {
    const [client, accepted] = await socketPair();
    return [webSocketPipe(client), webSocketPipe(accepted)];
  },
};

const closing = (pipe: Pipe): Promise<void> => new Promise((resolve) => pipe.onClose(resolve));

function received(pipe: Pipe, count: number): Promise<string[]> {
  const texts: string[] = [];
  return new Promise((resolve) => {
    pipe.onText((text) => {
      texts.push(text);
      if (texts.length === count) resolve(texts);
    });
  });
}

describe.each(Object.entries(wires))("a pipe %s", (_name, open) => {
  test("carries texts both ways, in order, whole", async () => {
    const [near, far] = await open();
    const long = JSON.stringify("é".repeat(1_000_000));
    const there = received(far, 3);
    const back = received(near, 1);
    for (const text of ["1", long, "3"]) near.send(text);
    far.send("back");
    expect(await there).toEqual(["1", long, "3"]);
    expect(await back).toEqual(["back"]);
  });

  test("keeps early texts for the first reader and tells only the newest reader", async () => {
    const [near, far] = await open();
    const answered = received(near, 1);
    near.send("early");
    far.send("made sure that early has arrived");
    await answered;
    await wait(0);
    expect(await received(far, 1)).toEqual(["early"]);
    const newest = received(far, 1);
    near.send("late");
    expect(await newest).toEqual(["late"]);
  });

  test("delivers what was sent before the close, then closes both ends once", async () => {
    const [near, far] = await open();
    const closes: string[] = [];
    near.onClose(() => closes.push("near"));
    far.onClose(() => closes.push("far"));
    const last = received(far, 2);
    const farClosed = closing(far);
    near.send("one");
    near.send("last");
    near.close();
    near.close();
    near.send("after the end");
    expect(await last).toEqual(["one", "last"]);
    await farClosed;
    far.close();
    await wait(5);
    expect(closes.sort()).toEqual(["far", "near"]);
  });

  test("tells a listener that comes after the close", async () => {
    const [near] = await open();
    near.close();
    await closing(near);
  });
});

describe("a web socket pipe", () => {
  test("is cut off when its peer stops reading and too much piles up", async () => {
    const [client, accepted] = await socketPair();
    client.pause();
    const pipe = webSocketPipe(accepted, { bufferLimitBytes: 1_000_000 });
    const closed = closing(pipe);
    const chunk = "x".repeat(500_000);
    let sent = 0;
    let sentAtClose: number | null = null;
    pipe.onClose(() => (sentAtClose = sent));
    for (; sent < 200; sent += 1) {
      pipe.send(chunk);
      await wait(0);
    }
    await closed;
    expect(sentAtClose).toBeLessThan(200);
  });

  test("is cut off when its peer no longer answers pings", async () => {
    const [client, accepted] = await socketPair();
    // A peer whose machine is gone: bytes leave, nothing comes back.
    client.pause();
    await closing(webSocketPipe(accepted, { pingEveryMs: 20 }));
  });

  test("stays open while the peer answers pings", async () => {
    const [client, accepted] = await socketPair();
    const pipe = webSocketPipe(accepted, { pingEveryMs: 20 });
    let pings = 0;
    const enough = new Promise<void>((resolve) => {
      client.on("ping", () => {
        pings += 1;
        if (pings === 4) resolve();
      });
    });
    let isClosed = false;
    pipe.onClose(() => (isClosed = true));
    await enough;
    expect(isClosed).toBe(false);
  });

  test("closes on a binary message and reports activity for texts only", async () => {
    const [client, accepted] = await socketPair();
    let texts = 0;
    const pipe = webSocketPipe(accepted, { onActivity: () => (texts += 1) });
    const first = received(pipe, 1);
    client.send("text");
    await first;
    const closed = closing(pipe);
    client.send(Buffer.from([1, 2, 3]));
    await closed;
    expect(texts).toBe(1);
  });
});

test("a message port closes when something other than text arrives", async () => {
  const { port1, port2 } = new MessageChannel();
  const pipe = messagePortPipe(port1);
  const closed = closing(pipe);
  port2.postMessage({ an: "object" });
  await closed;
});
