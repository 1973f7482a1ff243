import { describe, expect, it } from "vitest";
import { GENERATIONS } from "../generation.ts";
import { refOf, uuidOf } from "../testing/small-pool.ts";
import { startStory, type Person, type Story } from "../testing/story.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const [hostA, hostB] = [refOf("host-a"), refOf("host-b")];
const vmB = refOf("vm-b1");
const MINUTE_MS = 60_000;

function domainsOf(story: Story, host: string): readonly string[] {
  return [...story.host(host).domains.keys()].toSorted();
}

async function settled(story: Story, root: Person, task: string): Promise<readonly unknown[]> {
  for (let minute = 0; minute < 120; minute += 1) {
    const status = await root.call("task.get_status", task);
    if (status !== "pending") {
      return [status, await root.call("task.get_error_info", task)];
    }
    await story.time.advance(MINUTE_MS);
  }
  return ["pending"];
}

describe("maintenance of a supporter", () => {
  it("evacuates, disables, reboots, comes back enabled, and takes its VMs again", async () => {
    const story = await startStory(turn, { vmsPerHost: 3 });
    const root = await story.root();
    await root.call("host.disable", hostB);
    await root.call("host.evacuate", hostB);
    expect(domainsOf(story, "b")).toEqual([]);
    expect(domainsOf(story, "a")).toHaveLength(6);
    const bootedAtMs = story.host("b").bootedAtMs;
    await root.call("host.reboot", hostB);
    await story.time.advance(9_000);
    expect(story.host("b").powered).toBe(true);
    await story.time.advance(5 * MINUTE_MS);
    expect(story.host("b").bootedAtMs).toBeGreaterThan(bootedAtMs);
    expect(await root.call("host.get_enabled", hostB)).toBe(true);
    expect(await root.call("host.get_current_operations", hostB)).toEqual({});
    expect(await root.call("PBD.get_currently_attached", refOf("pbd-b-sr-shared"))).toBe(true);
    await root.call("VM.pool_migrate", vmB, hostB, {});
    expect(domainsOf(story, "b")).toEqual([uuidOf("vm-b1")]);
  });

  it("moves ten at a time on 8.3 and one at a time on 8.2", async () => {
    const spans: number[] = [];
    for (const generation of [GENERATIONS["26.1"], GENERATIONS["1.249"]]) {
      const story = await startStory(turn, { vmsPerHost: 5, generation });
      const root = await story.root();
      const beganMs = story.time.nowMs;
      await root.call("host.evacuate", hostB);
      spans.push(story.time.nowMs - beganMs);
    }
    const [together, oneByOne] = spans as [number, number];
    expect(oneByOne).toBeGreaterThan(4 * together);
  });

  it("shows each move as a task of its own with its progress", async () => {
    const story = await startStory(turn, { vmsPerHost: 2 });
    const root = await story.root();
    const task = String(await root.call("Async.host.evacuate", hostB));
    await story.time.advance(2_000);
    const tasks = Object.values((await root.call("task.get_all_records")) as object) as {
      name_label: string;
      progress: number;
      subtask_of: string;
    }[];
    const moves = tasks.filter((entry) => entry.name_label === "Async.VM.pool_migrate");
    expect(moves).toHaveLength(2);
    expect(moves.every((entry) => entry.subtask_of === task && entry.progress > 0)).toBe(true);
    expect(await settled(story, root, task)).toEqual(["success", []]);
  });

  it("leaves what cannot move running, and says which", async () => {
    const pci = { attached_PCIs: [refOf("pci")] };
    const story = await startStory(turn, { vmsPerHost: 2, records: { VM: { [vmB]: pci } } });
    const root = await story.root();
    expect(await root.failure("host.evacuate", hostB)).toEqual(["VM_HAS_PCI_ATTACHED", vmB]);
    expect(domainsOf(story, "b")).toHaveLength(2);
  });

  it("shuts down what cannot move when the reboot is not prepared", async () => {
    const story = await startStory(turn, {
      vmsPerHost: 2,
      records: { VDI: { [refOf("vdi-b1")]: { SR: refOf("sr-local-b") } } },
    });
    const root = await story.root();
    await story.time.until(story.host("b").shutDown("reboot"));
    await story.time.advance(5 * MINUTE_MS);
    expect(await root.call("VM.get_power_state", vmB)).toBe("Halted");
    expect(await root.call("VM.get_resident_on", refOf("vm-b2"))).toBe(hostA);
    expect(await root.call("host.get_enabled", hostB)).toBe(true);
  });
});

