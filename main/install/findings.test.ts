import { describe, expect, it } from "vitest";
import { portsOf, preflightFindings } from "./findings.ts";
import type { HostFacts } from "./findings.ts";

const fine: HostFacts = {
  user: "0",
  machine: "x86_64",
  kernel: "4.19.0+1",
  libc: "glibc 2.17",
  space: [
    "Filesystem 1024-blocks Used Available Capacity Mounted on",
    "/dev/sda1 18432000 2600002 15831998 14% /",
    "/dev/sda1 18432000 2600002 15831998 14% /",
    "/dev/sda1 18432000 2600002 15831998 14% /",
  ].join("\n"),
  systemd: "systemd 219\n+PAM",
  iptables: "iptables v1.4.21",
  osRelease: 'PRETTY_NAME="XCP-ng 8.3.0"',
  inventory: "PRODUCT_BRAND='XCP-ng'\nPRODUCT_VERSION='8.3.0'\n",
  udp: "  sl  local_address rem_address\n  12: 0100007F:0035 00000000:0000 07\n",
  hasKeptFirewall: true,
  hasWatchdog: false,
  hasBmc: false,
  clockOffsetMs: 40,
  clockUncertaintyMs: 20,
  currentVersion: null,
  traces: [],
  leftovers: [],
  reaches: [
    { path: "management", peerName: "node2", address: "10.0.0.2", state: "reached", evidence: "" },
  ],
};

const around = {
  input: {
    pool: {
      nativeHaEnabled: false,
      haLizard: { configured: false, enabled: false },
      replicationTraces: [],
    },
    neededBytes: 300 * 1_048_576,
  },
  udpPort: 7694,
  medianOffsetMs: 0,
  hostCount: 2,
};

function stateOf(id: string, facts: Partial<HostFacts>, more: Partial<typeof around> = {}): string {
  const found = preflightFindings({ ...fine, ...facts }, { ...around, ...more });
  return found.find((one) => one.id === id)?.state ?? "missing";
}

describe("what preflight finds", () => {
  it("passes a host that is fine, and skips only what an observing agent does not need", () => {
    const found = preflightFindings(fine, around);
    const others = found
      .filter(({ state }) => state !== "passed")
      .map(({ id, state }) => [id, state]);
    expect(others).toEqual([
      ["watchdog", "skipped"],
      ["bmc", "skipped"],
    ]);
  });

  it.each<[string, Partial<HostFacts>, string]>([
    ["root", { user: "1000" }, "failed"],
    ["root", { user: null }, "failed"],
    ["arch", { machine: "aarch64" }, "failed"],
    ["glibc", { libc: "glibc 2.12" }, "failed"],
    ["glibc", { libc: "glibc 2.39" }, "passed"],
    ["glibc", { libc: null }, "failed"],
    ["version", { inventory: null }, "review"],
    ["systemd", { systemd: "systemd 208" }, "failed"],
    ["systemd", { systemd: null }, "failed"],
    ["space-opt", { space: fine.space?.replaceAll("15831998", "1000") ?? null }, "failed"],
    ["space-var", { space: null }, "skipped"],
    ["clock", { clockOffsetMs: 3_000 }, "review"],
    ["clock", { clockOffsetMs: -40_000 }, "failed"],
    ["clock", { clockUncertaintyMs: Number.POSITIVE_INFINITY }, "skipped"],
    ["firewall", { iptables: null }, "review"],
    ["firewall", { hasKeptFirewall: false }, "review"],
    ["udp-port", { udp: `${fine.udp}  13: 00000000:1E0E 00000000:0000 07\n` }, "failed"],
    ["udp-port", { udp: "" }, "skipped"],
    ["ha-lizard", { traces: ["/etc/ha-lizard"] }, "review"],
    ["iscsi-ha", { traces: ["/etc/iscsi-ha"] }, "review"],
    ["drbd", { traces: ["/proc/drbd"] }, "review"],
    ["existing", { leftovers: ["/etc/skink"] }, "review"],
    ["existing", { leftovers: ["/opt/skink"], currentVersion: "1.0.0" }, "passed"],
    ["watchdog", { hasWatchdog: true }, "passed"],
  ])("%s with %j: %s", (id, facts, state) => {
    expect(stateOf(id, facts)).toBe(state);
  });

  it("does not fail a port that the agent itself uses", () => {
    const udp = `${fine.udp}  13: 00000000:1E0E 00000000:0000 07\n`;
    expect(stateOf("udp-port", { udp, currentVersion: "1.0.0" })).toBe("passed");
  });

  it("names the hosts that do not answer on a path, and skips what could not be tried", () => {
    const silent = { path: "storage", peerName: "node3", address: "10.1.0.3", evidence: "" };
    const found = preflightFindings(
      { ...fine, reaches: [...fine.reaches, { ...silent, state: "silent" }] },
      around,
    );
    expect(found.find(({ id }) => id === "path-storage")).toMatchObject({
      state: "failed",
      sentence: "No answer from “node3” on this path.",
    });
    expect(stateOf("path-storage", { reaches: [{ ...silent, state: "not-tried" }] })).toBe(
      "skipped",
    );
  });

  it("says that native HA was not asked for while XAPI is gone", () => {
    const input = { ...around.input, pool: null };
    expect(
      preflightFindings(fine, { ...around, input }).find(({ id }) => id === "native-ha")?.state,
    ).toBe("skipped");
  });

  it("gives every finding that is not passed or skipped a way to mend it", () => {
    const bad = { ...fine, user: "1", machine: "x", libc: null, systemd: null, iptables: null };
    const found = preflightFindings({ ...bad, traces: ["/etc/ha-lizard"] }, around);
    const without = found.filter(
      ({ state, fix }) => state !== "passed" && state !== "skipped" && fix === null,
    );
    expect(without).toEqual([]);
  });

  it("reads ports of /proc/net/udp", () => {
    expect([...portsOf(fine.udp)]).toEqual([53]);
  });
});
