import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { findMethod } from "../datamodel/datamodel.ts";
import { callModules } from "./all.ts";

const folder = fileURLToPath(new URL("./", import.meta.url));
const rows = readdirSync(folder)
  .filter((name) => name.endsWith("-rows.test.ts"))
  .map((name) => readFileSync(folder + name, "utf8"))
  .join("\n");

const calls = callModules.flatMap((module) => [
  ...Object.keys(module.calls ?? {}),
  ...Object.keys(module.localCalls ?? {}),
]);

it.each(calls)("%s is in the datamodel and has a row", (name) => {
  expect(findMethod(name)).toBeDefined();
  const [cls, method] = name.split(".") as [string, string];
  // Rows for several fields or operations at once build the name from a list.
  const built = rows.includes(`\`${cls}.`) && rows.includes(`"${method.replace(/^set_/u, "")}"`);
  expect(rows.includes(`"${name}"`) || built, name).toBe(true);
});
