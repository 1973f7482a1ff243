import { expect, test } from "vitest";
import fc from "fast-check";
import { gibibyte, hostRefOf, recordsOf, refOf, smallPool } from "../testing/small-pool.ts";
import { canReach, placeGuests, targetHosts } from "./placement.ts";
import { createPoolIndex } from "./pool-index.ts";

test("every placement found is one that fits: reach, room, never the source", () => {
  const memory = fc.integer({ min: 1, max: 20 });
  fc.assert(
    fc.property(
      fc.array(memory, { maxLength: 12 }),
      fc.array(memory, { minLength: 2, maxLength: 2 }),
      fc.boolean(),
      (sizes, free, isUnplugged) => {
        const tables = smallPool({
          vms: sizes.map((memoryGib, at) => ({ name: `v${at}`, host: "node1", memoryGib })),
        });
        for (const [at, gib] of free.entries()) {
          const metrics = tables["host_metrics"]![refOf("metrics", `node${at + 2}`)]!;
          metrics["memory_free"] = gib * gibibyte;
        }
        if (isUnplugged) {
          tables["PBD"]![refOf("pbd", "shared-node3")]!["currently_attached"] = false;
        }
        const index = createPoolIndex(recordsOf(tables));
        const guests = index.hosts
          .get(hostRefOf("node1"))!
          .residents.map((ref) => index.guest(ref));
        const { targets, noRoom, noHost } = placeGuests(index, hostRefOf("node1"), guests);
        expect(targets.size + noRoom.length + noHost.length).toBe(guests.length);
        for (const host of index.hosts.values()) {
          const there = guests.filter((guest) => targets.get(guest.ref) === host.ref);
          const needed = there.reduce((sum, guest) => sum + guest.needBytes, 0);
          expect(needed).toBeLessThanOrEqual(host.ref === hostRefOf("node1") ? 0 : host.freeBytes!);
          expect(there.every((guest) => canReach(guest, host))).toBe(true);
        }
      },
    ),
  );
});

test("hosts in maintenance, disabled, silent or of another version take nothing", () => {
  const refusals: ((host: Record<string, unknown>) => void)[] = [
    (host) => (host["enabled"] = false),
    (host) => (host["metrics"] = "OpaqueRef:NULL"),
    (host) => (host["other_config"] = { MAINTENANCE_MODE: "true" }),
    (host) => (host["software_version"] = { product_version: "8.2.1" }),
  ];
  for (const refuse of refusals) {
    const tables = smallPool();
    refuse(tables["host"]![hostRefOf("node3")]!);
    const index = createPoolIndex(recordsOf(tables));
    expect(targetHosts(index, hostRefOf("node1")).map((host) => host.name)).toEqual(["node2"]);
  }
});
