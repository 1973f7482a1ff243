import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lookCommand, readHostCommand, UnsafeWord, verbCommand } from "./host-commands.ts";

const program = "/opt/skink/current/skink";
const awkward = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({
    unit: fc.constantFrom("'", '"', "\n", "\r", "$", "(", ")", "`", ";", " ", "&", "é", "\0", "1"),
  }),
  fc.constantFrom(
    "$(reboot)",
    "1.2.3\nreboot",
    "1;reboot",
    "a b",
    "..",
    "-rf",
    "`id`",
    "１.２",
    "",
  ),
);

describe("lines for hosts", () => {
  it("never hold anything a shell would interpret, whatever they are built from", () => {
    fc.assert(
      fc.property(awkward, (word) => {
        const builders = [
          () => lookCommand("ping", word),
          () => lookCommand("hash", word),
          () => lookCommand("unpack", `/opt/skink/upload/${word}`),
          () => verbCommand("link", null, program, word),
          () => verbCommand("status", null, word),
          () => verbCommand("status", word, program),
          () => verbCommand("status", `/tmp/${word}`, program),
          () => verbCommand("journal", null, program, word),
          () => verbCommand("firewallAdd", null, program, word),
          () => verbCommand("state", null, `/opt/skink/releases/${word}/skink`),
        ];
        for (const build of builders) {
          let line: string;
          try {
            line = build().line;
          } catch (error) {
            expect(error).toBeInstanceOf(UnsafeWord);
            continue;
          }
          expect(line).toMatch(/^[0-9A-Za-z@%+=:,./_ -]+$/u);
          expect(readHostCommand(line)?.line).toBe(line);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("are refused by the checker unless they are in the list letter by letter", () => {
    fc.assert(
      fc.property(awkward, fc.nat(80), (extra, at) => {
        const { line } = verbCommand(
          "link",
          "/tmp/trial",
          "/tmp/trial/opt/skink/current/skink",
          "1.0.0",
        );
        const changed = line.slice(0, at) + extra + line.slice(at);
        const read = readHostCommand(changed);
        if (read === null) return;
        expect(read.argv.join(" ")).toBe(changed);
        expect(changed).toMatch(/^[0-9A-Za-z@%+=:,./_ -]+$/u);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    "sh",
    "bash -c id",
    "id -u;reboot",
    "id -u && reboot",
    "id  -u",
    " id -u",
    "id -u\n",
    "sha256sum -- /etc/shadow",
    "gzip -d -f -- /etc/passwd.gz",
    "ping -c 1 -W 1 -f",
    "ping -c 1 -W 1 localhost",
    "/opt/skink/current/../../../bin/sh status --json",
    "/opt/skink/current/skink status",
    "/opt/skink/current/skink daemon --json",
    "/opt/skink/current/skink status --json --root /tmp/../etc",
    "/opt/skink/current/skink status --json --root",
    "cat /etc/skink/pool.key",
  ])("leave out %j", (line) => {
    expect(readHostCommand(line)).toBeNull();
  });

  it("read back as what they were built from", () => {
    expect(readHostCommand("id -u")?.id).toBe("user");
    expect(readHostCommand("ping -c 1 -W 1 fd00::1")?.id).toBe("ping");
    const built = verbCommand("journal", "/tmp/x", "/tmp/x/opt/skink/current/skink", "-1");
    expect(readHostCommand(built.line)).toEqual(built);
  });
});
