import { expect, it } from "vitest";
import { parseAddress } from "./address.ts";
import type { LoginOutcome } from "./login.ts";
import { noNames } from "./names.ts";
import { describeOutcome, describeSearch, redStop } from "./outcome-words.ts";
import type { MemberNames, SearchState } from "./outcome-words.ts";
import { CertificateRefused } from "./pinned-agent.ts";

const first = parseAddress("10.0.0.1");
const second = parseAddress("10.0.0.2");
const names: MemberNames = {
  hostName: (address) => (address.text === "10.0.0.1" ? "xcp1" : "xcp2"),
  objects: noNames,
};
const refusedConnection = Object.assign(new Error("x"), { code: "ECONNREFUSED" });
const down: LoginOutcome = { type: "unreachable", error: refusedConnection };
const supporter: LoginOutcome = { type: "supporter", coordinator: first };
const changed = (address: typeof first): LoginOutcome => ({
  type: "changed-certificate",
  refused: new CertificateRefused(address, "AA", "BB"),
});

function search(outcomes: [typeof first, LoginOutcome][], more: object = {}): SearchState {
  return {
    attempts: outcomes.map(([address, outcome]) => ({ address, outcome, atMs: 0 })),
    memberCount: 2,
    lastCoordinator: first,
    lastHeardMs: new Date(2026, 0, 1, 3, 12, 5).getTime(),
    ...more,
  };
}

it("a supporter alone names its lost coordinator, since when, and the way out", () => {
  const said = describeSearch(
    search([
      [first, down],
      [second, supporter],
    ]),
    names,
  );
  expect(said).toMatchObject({
    code: "coordinator-lost",
    sentence:
      "Host “xcp1” (10.0.0.1), the coordinator, does not answer since 03:12:05. " +
      "Host “xcp2” (10.0.0.2) answers, but is its supporter and cannot act alone.",
  });
  expect(said.nextStep).toContain("make sure that it is powered off");
});

it("a pool of which nobody answers says how many were tried", () => {
  const said = describeSearch(
    search([
      [first, down],
      [second, down],
    ]),
    names,
  );
  expect(said.sentence).toBe(
    "None of 2 members answers. Host “xcp1” (10.0.0.1) is there, but nothing listens at that port.",
  );
});

it.each<[string, LoginOutcome, string]>([
  ["wrong-password", { type: "wrong-password" }, "refused the user name or the password."],
  ["other-pool", { type: "other-pool", poolUuid: "u" }, "is the coordinator of another pool now."],
  ["HOST_STILL_BOOTING", { type: "xapi-refuses", code: "HOST_STILL_BOOTING", params: [] }, ""],
  ["not-a-xapi", { type: "not-xapi", found: "a page" }, "as a XAPI does: it sent a page."],
  ["changed-certificate", changed(first), "is not the trusted one. Nothing was sent to it."],
])("%s has its sentence", (code, outcome, part) => {
  if (outcome.type === "session") return;
  const said = describeOutcome(first, outcome, names);
  expect(said.code).toBe(code);
  expect(said.sentence).toContain(part);
  expect(said.sentence).toContain("“xcp1” (10.0.0.1)");
});

it("the last coordinator's new certificate is a red stop, once the others had their turn", () => {
  expect(redStop(search([[first, changed(first)]]), names)).toBeNull();
  const stop = redStop(
    search([
      [first, changed(first)],
      [second, down],
    ]),
    names,
  );
  expect(stop).toMatchObject({
    address: "10.0.0.1",
    hostName: "xcp1",
    trustedFingerprint: "AA",
    presentedFingerprint: "BB",
  });
});

it("another member's new certificate stops nothing while the coordinator is looked for", () => {
  const state = search([
    [first, down],
    [second, changed(second)],
  ]);
  expect(redStop(state, names)).toBeNull();
  expect(describeSearch(state, names).code).toBe("changed-certificate");
});
