import { describe, expect, it } from "vitest";
import { refOf, uuidOf, type SmallPoolOptions } from "../testing/small-pool.ts";
import { startStory, type Person, type Story } from "../testing/story.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const MINUTE_MS = 60_000;
const GIB = 2 ** 30;
const shared = refOf("sr-shared");

async function armedPool(options: SmallPoolOptions = {}): Promise<{ story: Story; root: Person }> {
  const records = { SR: { [shared]: { physical_size: 100 * GIB } }, ...options.records };
  const story = await startStory(turn, { hosts: 3, ...options, records });
  const root = await story.root();
  for (const letter of ["a", "b", "c"].slice(0, options.hosts ?? 3)) {
    await root.call("VM.set_ha_restart_priority", refOf(`vm-${letter}1`), "restart");
  }
  await root.call("pool.enable_ha", [shared], {});
  await root.call("pool.set_ha_host_failures_to_tolerate", refOf("pool"), 1);
  return { story, root };
}

/** On how many machines a guest runs: more than one destroys its disk. */
function copiesOf(story: Story, vm: string): number {
  return story.pool.machines.filter((machine) => machine.domains.has(uuidOf(vm))).length;
}

/** Lets time pass and watches that no guest ever runs twice. */
async function passMinutes(story: Story, minutes: number, vms: readonly string[]): Promise<number> {
  let most = 0;
  for (let second = 0; second < minutes * 60; second += 1) {
    await story.time.advance(1_000);
    most = Math.max(most, ...vms.map((vm) => copiesOf(story, vm)));
  }
  return most;
}

const guests = ["vm-a1", "vm-b1", "vm-c1"];

