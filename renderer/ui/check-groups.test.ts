import { expect, test } from "vitest";
import { groupChecks, shortReason, type CheckRow } from "./check-groups.ts";

const check = (
  id: string,
  state: CheckRow["state"],
  group: CheckRow["group"] = "vms",
): CheckRow => ({
  id,
  group,
  state,
  title: id,
  sentence: `${id} says so.`,
  object: null,
  evidence: "",
  evidenceAtMs: 0,
  fix: null,
});

test("what speaks against it comes first, then what is not known, then what wants a person", () => {
  const { open, passed } = groupChecks([
    check("ok", "passed"),
    check("ack", "review"),
    check("dark", "skipped"),
    check("bad vm", "failed"),
    check("bad host", "failed", "host"),
  ]);
  expect([
    open.map((group) => [group.state, group.checks.map((each) => each.id)]),
    passed.map((each) => each.id),
  ]).toEqual([
    [
      ["failed", ["bad host", "bad vm"]],
      ["skipped", ["dark"]],
      ["review", ["ack"]],
    ],
    ["ok"],
  ]);
});

test.each([
  [[], "Nothing was checked."],
  [[check("a", "passed"), check("b", "passed")], "2 checks passed."],
  [[check("a", "review"), check("b", "passed")], "a says so."],
  [[check("a", "review"), check("b", "failed")], "b says so. And 1 more."],
])("the strongest reason stands for all", (checks, text) => {
  expect(shortReason(checks)).toBe(text);
});
