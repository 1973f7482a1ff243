import { expect, test } from "vitest";
import { parseXlList } from "./domains.ts";

const head =
  "Name                                        ID   Mem VCPUs\tState\tTime(s)   UUID                            Reason-Code\tSecurity Label";

test("guests of the hypervisor's list, without dom0, whatever their names hold", () => {
  const text = `${head}
Domain-0 0  4096    16     r-----   81265.9 00000000-0000-0000-0000-000000000000 -
web 3  2048     2     -b----     123.4 8a1f0b2c-0000-4000-8000-000000000001 -
Grüße 5 128 1 r----- "x"  4 1024 1 r----- 12.0 8a1f0b2c-0000-4000-8000-000000000002 -
(null) 5     0     1     --p---       0.0 8a1f0b2c-0000-4000-8000-000000000003 -
gone 6     0     1     --ps-d       9.9 8a1f0b2c-0000-4000-8000-000000000004 -
`;
  expect(parseXlList(text).map(({ name, state }) => [name, state])).toEqual([
    ["web", "running"],
    ['Grüße 5 128 1 r----- "x"', "running"],
    [null, "paused"],
    ["gone", "dying"],
  ]);
});

test("what is no list is no empty list", () => {
  expect(() => parseXlList("xl: cannot open xencall")).toThrow("no list");
});
