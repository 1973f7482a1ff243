import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { hasLoopbackRange, planMappedAddresses, planOwnAddresses } from "./addresses.ts";

const isRangeThere = await hasLoopbackRange();

describe.runIf(isRangeThere)("where every host has a loopback address of its own", () => {
  it("all XAPIs share one port, because a redirect names none", async () => {
    const plan = await planOwnAddresses(3, { pick: () => 0.5 });
    expect(plan.places.map((place) => place.address)).toEqual([
      "127.77.127.1",
      "127.77.127.2",
      "127.77.127.3",
    ]);
    expect(new Set(plan.places.map((place) => place.xapi.port))).toEqual(new Set([plan.port]));
    expect(new Set(plan.places.map((place) => place.ssh.port)).size).toBe(1);
    expect(plan.places[0]?.ssh.port).not.toBe(plan.port);
    expect(plan.addressMap).toEqual({});
  });

  it("says so when the wished port is in use", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.77.127.2", resolve));
    const bound = taken.address();
    const port = typeof bound === "object" && bound !== null ? bound.port : 0;
    await expect(planOwnAddresses(2, { pick: () => 0.5, port })).rejects.toThrow(`port ${port}`);
    await new Promise((resolve) => taken.close(resolve));
  });
});

it("where only 127.0.0.1 exists, hosts are told apart by port and the map leads there", async () => {
  const plan = await planMappedAddresses(2);
  const [first, second] = plan.places;
  expect(plan.port).toBe(443);
  expect(plan.addressMap).toEqual({
    "10.77.0.1:443": `127.0.0.1:${first?.xapi.port}`,
    "10.77.0.1:22": `127.0.0.1:${first?.ssh.port}`,
    "10.77.0.2:443": `127.0.0.1:${second?.xapi.port}`,
    "10.77.0.2:22": `127.0.0.1:${second?.ssh.port}`,
  });
  expect(new Set(Object.values(plan.addressMap)).size).toBe(4);
});
