import { describe, expect, test } from "vitest";
import { notCovered } from "./coverage.ts";
import { methodNamesIn } from "./datamodel/datamodel.ts";
import { GENERATIONS, type GenerationName } from "./generation.ts";
import { startStory, type Story } from "./testing/story.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function listedBy(story: Story): Promise<readonly string[]> {
  const listed = await story.time.until(story.host("a").client().call("system.listMethods"));
  return listed as readonly string[];
}

function inDatamodel(version: string): readonly string[] {
  return methodNamesIn(version).filter((name) => !name.startsWith("Async."));
}

describe.each(Object.keys(GENERATIONS) as GenerationName[])("a node of %s", (name) => {
  const generation = GENERATIONS[name];

  test("answers every call of its datamodel but those on the coverage list", async () => {
    const listed = new Set(await listedBy(await startStory(turn, { generation })));
    const missing = inDatamodel(generation.version).filter((call) => !listed.has(call));
    const expected = notCovered.filter((call) => methodNamesIn(generation.version).includes(call));
    expect(missing.toSorted()).toEqual(expected.toSorted());
  });

  test("does not know the calls on the coverage list", async () => {
    const story = await startStory(turn, { generation });
    const root = await story.root();
    for (const call of notCovered) {
      expect(await root.failure(call)).toEqual(["MESSAGE_METHOD_UNKNOWN", call]);
    }
  });
});

test("every call an operator's tools need is there", async () => {
  const listed = await listedBy(await startStory(turn));
  const needed = [
    "session.login_with_password",
    "session.logout",
    "event.from",
    "event.inject",
    "task.cancel",
    "message.create",
    "host.disable",
    "host.enable",
    "host.evacuate",
    "host.reboot",
    "host.shutdown",
    "host.restart_agent",
    "host.get_vms_which_prevent_evacuation",
    "host.call_plugin",
    "pool.designate_new_master",
    "pool.emergency_transition_to_master",
    "pool.emergency_reset_master",
    "pool.recover_slaves",
    "pool.sync_database",
    "pool.enable_ha",
    "pool.disable_ha",
    "pool.set_ha_host_failures_to_tolerate",
    "pool.ha_compute_hypothetical_max_host_failures_to_tolerate",
    "VM.start",
    "VM.start_on",
    "VM.clean_shutdown",
    "VM.hard_shutdown",
    "VM.shutdown",
    "VM.pool_migrate",
    "VM.power_state_reset",
    "VM.assert_can_boot_here",
    "VM.assert_agile",
    "VM.set_ha_restart_priority",
    "VM_appliance.start",
    "SR.assert_can_host_ha_statefile",
  ];
  expect(needed.filter((call) => !listed.includes(call))).toEqual([]);
});