describe("native HA", () => {
  it("restarts the protected VMs of a host that lost power", async () => {
    const { story, root } = await armedPool();
    story.host("b").cutPower();
    expect(await passMinutes(story, 4, guests)).toBe(1);
    expect(await root.call("VM.get_power_state", refOf("vm-b1"))).toBe("Running");
    expect(await root.call("VM.get_resident_on", refOf("vm-b1"))).not.toBe(refOf("host-b"));
    expect(await root.call("host_metrics.get_live", refOf("metrics-b"))).toBe(false);
    const messages = Object.values((await root.call("message.get_all_records")) as object) as {
      name: string;
    }[];
    expect(messages.map((message) => message.name)).toContain("HA_HOST_FAILED");
  });

  it("keeps an unprotected VM off and gives a best-effort one a try", async () => {
    const { story, root } = await armedPool({ vmsPerHost: 3 });
    await root.call("VM.set_ha_restart_priority", refOf("vm-b2"), "best-effort");
    story.host("b").cutPower();
    await passMinutes(story, 4, guests);
    expect(await root.call("VM.get_power_state", refOf("vm-b2"))).toBe("Running");
    expect(await root.call("VM.get_power_state", refOf("vm-b3"))).toBe("Halted");
  });

  it("lowers what it promises while a host is away, and raises it when the host is back", async () => {
    const { story, root } = await armedPool({ hosts: 2 });
    expect(await root.call("pool.get_ha_plan_exists_for", refOf("pool"))).toBe(1);
    story.host("b").cutPower();
    await passMinutes(story, 4, guests);
    expect(await root.call("pool.get_ha_plan_exists_for", refOf("pool"))).toBe(0);
    expect(await root.call("pool.get_ha_overcommitted", refOf("pool"))).toBe(true);
    story.host("b").powerOn();
    await passMinutes(story, 4, guests);
    expect(await root.call("host_metrics.get_live", refOf("metrics-b"))).toBe(true);
    expect(await root.call("pool.get_ha_plan_exists_for", refOf("pool"))).toBe(1);
    expect(await root.call("pool.get_ha_overcommitted", refOf("pool"))).toBe(false);
  });

  it("fences a supporter that is cut off, then restarts its VMs, never two at once", async () => {
    const { story, root } = await armedPool();
    story.pool.network.isolate("10.0.0.2");
    expect(await passMinutes(story, 6, guests)).toBe(1);
    expect(story.host("b").fences).toBeGreaterThan(0);
    expect(await root.call("VM.get_power_state", refOf("vm-b1"))).toBe("Running");
    expect(await root.call("VM.get_resident_on", refOf("vm-b1"))).not.toBe(refOf("host-b"));
  });

  it("promotes another host when the coordinator loses power, with the current database", async () => {
    const { story, root } = await armedPool();
    await root.call("VM.set_name_label", refOf("vm-c1"), "renamed a moment ago");
    await story.time.advance(10_000);
    story.host("a").cutPower();
    expect(await passMinutes(story, 6, guests)).toBe(1);
    const heir = await story.root("b");
    expect(await heir.call("pool.get_master", refOf("pool"))).toBe(refOf("host-b"));
    expect(await heir.call("VM.get_name_label", refOf("vm-c1"))).toBe("renamed a moment ago");
    expect(await heir.call("VM.get_power_state", refOf("vm-a1"))).toBe("Running");
    expect(await heir.call("host.get_enabled", refOf("host-c"))).toBe(true);
    story.host("a").powerOn();
    expect(await passMinutes(story, 4, guests)).toBe(1);
    expect(story.host("a").files.get("pool.conf")).toBe("slave:10.0.0.2");
  });

  it("fences an isolated coordinator, and the others carry on", async () => {
    const { story } = await armedPool();
    story.pool.network.isolate("10.0.0.1");
    expect(await passMinutes(story, 8, guests)).toBe(1);
    expect(story.host("a").fences).toBeGreaterThan(0);
    const heir = await story.root("b");
    expect(await heir.call("pool.get_master", refOf("pool"))).toBe(refOf("host-b"));
    expect(await heir.call("VM.get_power_state", refOf("vm-a1"))).toBe("Running");
    expect(story.pool.machines.map((machine) => machine.fences)).toEqual([1, 0, 0]);
    const lonely = await story.root("a");
    const refusal = await lonely.failure("VM.start", refOf("vm-a1"), false, false);
    expect(refusal).toEqual(["HA_POOL_IS_ENABLED_BUT_HOST_IS_DISABLED"]);
    story.pool.network.heal();
    expect(await passMinutes(story, 5, guests)).toBe(1);
    expect(story.host("a").files.get("pool.conf")).toBe("slave:10.0.0.2");
    expect(await heir.call("host.get_enabled", refOf("host-a"))).toBe(true);
  });

  it("resets a host whose XAPI is killed for good: the watchdog does not trust silence", async () => {
    const { story, root } = await armedPool();
    await story.time.until(story.host("b").killXapi());
    expect(await passMinutes(story, 6, guests)).toBe(1);
    expect(story.host("b").fences).toBe(1);
    expect(await root.call("VM.get_power_state", refOf("vm-b1"))).toBe("Running");
  });

  it("keeps the survivor of two hosts, whichever that is", async () => {
    for (const lost of ["a", "b"]) {
      const { story } = await armedPool({ hosts: 2 });
      story.host(lost).cutPower();
      expect(await passMinutes(story, 6, guests)).toBe(1);
      const kept = lost === "a" ? "b" : "a";
      expect(story.host(kept).fences).toBe(0);
      const heir = await story.root(kept);
      for (const vm of ["vm-a1", "vm-b1"]) {
        expect(await heir.call("VM.get_resident_on", refOf(vm))).toBe(refOf(`host-${kept}`));
      }
    }
  });

  it("keeps the first of two hosts that do not hear each other", async () => {
    const { story, root } = await armedPool({ hosts: 2 });
    story.pool.network.isolate("10.0.0.2");
    expect(await passMinutes(story, 6, guests)).toBe(1);
    expect(story.pool.machines.map((machine) => machine.fences)).toEqual([0, 1]);
    expect(await root.call("VM.get_resident_on", refOf("vm-b1"))).toBe(refOf("host-a"));
  });

  it("survives the loss of the statefile as long as all hosts see each other", async () => {
    const { story, root } = await armedPool();
    for (const machine of story.pool.machines) machine.unreachableSrs.add(uuidOf("sr-shared"));
    await story.time.advance(5 * MINUTE_MS);
    expect(story.pool.machines.map((machine) => machine.fences)).toEqual([0, 0, 0]);
    expect(await root.call("host.get_ha_statefiles", refOf("host-b"))).toEqual([]);
  });

  it("fences the one host that lost the statefile", async () => {
    const { story } = await armedPool();
    story.host("c").unreachableSrs.add(uuidOf("sr-shared"));
    await story.time.advance(3 * MINUTE_MS);
    expect(story.pool.machines.map((machine) => machine.fences > 0)).toEqual([false, false, true]);
  });

  it("takes an orderly reboot for no failure", async () => {
    const { story, root } = await armedPool();
    await root.call("pool.set_ha_host_failures_to_tolerate", refOf("pool"), 0);
    await story.time.until(story.host("b").shutDown("reboot"));
    expect(await passMinutes(story, 5, guests)).toBe(1);
    expect(story.pool.machines.map((machine) => machine.fences)).toEqual([0, 0, 0]);
    expect(await root.call("host.get_enabled", refOf("host-b"))).toBe(true);
    expect(await root.call("host_metrics.get_live", refOf("metrics-b"))).toBe(true);
    const messages = Object.values((await root.call("message.get_all_records")) as object) as {
      name: string;
    }[];
    expect(messages.map((message) => message.name)).not.toContain("HA_HOST_FAILED");
  });

  it("holds restarts back for as long as asked", async () => {
    const { story, root } = await armedPool();
    await root.call("pool.ha_prevent_restarts_for", 600);
    story.host("b").cutPower();
    await passMinutes(story, 4, guests);
    expect(await root.call("VM.get_power_state", refOf("vm-b1"))).toBe("Halted");
    await passMinutes(story, 8, guests);
    expect(await root.call("VM.get_power_state", refOf("vm-b1"))).toBe("Running");
  });

  it("stays off after it was switched off, whatever happens", async () => {
    const { story, root } = await armedPool();
    await root.call("pool.disable_ha");
    story.pool.network.isolate("10.0.0.2");
    await story.time.advance(10 * MINUTE_MS);
    expect(story.pool.machines.map((machine) => machine.fences)).toEqual([0, 0, 0]);
    expect(await root.call("VM.get_power_state", refOf("vm-b1"))).toBe("Running");
  });
});
