import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HostCommand } from "./commands.ts";
import { hostCommandLine, parseHostCommand, powerCommands, readCommands } from "./commands.ts";

const hash = "0123456789abcdef".repeat(4);
const staged = "/opt/skink/upload/skink-1";
const current = "/opt/skink/current/skink";

const wordy: readonly HostCommand[] = [
  { type: "is-active", unit: "ha-lizard.service" },
  { type: "ping", from: "10.0.0.1", to: "fe80::1" },
  { type: "sha256sum", path: staged },
  { type: "gunzip", path: `${staged}.gz` },
  { type: "verb", program: current, args: ["journal", "--follow", "--after", "-1", "--json"] },
  { type: "verb", program: "/opt/skink/releases/1.2.3/skink", args: ["unit", "start", "--json"] },
  {
    type: "verb",
    program: staged,
    args: ["put-release", "--from", staged, "--version", "1", "--sha256", hash, "--json"],
  },
];

describe("the list of what may run on a host", () => {
  it.each(wordy.map((command) => [hostCommandLine(command), command] as const))(
    "knows %s again",
    (line, command) => expect(parseHostCommand(line)).toEqual(command),
  );

  it("knows every fixed command, and none with anything before or after it", () => {
    for (const command of [...readCommands, ...powerCommands]) {
      expect(parseHostCommand(command)?.type).toMatch(/^(?:read|power)$/u);
      for (const near of [` ${command}`, `${command} `, `${command}\n`, `${command};id`]) {
        expect(parseHostCommand(near)).toBeNull();
      }
    }
  });

  it.each([
    `${current} daemon --json`,
    `${current} status`,
    `${current} status --json --root /`,
    `${current} why host-a;id --json`,
    "/opt/skink/current/../../../bin/sh -c id",
    "/opt/skink/upload/../x version --json",
    `${current} put-release --from /etc/shadow --version 1 --sha256 ${hash} --json`,
    "sha256sum /etc/shadow",
    "gzip -d -k -f /etc/passwd.gz",
    "ping -n -q -c 1 -W 1 -I 10.0.0.1 10.0.0.2 10.0.0.3",
    "systemctl is-active sshd.service",
    "systemctl stop skink.service",
    "",
  ])("does not know %s", (line) => expect(parseHostCommand(line)).toBeNull());

  it("makes no line that it would not know again", () => {
    const bad: HostCommand = { type: "ping", from: "10.0.0.1", to: "$(reboot)" };
    expect(() => hostCommandLine(bad)).toThrow("not in the list");
  });

  it("takes no line that a shell would read otherwise than it does", () => {
    const known = fc.constantFrom(...readCommands, ...wordy.map(hostCommandLine));
    const mark = fc.constantFrom(..."$`;&|<>()'\"\\*?[]{}~!#\n\r\0\u00a0\uff1b\u2028");
    fc.assert(
      fc.property(known, mark, fc.nat(200), (line, sign, at) => {
        const place = Math.min(at, line.length);
        return parseHostCommand(line.slice(0, place) + sign + line.slice(place)) === null;
      }),
    );
  });
});