describe("the coordinator rebooted from its shell", () => {
  it("hands its guests over, comes back as coordinator, and all hosts are enabled again", async () => {
    const story = await startStory(turn, { vmsPerHost: 2 });
    await story.time.until(story.host("a").shutDown("reboot"));
    expect(domainsOf(story, "b")).toHaveLength(4);
    await story.time.advance(5 * MINUTE_MS);
    const root = await story.root();
    expect(await root.call("pool.get_master", refOf("pool"))).toBe(hostA);
    expect(await root.call("host.get_enabled", hostA)).toBe(true);
    expect(await root.call("host.get_enabled", hostB)).toBe(true);
    expect(await root.call("VM.get_resident_on", refOf("vm-a1"))).toBe(hostB);
    expect(await root.call("VM.get_allowed_operations", refOf("vm-a1"))).toContain("pool_migrate");
  });
});

describe("a supporter that lost power", () => {
  it("is declared dead, its locks go, and its VM starts elsewhere", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    story.host("b").cutPower();
    expect(await root.call("VM.get_power_state", vmB)).toBe("Running");
    await root.call("host.declare_dead", hostB);
    expect(await root.call("VM.get_power_state", vmB)).toBe("Halted");
    await root.call("VM.start", vmB, false, false);
    expect(await root.call("VM.get_resident_on", vmB)).toBe(hostA);
    expect(domainsOf(story, "a")).toContain(uuidOf("vm-b1"));
  });

  it("keeps the disk from others until its lock is reset by hand", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    story.host("b").cutPower();
    await root.call("VM.power_state_reset", vmB);
    const refusal = await root.failure("VM.start_on", vmB, hostA, false, false);
    expect(refusal[0]).toBe("SR_BACKEND_FAILURE_46");
    await root.call("host.call_plugin", hostA, "resetvdis", "all", {
      host_uuid: uuidOf("host-b"),
      sr_uuid: uuidOf("sr-shared"),
    });
    await root.call("VM.start_on", vmB, hostA, false, false);
    expect(await root.call("VM.get_power_state", vmB)).toBe("Running");
  });

  it("clears its own stale VMs when it returns", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    story.host("b").cutPower();
    await story.time.advance(MINUTE_MS);
    story.host("b").powerOn();
    await story.time.advance(2 * MINUTE_MS);
    expect(await root.call("VM.get_power_state", vmB)).toBe("Halted");
    await root.call("VM.start", vmB, false, false);
    expect(domainsOf(story, "b")).toEqual([uuidOf("vm-b1")]);
  });

  it("a toolstack restart alone makes a running VM resettable, and the host kills nothing", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    await story.time.until(story.host("b").stopXapi());
    expect(await root.call("host_metrics.get_live", refOf("metrics-b"))).toBe(false);
    await root.call("VM.power_state_reset", vmB);
    expect(await root.call("VM.get_power_state", vmB)).toBe("Halted");
    expect(domainsOf(story, "b")).toEqual([uuidOf("vm-b1")]);
  });
});

