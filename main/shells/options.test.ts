import { describe, expect, test } from "vitest";
import { parseOptions } from "./options.ts";

describe("the command line", () => {
  test("has defaults for everything but the command", () => {
    expect(parseOptions(["demo"])).toEqual({
      status: "ok",
      options: { verb: "demo", preset: "two", port: 0, open: true, json: false },
    });
  });

  test("takes all options", () => {
    const args = ["demo", "--preset", "sixteen", "--port=8080", "--no-open", "--json"];
    expect(parseOptions(args)).toEqual({
      status: "ok",
      options: { verb: "demo", preset: "sixteen", port: 8080, open: false, json: true },
    });
  });

  test("explains itself", () => {
    expect(parseOptions(["--help"]).status).toBe("help");
    expect(parseOptions(["serve", "--help"]).status).toBe("help");
  });

  test.each([
    [[], '"" is not a command'],
    [["fly"], '"fly" is not a command'],
    [["demo", "--preset", "three"], "--preset three is not one of two, sixteen, large."],
    [["demo", "--preset"], "--preset"],
    [["demo", "--port", "65536"], "--port 65536 is not a port number"],
    [["demo", "--port", "1e3"], "--port 1e3 is not a port number"],
    [["demo", "--fast"], "--fast"],
    [["demo", "extra"], "extra"],
    [["start", "--json"], '--json belongs to "demo"'],
    [["serve", "--preset", "two"], '--preset belongs to "demo"'],
  ])("answers %j with a sentence", (args, part) => {
    const parsed = parseOptions(args);
    expect(parsed.status).toBe("refused");
    const sentence = parsed.status === "refused" ? parsed.sentence : "";
    expect(sentence).toContain(part);
    expect(sentence).toMatch(/^\S.*\.$/);
    expect(sentence).not.toContain("\n");
  });
});
