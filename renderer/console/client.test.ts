import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ClientFrame, Pipe, ServerFrame } from "../../main/contract/frames.ts";
import { createClient, retryDelayMs } from "./client.ts";
import { LockedOut } from "./locked-out.ts";

/** The other end of the pipe, held by the test. */
const createFarEnd = (isHanging = false) => {
  let read = (_text: string): void => undefined;
  let closed = (): void => undefined;
  const sent: ClientFrame[] = [];
  const pipe: Pipe = {
    send: (text) => {
      const frame = JSON.parse(text) as ClientFrame;
      const isHello = frame.kind === "request" && frame.name === "console.hello";
      if (!isHello) sent.push(frame);
      else if (!isHanging)
        queueMicrotask(() => read(`{"kind":"reply","id":${frame.id},"value":{}}`));
    },
    onText: (reader) => {
      read = reader;
    },
    onClose: (listener) => {
      closed = listener;
    },
    close: () => closed(),
  };
  return {
    pipe,
    sent,
    say: (frame: ServerFrame) => read(JSON.stringify(frame)),
    breakOff: () => closed(),
  };
};

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => void vi.useRealTimers());

describe("the pipe to the backend", () => {
  test("a question is answered by the frame with its number", async () => {
    const far = createFarEnd();
    const client = createClient(() => Promise.resolve(far.pipe));
    client.start();
    await vi.advanceTimersByTimeAsync(0);
    const first = client.ask("ha.disable", { poolId: "a" });
    const second = client.ask("ha.disable", { poolId: "b" });
    far.say({ kind: "reply", id: far.sent[1]?.id ?? 0, value: {} });
    const error = { code: "X", sentence: "S.", nextStep: "N.", retryable: false };
    far.say({ kind: "refused", id: far.sent[0]?.id ?? 0, error });
    expect([await first, await second]).toEqual([
      { ok: false, error },
      { ok: true, value: {} },
    ]);
  });

  test("a break answers open questions, keeps streams and asks for them again", async () => {
    const ends = [createFarEnd(), createFarEnd()];
    let opened = 0;
    const client = createClient(() => {
      const far = ends[opened++];
      return far === undefined ? Promise.reject(new Error("none")) : Promise.resolve(far.pipe);
    });
    client.start();
    await vi.advanceTimersByTimeAsync(0);
    const items: unknown[] = [];
    client.stream(
      "pools.watch",
      {},
      { onItem: (item) => items.push(item), onEnd: () => undefined },
    );
    const open = client.ask("ha.disable", { poolId: "a" });
    ends[0]?.breakOff();
    expect(client.link.getState()).toMatchObject({ status: "gone", reason: "silent" });
    await vi.advanceTimersByTimeAsync(retryDelayMs(0));
    const again = ends[1]?.sent[0];
    ends[1]?.say({ kind: "item", id: again?.id ?? 0, value: { pools: [] } });
    expect([(await open).ok, again?.kind, items, client.link.getState().status]).toEqual([
      false,
      "request",
      [{ pools: [] }],
      "open",
    ]);
  });

  test("a cancelled stream is cancelled under the number it has by then", async () => {
    const ends = [createFarEnd(), createFarEnd()];
    let opened = 0;
    const client = createClient(() => Promise.resolve(ends[opened++]?.pipe as Pipe));
    client.start();
    await vi.advanceTimersByTimeAsync(0);
    const cancel = client.stream(
      "pools.watch",
      {},
      {
        onItem: () => undefined,
        onEnd: () => undefined,
      },
    );
    ends[0]?.breakOff();
    await vi.advanceTimersByTimeAsync(retryDelayMs(0));
    cancel();
    const [request, last] = ends[1]?.sent ?? [];
    expect(last).toEqual({ kind: "cancel", id: request?.id });
  });

  test("a backend that hangs is gone within 15 s, and a pipe that opens does not bring it back", async () => {
    const far = createFarEnd();
    const hanging = createFarEnd(true);
    let opened = 0;
    const isHanging = { now: false };
    const client = createClient(
      () => Promise.resolve(opened++ === 0 ? far.pipe : hanging.pipe),
      () => (isHanging.now ? new Promise(() => undefined) : Promise.resolve()),
    );
    client.start();
    await vi.advanceTimersByTimeAsync(20_000);
    const before = client.link.getState().status;
    isHanging.now = true;
    await vi.advanceTimersByTimeAsync(15_000);
    const states = new Set<string>([client.link.getState().status]);
    client.link.subscribe((link) => states.add(link.status));
    await vi.advanceTimersByTimeAsync(60_000);
    expect([before, [...states], opened > 1]).toEqual(["open", ["gone"], true]);
  });

  test("a backend that answers the look for life stays", async () => {
    const far = createFarEnd();
    const client = createClient(() => Promise.resolve(far.pipe));
    client.start();
    await vi.advanceTimersByTimeAsync(0);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(client.link.getState().status).toBe("open");
  });

  test("a locked window does not try by itself, only when told", async () => {
    let tries = 0;
    const client = createClient(() => {
      tries += 1;
      return Promise.reject(new LockedOut("Used before."));
    });
    client.start();
    await vi.advanceTimersByTimeAsync(60_000);
    const before = tries;
    client.retryNow();
    await vi.advanceTimersByTimeAsync(0);
    expect([before, tries, client.link.getState()]).toMatchObject([
      1,
      2,
      { status: "gone", reason: "locked", nextTryAtMs: null, sentence: "Used before." },
    ]);
  });

  test("waiting grows to five seconds and no further", () => {
    expect([0, 1, 2, 3, 4, 5, 50].map(retryDelayMs)).toEqual([
      250, 500, 1000, 2000, 4000, 5000, 5000,
    ]);
  });
});
