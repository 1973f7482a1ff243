import { expect, test } from "vitest";
import { actionsFor, isLinkCut, type DemoHost } from "./actions.ts";

const host: DemoHost = {
  name: "alpha",
  address: "127.0.0.2",
  power: "on",
  xapi: "running",
  network: "connected",
  diskFull: false,
};

const verbs = (change: Partial<DemoHost>): string[] =>
  actionsFor({ ...host, ...change }).map((each) => each.action.action);

test.each([
  [{}, ["cut-power", "cut-network", "hang-xapi", "kill-xapi", "shell-reboot", "fill-disk"]],
  [{ power: "off" as const }, ["power-on"]],
  [
    { xapi: "hung" as const, network: "cut" as const, diskFull: true },
    ["cut-power", "restore-network", "resume-xapi", "kill-xapi", "shell-reboot", "free-disk"],
  ],
])("a host with %j can be broken and mended by %j", (change, actions) => {
  expect(verbs(change)).toEqual(actions);
});

test("a link is cut in one direction only", () => {
  const state = {
    status: "running" as const,
    sentence: "",
    hosts: [],
    cutLinks: [{ from: "a", to: "b" }],
  };
  expect([isLinkCut(state, "a", "b"), isLinkCut(state, "b", "a")]).toEqual([true, false]);
});
