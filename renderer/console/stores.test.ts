import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Pipe } from "../../main/contract/frames.ts";
import type { PoolFactsItem } from "../../main/contract/pool.ts";
import { createClient } from "./client.ts";
import { createStores } from "./stores.ts";

const snapshot = (atMs: number): PoolFactsItem => ({
  kind: "snapshot",
  atMs,
  connection: { status: "disconnected" },
  pool: null,
  hosts: [],
  vms: [],
  srs: [],
  run: null,
});

const hello = (id: number, demo: boolean): object => ({
  kind: "reply",
  id,
  value: { version: "1", shell: "memory", capabilities: { rememberPasswords: false, demo } },
});

/** A client on a pipe that counts what is asked; frames run when the test says so. */
const setUp = async (hasDemo = false) => {
  const asked: { id: number; kind: string; name?: string }[] = [];
  let read = (_text: string): void => undefined;
  const pipe: Pipe = {
    send: (text) => {
      const frame = JSON.parse(text) as (typeof asked)[number];
      asked.push(frame);
      if (frame.name === "console.hello") {
        queueMicrotask(() => read(JSON.stringify(hello(frame.id, hasDemo))));
      }
    },
    onText: (reader) => {
      read = reader;
    },
    onClose: () => undefined,
    close: () => undefined,
  };
  const frames: (() => void)[] = [];
  const client = createClient(() => Promise.resolve(pipe));
  const stores = createStores(client, (work) => void frames.push(work));
  stores.start();
  await vi.advanceTimersByTimeAsync(0);
  const idOf = (name: string): number => asked.findLast((each) => each.name === name)?.id ?? -1;
  return {
    stores,
    asked,
    idOf,
    say: (frame: object) => read(JSON.stringify(frame)),
    nextFrame: () => frames.splice(0).forEach((work) => work()),
  };
};

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => void vi.useRealTimers());

describe("the stores", () => {
  test("items wait for the next frame and arrive together", async () => {
    const { stores, idOf, say, nextFrame } = await setUp();
    stores.hold("p1");
    const store = stores.facts("p1");
    const seen: number[] = [];
    store.subscribe((facts) => seen.push(facts.atMs));
    say({ kind: "item", id: idOf("pool.watch"), value: snapshot(1) });
    for (const atMs of [2, 3, 4]) {
      say({ kind: "item", id: idOf("pool.watch"), value: { kind: "patch", atMs } });
    }
    const early = store.getState().status;
    nextFrame();
    expect([early, seen]).toEqual(["loading", [4]]);
  });

  test("a pool left is given back only after a while, and not when it is held again", async () => {
    const { stores, asked } = await setUp();
    const letGo = stores.hold("p1");
    letGo();
    const letGoAgain = stores.hold("p1");
    await vi.advanceTimersByTimeAsync(40_000);
    const kept = asked.some((each) => each.kind === "cancel");
    letGoAgain();
    await vi.advanceTimersByTimeAsync(40_000);
    expect([
      kept,
      asked.filter((each) => each.name === "pool.watch").length,
      asked.some((each) => each.kind === "cancel"),
    ]).toEqual([false, 1, true]);
  });

  test("a stream that ended with an error is asked for again on restart", async () => {
    const { stores, asked, idOf, say } = await setUp();
    stores.hold("p1");
    const error = { code: "X", sentence: "S.", nextStep: "N.", retryable: true };
    say({ kind: "end", id: idOf("pool.watch"), error });
    const failed = stores.facts("p1").getState();
    stores.restart();
    expect([
      failed.status,
      failed.error,
      stores.facts("p1").getState().status,
      asked.filter((each) => each.name === "pool.watch").length,
    ]).toEqual(["failed", error, "loading", 2]);
  });

  test.each([true, false])("the demo's hardware is watched where there is one: %s", async (has) => {
    const { asked } = await setUp(has);
    expect(asked.some((each) => each.name === "demo.watch")).toBe(has);
  });
});