describe("a migration", () => {
  const begin = async (story: Story): Promise<{ root: Person; task: string }> => {
    const root = await story.root();
    const call = root.call("Async.VM.pool_migrate", vmB, hostA, { live: "true" });
    const task = String(await call);
    await story.time.advance(1_000);
    return { root, task };
  };

  it("can be cancelled, and the guest stays where it was", async () => {
    const story = await startStory(turn);
    const { root, task } = await begin(story);
    await root.call("task.cancel", task);
    expect(await settled(story, root, task)).toEqual(["cancelled", ["TASK_CANCELLED", task]]);
    expect(domainsOf(story, "b")).toEqual([uuidOf("vm-b1")]);
    expect(domainsOf(story, "a")).toEqual([uuidOf("vm-a1")]);
    expect(await root.call("VM.get_current_operations", vmB)).toEqual({});
  });

  it("ends when the receiving host loses power, and the guest goes on", async () => {
    const story = await startStory(turn, { hosts: 3 });
    const root = await story.root();
    const task = String(await root.call("Async.VM.pool_migrate", vmB, refOf("host-c"), {}));
    await story.time.advance(1_000);
    story.host("c").cutPower();
    expect((await settled(story, root, task))[0]).toBe("failure");
    expect(await root.call("VM.get_resident_on", vmB)).toBe(hostB);
    expect(story.host("b").domains.get(uuidOf("vm-b1"))?.paused).toBe(false);
    expect(story.host("b").disks.map((disk) => disk.vdiUuid)).toContain(uuidOf("vdi-b1"));
    expect(await root.call("VDI.get_sm_config", refOf("vdi-b1"))).toEqual({
      [`host_${hostB}`]: "RW",
    });
  });

  it("fails when the sending host loses power, and nothing half-built stays", async () => {
    const story = await startStory(turn);
    const { root, task } = await begin(story);
    story.host("b").cutPower();
    expect((await settled(story, root, task))[0]).toBe("failure");
    expect(domainsOf(story, "a")).toEqual([uuidOf("vm-a1")]);
  });

  it("takes longer for more memory", async () => {
    const spans: number[] = [];
    for (const gib of [1, 4]) {
      const memory = gib * 2 ** 30;
      const size = { memory_static_max: memory, memory_dynamic_max: memory };
      const story = await startStory(turn, { records: { VM: { [vmB]: size } } });
      const root = await story.root();
      const beganMs = story.time.nowMs;
      await root.call("VM.pool_migrate", vmB, hostA, {});
      spans.push(story.time.nowMs - beganMs);
    }
    expect((spans[1] ?? 0) - (spans[0] ?? 0)).toBeGreaterThan(4_000);
  });
});

describe("delays of a start", () => {
  it.each([
    ["VM.start", 30_000],
    ["VM.start_on", 60_000],
  ])("%s answers after its delay", async (method, waitMs) => {
    const story = await startStory(turn, { records: { VM: { [vmB]: { start_delay: 30 } } } });
    const root = await story.root();
    await root.call("VM.hard_shutdown", vmB);
    const beganMs = story.time.nowMs;
    const where = method === "VM.start" ? [] : [hostB];
    await root.call(method, vmB, ...where, false, false);
    const span = story.time.nowMs - beganMs;
    expect(span).toBeGreaterThanOrEqual(waitMs);
    expect(span).toBeLessThan(waitMs + 10_000);
  });
});

describe("a guest by itself", () => {
  it("powers off and is seen halted, its disk free", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    story.host("b").guestActs({ type: "shutdown", vmUuid: uuidOf("vm-b1") });
    await story.time.advance(5_000);
    expect(await root.call("VM.get_power_state", vmB)).toBe("Halted");
    expect(await root.call("VDI.get_sm_config", refOf("vdi-b1"))).toEqual({});
    expect(story.host("b").disks).toEqual([]);
  });

  it("reboots in place", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const before = await root.call("VM.get_domid", vmB);
    story.host("b").guestActs({ type: "reboot", vmUuid: uuidOf("vm-b1") });
    await story.time.advance(10_000);
    expect(await root.call("VM.get_power_state", vmB)).toBe("Running");
    expect(await root.call("VM.get_domid", vmB)).not.toBe(before);
  });
});

describe("an appliance", () => {
  it("starts in order and stops in reverse", async () => {
    const app = refOf("app");
    const story = await startStory(turn, {
      vmsPerHost: 2,
      records: {
        VM_appliance: { [app]: { name_label: "shop" } },
        VM: {
          [refOf("vm-a1")]: { appliance: app, order: 2 },
          [vmB]: { appliance: app, order: 1, start_delay: 20 },
        },
      },
    });
    const root = await story.root();
    await root.call("VM_appliance.hard_shutdown", app);
    const task = String(await root.call("Async.VM_appliance.start", app, false));
    await story.time.advance(15_000);
    expect(await root.call("VM.get_power_state", vmB)).toBe("Running");
    expect(await root.call("VM.get_power_state", refOf("vm-a1"))).toBe("Halted");
    expect(await settled(story, root, task)).toEqual(["success", []]);
    expect(await root.call("VM.get_power_state", refOf("vm-a1"))).toBe("Running");
  });
});
