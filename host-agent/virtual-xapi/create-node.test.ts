import { describe, expect, test } from "vitest";
import { refOf, smallPool } from "./testing/small-pool.ts";
import { VirtualPool } from "./testing/virtual-pool.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a pool of two hosts that has just been switched on", () => {
  test("answers a client that logs in and reads", async () => {
    const pool = new VirtualPool({ blueprint: smallPool(), turn });
    await pool.start();
    const client = pool.host("a").client();
    const session = await pool.time.until(client.logIn());
    const hosts = await pool.time.until(client.call("host.get_all_records", session));
    expect(hosts).toMatchObject({
      [refOf("host-a")]: { enabled: true, resident_VMs: [refOf("dom0-a"), refOf("vm-a1")] },
      [refOf("host-b")]: { enabled: true },
    });
    expect(pool.host("b").node?.inspect()).toMatchObject({ role: "supporter", phase: "running" });
    expect([...pool.host("b").domains.keys()]).toHaveLength(1);
  });
});
