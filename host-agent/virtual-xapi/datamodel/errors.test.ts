import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { findMethod } from "./datamodel.ts";
import { documentedErrors, errorParams } from "./errors.ts";

const folder = fileURLToPath(new URL("../calls/", import.meta.url));
const sources = readdirSync(folder)
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
  .map((name) => readFileSync(folder + name, "utf8"));

/** Codes right after `XapiFailure(` or at the head of an error list. */
const raised = new Set(
  sources.flatMap((text) =>
    [...text.matchAll(/(?:XapiFailure\(\s*|\[\s*)"([A-Z][A-Z0-9_]{7,})"/gu)].map(
      (match) => match[1] ?? "",
    ),
  ),
);

describe("error codes", () => {
  it("finds what the calls raise", () => {
    expect(raised.size).toBeGreaterThan(50);
    expect(raised).toContain("VM_BAD_POWER_STATE");
  });

  it.each([...raised].toSorted())("%s has named parameters", (code) => {
    expect(errorParams(code)).toBeDefined();
  });

  it("keeps the codes that the datamodel documents per call", () => {
    expect(documentedErrors("VM.start")).toContain("NO_HOSTS_AVAILABLE");
    expect(documentedErrors("VM.start")).not.toContain("HOST_IS_LIVE");
    expect(findMethod("VM.start")).toBeDefined();
  });
});
