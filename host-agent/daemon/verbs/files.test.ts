import { describe, expect, test } from "vitest";
import { withoutRule, withRule } from "./firewall-rules.ts";
import { unitText } from "./unit-text.ts";

describe("the firewall rule in the file", () => {
  const dom0 = `# kept by the host
*nat
:PREROUTING ACCEPT [0:0]
COMMIT
*filter
:INPUT ACCEPT [0:0]
:RH-Firewall-1-INPUT - [0:0]
-A INPUT -j RH-Firewall-1-INPUT
-A RH-Firewall-1-INPUT -p icmp --icmp-type any -j ACCEPT
-A RH-Firewall-1-INPUT -j REJECT --reject-with icmp-host-prohibited
COMMIT
`;
  const rule =
    "-A RH-Firewall-1-INPUT -p udp -m udp --dport 7694 -m comment --comment skink -j ACCEPT";

  test("stands first in dom0's own chain, and once however often it is added", () => {
    const added = withRule(dom0, 7694);
    const rows = added.split("\n");
    expect(rows[rows.indexOf(rule) + 1]).toContain("-p icmp");
    expect(withRule(added, 7694)).toBe(added);
  });

  test("goes without a trace", () => {
    expect(withoutRule(withRule(dom0, 7694))).toBe(dom0);
    expect(withoutRule(dom0)).toBe(dom0);
  });

  test("for another port takes the place of the one before", () => {
    const moved = withRule(withRule(dom0, 7694), 8000);
    expect(moved.split("\n").filter((row) => row.includes("skink"))).toEqual([
      rule.replace("7694", "8000"),
    ]);
  });

  test("stands in INPUT where there is no such chain, also in a table without rules", () => {
    const bare = "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n";
    expect(withRule(bare, 7694)).toBe(
      `*filter\n:INPUT ACCEPT [0:0]\n${rule.replace("RH-Firewall-1-INPUT", "INPUT")}\nCOMMIT\n`,
    );
  });

  test("is not put where it means nothing", () => {
    const text = "*nat\nCOMMIT\n";
    expect(withRule(text, 7694)).toBe(text);
  });
});

describe("the unit", () => {
  // systemd.unit(5), systemd.service(5), systemd.exec(5) of version 219, the oldest dom0's.
  const known = new Set(
    (
      "Description After Type ExecStart WorkingDirectory Environment UMask " +
      "Restart RestartSec TimeoutStopSec KillMode OOMScoreAdjust LimitCORE WantedBy"
    ).split(" "),
  );
  const rows = unitText.split("\n").flatMap((row) => {
    const at = row.indexOf("=");
    return at === -1 ? [] : [{ name: row.slice(0, at), value: row.slice(at + 1) }];
  });

  test("has only directives that systemd 219 knows", () => {
    expect(rows.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([]);
    expect(rows.length).toBeGreaterThan(8);
  });

  test("hangs on nothing of the toolstack, and is started again whatever ends it", () => {
    expect(unitText).not.toMatch(/xapi|toolstack|PartOf|Requires|BindsTo/i);
    expect(rows).toContainEqual({ name: "Restart", value: "always" });
    expect(rows).toContainEqual({ name: "After", value: "network.target" });
  });
});
