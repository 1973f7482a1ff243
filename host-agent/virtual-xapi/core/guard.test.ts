import { describe, expect, test } from "vitest";
import { smallPool } from "../testing/small-pool.ts";
import { VirtualPool } from "../testing/virtual-pool.ts";
import { createCancelSource, type Ports } from "../ports.ts";
import { Ended, guardPorts } from "./guard.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function guarded() {
  const { time } = new VirtualPool({ blueprint: smallPool(), turn });
  const written: string[] = [];
  const disk = { read: () => undefined, write: (name: string) => written.push(name), remove() {} };
  const life = { over: false };
  const outer = { clock: time.clock(), disk } as unknown as Ports;
  const missing = {};
  const all = { ...outer, peers: missing, domains: missing, storage: missing } as unknown as Ports;
  const ports = guardPorts({ ...all, power: missing, plugins: missing } as Ports, () => life.over);
  return { ports, time, written, life };
}

describe("the ports of a XAPI that has ended", () => {
  test("refuse to write", () => {
    const { ports, written, life } = guarded();
    ports.disk.write("before", "");
    life.over = true;
    expect(() => ports.disk.write("after", "")).toThrow(Ended);
    expect(written).toEqual(["before"]);
  });

  test("never wake what slept, neither by time nor by a signal", async () => {
    const { ports, time, life } = guarded();
    const early = ports.clock.sleep(1_000);
    expect(await time.hangs(early, 1_000)).toBe(false);
    const over = createCancelSource();
    const byTime = ports.clock.sleep(1_000);
    const bySignal = ports.clock.sleep(1_000, over.signal);
    life.over = true;
    over.cancel();
    expect(await time.hangs(byTime, 5_000)).toBe(true);
    expect(await time.hangs(bySignal, 5_000)).toBe(true);
  });
});
