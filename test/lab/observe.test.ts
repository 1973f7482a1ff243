import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JournalEvent, JournalLine } from "../../host-agent/contract/journal.ts";
import {
  buildAgent,
  heardBy,
  installAgents,
  journalOf,
  mustRun,
  skink,
  stateOf,
  statusOf,
} from "./agents.ts";
import { upLab, type Lab, type LabHost } from "./lab-client.ts";

/*
 * The agent's own program under real systemd, on two hosts with two networks and dom0's firewall. All
 * hosts of a lab share this machine's clock, so times in journals and here compare directly.
 */

/** six beats missed at 500 ms each */
const suspectAfterMs = 3_000;
/** for a beat that was on its way, the next look at the clock, and a busy machine */
const toleranceMs = 1_500;
let lab: Lab;
let a: LabHost;
let b: LabHost;

beforeAll(async () => {
  const release = buildAgent();
  lab = await upLab({ name: "observe" });
  [a, b] = lab.hosts as [LabHost, LabHost];
  await installAgents(lab, release);
});

afterAll(async () => {
  await lab?.down();
});

async function comesTrue(isDone: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const endMs = performance.now() + timeoutMs;
  while (performance.now() < endMs) {
    if (await isDone()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

/** The first line of this type that a host has written since then; fails after ten seconds. */
async function line<T extends JournalEvent["type"]>(
  host: LabHost,
  type: T,
  sinceMs: number,
): Promise<JournalLine & { readonly event: Extract<JournalEvent, { type: T }> }> {
  let found: JournalLine | undefined;
  const isThere = await comesTrue(async () => {
    const lines = await journalOf(lab, host);
    found = lines.find(({ wallMs, event }) => wallMs >= sinceMs && event.type === type);
    return found !== undefined;
  }, 10_000);
  expect(isThere, `${host.name} writes ${type}`).toBe(true);
  return found as JournalLine & { readonly event: Extract<JournalEvent, { type: T }> };
}

async function everybodyHeard(): Promise<void> {
  for (const host of [a, b]) {
    const isComplete = async (): Promise<boolean> => (await heardBy(lab, host)).isComplete;
    expect(await comesTrue(isComplete, 10_000), `${host.name} hears everybody`).toBe(true);
  }
}

describe("agents on lab hosts", () => {
  test("they hear each other on both networks, both ways", async () => {
    await everybodyHeard();
    const status = await statusOf(lab, a);
    expect(status.state).toBe("observing");
    expect(status.role).toBe("coordinator");
    expect(status.paths.map(({ path, state }) => [path, state])).toEqual([
      ["management", "heard"],
      ["storage", "heard"],
    ]);
    expect((await stateOf(lab, a)).firewallRule).toBe("present");
  });

  test("they see XAPI on dom0's socket and the guests that xl lists", async () => {
    const isSeen = async (): Promise<boolean> => {
      const { xapi, domains } = await statusOf(lab, a);
      return xapi.state === "answers" && domains.length > 0;
    };
    expect(await comesTrue(isSeen, 10_000)).toBe(true);
    const { domains } = await statusOf(lab, a);
    const listed = await mustRun(lab, a, "xl list");
    expect(domains.length).toBe(listed.trim().split("\n").length - 2);
  });

  test("one network cut: that path falls silent, nobody is suspected", async () => {
    await lab.cut(a.id, b.id, { network: "storage" });
    const cutAtMs = Date.now();
    const silent = await line(a, "PathSilent", cutAtMs);
    expect(silent.event).toMatchObject({ peer: b.uuid, path: "storage" });
    expect(silent.wallMs - cutAtMs).toBeLessThan(suspectAfterMs + toleranceMs);
    const { peers, paths } = await statusOf(lab, a);
    expect(peers[0]?.state).toBe("live");
    expect(paths.find(({ path }) => path === "management")?.state).toBe("heard");
  });

  test("the other cut as well: each suspects the other within 3 s, and the heal undoes it", async () => {
    const beforeMs = Date.now();
    await lab.cut(a.id, b.id, { network: "mgmt" });
    const cutAtMs = Date.now();
    for (const [host, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      const suspected = await line(host, "HostSuspected", beforeMs);
      expect(suspected.event.peer).toBe(peer.uuid);
      expect(suspected.wallMs - cutAtMs).toBeLessThan(suspectAfterMs + toleranceMs);
      expect(suspected.event.silentMs).toBeGreaterThanOrEqual(suspectAfterMs - 500);
    }
    const healedAtMs = Date.now();
    await lab.heal();
    const again = await line(a, "HostHeardAgain", healedAtMs);
    expect(again.event).toMatchObject({ peer: b.uuid, sameBoot: true });
    await everybodyHeard();
  });

  test("one direction cut: the side that still hears says so", async () => {
    const beforeMs = Date.now();
    await lab.cut(a.id, b.id, { network: "storage", oneWay: true });
    const oneWay = await line(a, "PathOneWay", beforeMs);
    expect(oneWay.event).toMatchObject({ peer: b.uuid, path: "storage" });
    expect((await line(b, "PathSilent", beforeMs)).event.path).toBe("storage");
    await lab.heal();
    await everybodyHeard();
  });

  test("XAPI hangs: status still comes within a second, and says that XAPI is silent", async () => {
    const beforeMs = Date.now();
    await lab.xapiHang(a.id);
    const timed = `s=$(date +%s%N); ${skink} status --json >/dev/null; e=$(date +%s%N); echo $(( (e - s) / 1000000 ))`;
    for (let times = 0; times < 3; times += 1) {
      expect(Number(await mustRun(lab, a, timed))).toBeLessThan(1_000);
    }
    await line(a, "XapiSilent", beforeMs);
    expect((await statusOf(lab, a)).xapi.state).toBe("silent");
    expect((await heardBy(lab, a)).isComplete).toBe(true);
    await lab.xapiResume(a.id);
    await line(a, "XapiAnswered", beforeMs);
  });

  test("a host that hangs is suspected, and heard again in the same boot", async () => {
    const beforeMs = Date.now();
    await lab.hang(b.id);
    expect((await line(a, "HostSuspected", beforeMs)).event.peer).toBe(b.uuid);
    await lab.resume(b.id);
    expect((await line(a, "HostHeardAgain", beforeMs)).event.sameBoot).toBe(true);
    await line(b, "AgentStalled", beforeMs);
    await everybodyHeard();
  });

  test("reboot typed by root is announced, and the agent starts with the host", async () => {
    const beforeMs = Date.now();
    await lab.shellReboot(b.id);
    expect((await line(a, "PeerLeaving", beforeMs)).event.how).toBe("reboot");
    await everybodyHeard();
    const rebooted = await line(a, "PeerRebooted", beforeMs);
    expect(rebooted.event).toMatchObject({ peer: b.uuid, announced: true });
    const lines = await journalOf(lab, a);
    const suspicions = lines.filter(
      ({ wallMs, event }) => wallMs >= beforeMs && event.type === "HostSuspected",
    );
    expect(suspicions).toEqual([]);
  });

  test("lost power is no announced leave: the host is suspected", async () => {
    const beforeMs = Date.now();
    await lab.powerOff(b.id);
    const suspected = await line(a, "HostSuspected", beforeMs);
    expect(suspected.event.pathsSilent.toSorted()).toEqual(["management", "storage"]);
    await lab.powerOn(b.id);
    await everybodyHeard();
    const rebooted = await line(a, "PeerRebooted", beforeMs);
    expect(rebooted.event.announced).toBe(false);
  });

  test("removed, nothing of the agent is left on the host", async () => {
    const before = await mustRun(lab, a, "cat /etc/sysconfig/iptables");
    expect(before).toContain("7694");
    const copy = "cp /opt/skink/current/skink skink-last";
    await mustRun(lab, a, `${copy} && ./skink-last remove-all`);
    const state = JSON.parse(await mustRun(lab, a, "./skink-last state --json")) as object;
    expect(state).toMatchObject({ unit: "absent", firewallRule: "absent", manifest: {} });
    expect(await mustRun(lab, a, "cat /etc/sysconfig/iptables")).not.toContain("7694");
    expect(await mustRun(lab, a, "iptables -S")).not.toContain("7694");
  });
});
