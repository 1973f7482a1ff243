import { describe, expect, test } from "vitest";
import { hashOf, parseRoute, type Route } from "./route.ts";

describe("addresses", () => {
  const routes: readonly (readonly [string, Route])[] = [
    ["#/", { name: "welcome" }],
    ["#/pool/p1/overview", { name: "pool", poolId: "p1", room: "overview", hostUuid: null }],
    ["#/pool/a%2Fb/vms", { name: "pool", poolId: "a/b", room: "vms", hostUuid: null }],
    ["#/pool/p1/reboot/h-1", { name: "pool", poolId: "p1", room: "reboot", hostUuid: "h-1" }],
  ];
  test.each(routes)("%s is read and written back", (hash, route) => {
    expect([parseRoute(hash), hashOf(route)]).toEqual([route, hash]);
  });

  test.each(["", "#", "#token=abc", "#/pool", "#/pool/", "#/elsewhere/p1"])(
    "%s leads to the start screen",
    (hash) => expect(parseRoute(hash)).toEqual({ name: "welcome" }),
  );

  test("an unknown room of a pool is its overview", () => {
    expect(parseRoute("#/pool/p1/cellar")).toEqual({
      name: "pool",
      poolId: "p1",
      room: "overview",
      hostUuid: null,
    });
  });

  test("a broken percent sign is taken as it stands", () => {
    expect(parseRoute("#/pool/100%/vms")).toMatchObject({ poolId: "100%" });
  });
});
