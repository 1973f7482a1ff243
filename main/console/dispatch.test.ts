import { expect, it } from "vitest";
import type { Pipe } from "../contract/frames.ts";
import { servePipe } from "./dispatch.ts";
import type { Handlers } from "./dispatch.ts";
import { problem } from "./problem.ts";
import { latestValue, Listeners } from "./streams.ts";

interface TestPipe extends Pipe {
  readonly sent: Record<string, unknown>[];
  say(frame: unknown): void;
  drop(): void;
  backlogBytes: number;
}

function testPipe(): TestPipe {
  let reader: (text: string) => void = () => undefined;
  let closed: () => void = () => undefined;
  const pipe: TestPipe = {
    sent: [],
    backlogBytes: 0,
    send: (text) => pipe.sent.push(JSON.parse(text) as Record<string, unknown>),
    onText: (next) => {
      reader = next;
    },
    onClose: (listener) => {
      closed = listener;
    },
    close: () => closed(),
    pendingBytes: () => pipe.backlogBytes,
    say: (frame) => reader(typeof frame === "string" ? frame : JSON.stringify(frame)),
    drop: () => closed(),
  };
  return pipe;
}

/** A turn of the event loop: what was sent by then was sent without waiting for anything. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

const hello = {
  version: "1",
  shell: "memory" as const,
  capabilities: { rememberPasswords: false, demo: false },
};

function serve(pipe: Pipe, handlers: Partial<Handlers>, unexpected: unknown[] = []): () => void {
  return servePipe(pipe, {
    handlers: handlers as Handlers,
    onUnexpected: (_name, error) => unexpected.push(error),
  });
}

it("answers a query with its data, without what the contract does not know", async () => {
  const pipe = testPipe();
  serve(pipe, { "console.hello": () => Promise.resolve({ ...hello, secret: "x" } as never) });
  pipe.say({ kind: "request", id: 7, name: "console.hello", input: {} });
  await turn();
  expect(pipe.sent).toEqual([{ kind: "reply", id: 7, value: hello }]);
});

it("refuses names outside the table, wrong input, and what is no frame, and goes on", async () => {
  const pipe = testPipe();
  serve(pipe, { "console.hello": () => Promise.resolve(hello) });
  pipe.say({ kind: "request", id: 1, name: "constructor", input: {} });
  pipe.say({ kind: "request", id: 2, name: "pools.probe", input: { address: 5 } });
  pipe.say({ kind: "nonsense", id: 3 });
  pipe.say("not json");
  pipe.say({ kind: "cancel", id: 99 });
  pipe.say({ kind: "request", id: 4, name: "console.hello", input: {} });
  await turn();
  const codes = pipe.sent.map((frame) => [
    frame["id"],
    (frame["error"] as { code: string } | undefined)?.code ?? frame["kind"],
  ]);
  expect(codes).toEqual([
    [1, "unknown-call"],
    [2, "bad-request"],
    [3, "bad-request"],
    [4, "reply"],
  ]);
});

it("a problem reaches the window as it is; anything else does not, and is reported here", async () => {
  const pipe = testPipe();
  const unexpected: unknown[] = [];
  serve(
    pipe,
    {
      "pools.disconnect": () => Promise.reject(problem("x", "It is so.", "Do that.")),
      "pools.forget": () => Promise.reject(new Error("at /home/ana/secret.ts:5")),
      "console.hello": () => Promise.resolve({ ...hello, shell: "toaster" } as never),
    },
    unexpected,
  );
  pipe.say({ kind: "request", id: 1, name: "pools.disconnect", input: { poolId: "p" } });
  pipe.say({ kind: "request", id: 2, name: "pools.forget", input: { poolId: "p" } });
  pipe.say({ kind: "request", id: 3, name: "console.hello", input: {} });
  await turn();
  const byId = new Map(pipe.sent.map((frame) => [frame["id"], frame["error"]]));
  expect(byId.get(1)).toEqual({
    code: "x",
    sentence: "It is so.",
    nextStep: "Do that.",
    retryable: false,
  });
  expect(byId.get(2)).toMatchObject({ code: "internal" });
  expect(byId.get(3)).toMatchObject({ code: "internal" });
  expect(JSON.stringify(pipe.sent)).not.toContain("secret.ts");
  expect(unexpected).toHaveLength(2);
});

function countingStream() {
  const listeners = new Listeners();
  let count = 0;
  const pools = () => ({ pools: Array.from({ length: count }, (_, index) => poolNamed(index)) });
  return {
    handlers: {
      "pools.watch": () => latestValue((listener) => listeners.add(listener), pools),
    } satisfies Partial<Handlers>,
    listeners,
    grow() {
      count += 1;
      listeners.call();
    },
  };
}

function poolNamed(index: number) {
  return {
    poolId: String(index),
    name: "",
    user: "",
    addresses: [],
    isDemo: false,
    connection: { status: "disconnected" as const },
    mark: "unknown" as const,
    hostCount: 0,
    vmCount: 0,
  };
}

const watch = { kind: "request", id: 1, name: "pools.watch", input: {} };
const counts = (pipe: TestPipe): number[] =>
  pipe.sent.map((frame) => (frame["value"] as { pools: unknown[] }).pools.length);

it("a stream gives what is there, then each change, until it is cancelled", async () => {
  const pipe = testPipe();
  const stream = countingStream();
  serve(pipe, stream.handlers);
  pipe.say(watch);
  await turn();
  stream.grow();
  await turn();
  pipe.say({ kind: "cancel", id: 1 });
  expect(stream.listeners.size).toBe(0);
  stream.grow();
  await turn();
  expect(counts(pipe)).toEqual([0, 1]);
});

it("a pipe that does not drain is sent the newest state once, not everything in between", async () => {
  const pipe = testPipe();
  const stream = countingStream();
  serve(pipe, stream.handlers);
  pipe.say(watch);
  await turn();
  pipe.backlogBytes = 5_000_000;
  for (let round = 0; round < 1000; round += 1) stream.grow();
  await turn();
  expect(counts(pipe)).toEqual([0]);
  pipe.backlogBytes = 0;
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(counts(pipe)).toEqual([0, 1000]);
});

it("a pipe that closes cancels its streams and its calls", async () => {
  const pipe = testPipe();
  const stream = countingStream();
  let signal: AbortSignal | undefined;
  serve(pipe, {
    ...stream.handlers,
    "console.hello": (_input, scope) => {
      signal = scope.signal;
      return new Promise(() => undefined);
    },
  });
  pipe.say(watch);
  pipe.say({ kind: "request", id: 2, name: "console.hello", input: {} });
  await turn();
  pipe.drop();
  expect(stream.listeners.size).toBe(0);
  expect(signal?.aborted).toBe(true);
});

it("a stream that fails ends with the reason", async () => {
  const pipe = testPipe();
  serve(pipe, {
    "pool.watch": () => {
      throw problem("unknown-pool", "It is not known.", "Choose another.");
    },
  });
  pipe.say({ kind: "request", id: 1, name: "pool.watch", input: { poolId: "gone" } });
  await turn();
  expect(pipe.sent).toMatchObject([{ kind: "end", id: 1, error: { code: "unknown-pool" } }]);
});
