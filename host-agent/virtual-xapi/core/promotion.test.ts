import { describe, expect, test } from "vitest";
import { refOf, uuidOf } from "../testing/small-pool.ts";
import { startStory, type Story } from "../testing/story.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const a = refOf("host-a");
const c = refOf("host-c");

async function promote(story: Story, which: string): Promise<void> {
  const local = await story.localRoot(which);
  await local.call("pool.emergency_transition_to_master");
}

function role(story: Story, which: string): unknown {
  return story.host(which).node?.inspect().role;
}

describe("promotion in an emergency", () => {
  test("starts from a copy that may be old: what came after it is lost, and a guest that came here since is killed", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    await root.call("VM.set_name_label", refOf("vm-a1"), "copied");
    await story.time.advance(310_000);
    const generationThen = story.host("a").node?.inspect().databaseGeneration ?? 0;
    await root.call("VM.set_name_label", refOf("vm-a1"), "not copied");
    story.host("b").placeDomain({
      vmUuid: uuidOf("vm-a1"),
      memoryBytes: 1,
      vcpus: 1,
      paused: false,
    });
    story.host("a").cutPower();
    await promote(story, "b");
    expect(role(story, "b")).toBe("supporter");
    await story.time.advance(120_000);
    expect(story.host("b").exits).toEqual([123]);
    expect(role(story, "b")).toBe("coordinator");
    const onB = await story.root("b");
    expect(await onB.call("VM.get_name_label", refOf("vm-a1"))).toBe("copied");
    expect(await onB.call("VM.get_power_state", refOf("vm-a1"))).toBe("Running");
    expect(await onB.call("VM.get_resident_on", refOf("vm-a1"))).toBe(a);
    expect([...story.host("b").domains.keys()]).toEqual([uuidOf("vm-b1")]);
    expect(await onB.call("host.get_enabled", a)).toBe(false);
    expect(generationThen).toBeGreaterThan(0);
  });

  test("says so in an alert", async () => {
    const story = await startStory(turn);
    story.host("a").cutPower();
    await promote(story, "b");
    await story.time.advance(120_000);
    const onB = await story.root("b");
    const all = await onB.call("message.get_all_records");
    const told = Object.values(all as object).map((record: { name: string; obj_uuid: string }) => [
      record.name,
      record.obj_uuid,
    ]);
    expect(told).toEqual([["POOL_MASTER_TRANSITION", uuidOf("host-b")]]);
  });

  test("takes effect ten seconds after the call", async () => {
    const story = await startStory(turn);
    story.host("a").cutPower();
    await promote(story, "b");
    await story.time.advance(9_900);
    expect(story.host("b").exits).toEqual([]);
    await story.time.advance(200);
    expect(story.host("b").exits).toEqual([123]);
  });

  test("of a healthy supporter undoes itself: the old coordinator answers, so it goes back", async () => {
    const story = await startStory(turn);
    await promote(story, "b");
    await story.time.advance(60_000);
    expect(story.host("b").exits).toEqual([123, 123]);
    expect(role(story, "b")).toBe("supporter");
    expect(story.host("b").node?.inspect()).toMatchObject({
      phase: "running",
      coordinatorAddress: "10.0.0.1",
    });
    expect(role(story, "a")).toBe("coordinator");
  });

  test("makes an old coordinator that returns a supporter; its guests were killed by the power cut", async () => {
    const story = await startStory(turn);
    story.host("a").cutPower();
    await promote(story, "b");
    await story.time.advance(120_000);
    story.host("a").powerOn();
    await story.time.advance(120_000);
    expect(role(story, "a")).toBe("supporter");
    const onB = await story.root("b");
    expect(await onB.call("host.get_enabled", a)).toBe(true);
    expect(await onB.call("VM.get_power_state", refOf("vm-a1"))).toBe("Halted");
    expect(await onB.call("VDI.get_sm_config", refOf("vdi-a1"))).toEqual({});
  });

  test("of a cut-off host gives two coordinators, and stays so until one restarts with the link back", async () => {
    const story = await startStory(turn);
    story.pool.network.isolate("10.0.0.1");
    await promote(story, "b");
    await story.time.advance(120_000);
    expect([role(story, "a"), role(story, "b")]).toEqual(["coordinator", "coordinator"]);
    story.pool.network.heal();
    await story.time.advance(3_600_000);
    expect([role(story, "a"), role(story, "b")]).toEqual(["coordinator", "coordinator"]);
    await story.time.until(story.host("a").restartToolstack());
    await story.time.advance(60_000);
    expect([role(story, "a"), role(story, "b")]).toEqual(["supporter", "coordinator"]);
  });

  test("lets recover_slaves collect the others one after the other, the healthy and the old coordinator too", async () => {
    const story = await startStory(turn, { hosts: 4 });
    story.pool.network.isolate("10.0.0.1");
    story.host("d").cutPower();
    await promote(story, "b");
    await story.time.advance(180_000);
    expect(role(story, "b")).toBe("coordinator");
    story.pool.network.heal();
    const onB = await story.root("b");
    const began = story.time.nowMs;
    expect(await onB.call("pool.recover_slaves")).toEqual([a, c]);
    expect(story.time.nowMs - began).toBeGreaterThanOrEqual(20_000);
    await story.time.advance(60_000);
    expect(role(story, "a")).toBe("supporter");
    expect(story.host("a").node?.inspect().coordinatorAddress).toBe("10.0.0.2");
    expect(story.host("c").node?.inspect().coordinatorAddress).toBe("10.0.0.2");
    expect(story.host("c").exits).toEqual([123]);
  });

  test("shows clients a lower generation than before, so an old token hides what follows", async () => {
    const story = await startStory(turn);
    await story.time.advance(310_000);
    const root = await story.root();
    for (let count = 0; count < 200; count += 1) {
      await root.call("VM.set_name_label", refOf("vm-a1"), `name ${count}`);
    }
    const old = (await root.call("event.from", ["vm"], "", 1)) as { token: string };
    story.host("a").cutPower();
    await promote(story, "b");
    await story.time.advance(120_000);
    const onB = await story.root("b");
    await onB.call("VM.set_name_label", refOf("vm-b1"), "after the fail-over");
    const missed = (await onB.call("event.from", ["vm"], old.token, 1)) as { events: unknown[] };
    expect(missed.events).toEqual([]);
    const all = (await onB.call("event.from", ["vm"], "", 1)) as { events: unknown[] };
    expect(all.events.length).toBeGreaterThan(0);
  });
});
