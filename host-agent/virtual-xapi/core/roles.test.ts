import { describe, expect, test } from "vitest";
import { generationOf, GENERATIONS } from "../generation.ts";
import { FORMATS, runRow, type CallRow } from "../testing/call-rows.ts";
import { refOf, uuidOf } from "../testing/small-pool.ts";
import { startStory, type Person, type Story } from "../testing/story.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const a = refOf("host-a");
const b = refOf("host-b");
const c = refOf("host-c");

async function isLive(root: Person, host: string): Promise<unknown> {
  return await root.call("host_metrics.get_live", await root.call("host.get_metrics", host));
}

function role(story: Story, which: string): unknown {
  return story.host(which).node?.inspect().role;
}

const rows: readonly CallRow[] = [
  {
    name: "a supporter says it is one",
    on: "b",
    as: "local",
    call: ["pool.is_slave", b],
    gives: true,
  },
  {
    name: "the coordinator says it is none",
    as: "local",
    call: ["pool.is_slave", a],
    gives: false,
  },
  {
    name: "an unknown host's greeting",
    call: ["pool.hello", "no such", "10.0.0.9"],
    gives: "unknown_host",
  },
  {
    name: "a known host's greeting from an address that does not answer",
    call: ["pool.hello", uuidOf("host-b"), "10.0.0.9"],
    gives: "cannot_talk_back",
  },
  {
    name: "a known host's greeting",
    call: ["pool.hello", uuidOf("host-b"), "10.0.0.2"],
    gives: "ok",
    after: (scene) => scene.ask("host.get_enabled", b),
    leaves: false,
  },
  {
    name: "promotion while native HA is armed",
    on: "b",
    as: "local",
    before: (scene) => {
      scene.machine.files.set("local.db", JSON.stringify({ "ha.armed": "true" }));
      return scene.pool.time.until(scene.machine.killXapi()).then(async () => {
        scene.machine.startXapi();
        await scene.pool.time.advance(10_000);
        const login = "session.slave_local_login_with_password";
        const local = await scene.pool.time.until(scene.client.call(login, "root", "opensesame"));
        scene.notes["error"] = [
          ...(await scene.pool.time.until(
            scene.client.failure("pool.emergency_transition_to_master", local),
          )),
        ];
      });
    },
    call: ["pool.is_slave", b],
    fails: (scene) => ["SESSION_INVALID", scene.session],
    after: (scene) => scene.notes["error"] ?? "",
    leaves: ["HA_IS_ENABLED"],
  },
  {
    name: "committing to a coordinator nobody proposed",
    as: "local",
    call: ["host.commit_new_master", "10.0.0.2"],
    fails: ["HA_ABORT_NEW_MASTER", "Asked to commit to 10.0.0.2 without a proposal"],
  },
  {
    name: "a second proposal within ten minutes",
    as: "local",
    before: async (scene) => {
      const call = scene.client.call("host.propose_new_master", scene.session, "10.0.0.2", true);
      await scene.pool.time.until(call);
    },
    call: ["host.propose_new_master", "10.0.0.3", true],
    fails: [
      "HA_ABORT_NEW_MASTER",
      "Another host, 10.0.0.2, has been agreed to as the new coordinator",
    ],
  },
  {
    name: "a second proposal after ten minutes",
    as: "local",
    before: async (scene) => {
      const call = scene.client.call("host.propose_new_master", scene.session, "10.0.0.2", true);
      await scene.pool.time.until(call);
      await scene.pool.time.advance(601_000);
    },
    call: ["host.propose_new_master", "10.0.0.3", true],
    gives: "",
  },
  {
    name: "handing over to the host that has it already",
    call: ["pool.designate_new_master", a],
    gives: "",
  },
  {
    name: "handing over to a host there is not",
    call: ["pool.designate_new_master", "OpaqueRef:gone"],
    fails: ["HANDLE_INVALID", "host", "OpaqueRef:gone"],
  },
  {
    name: "enabling a host that is not live",
    before: async (scene) => {
      await scene.ask("host.disable", b);
      scene.pool.host("b").cutPower();
      await scene.pool.time.advance(700_000);
    },
    call: ["host.enable", b],
    fails: ["HOST_OFFLINE", b],
  },
  {
    name: "asking a host that has just lost power",
    before: (scene) => {
      scene.pool.host("b").cutPower();
    },
    call: ["host.get_servertime", b],
    fails: ["CANNOT_CONTACT_HOST", b],
  },
  {
    name: "asking a host whose XAPI does not run",
    before: (scene) => scene.pool.host("b").killXapi(),
    call: ["host.get_servertime", b],
    fails: ["CANNOT_CONTACT_HOST", b],
  },
  {
    name: "enabling a host that an unfinished shutdown keeps disabled",
    before: async (scene) => {
      const machine = scene.pool.host("b");
      const text = machine.files.get("local.db") ?? "{}";
      const local = JSON.parse(text) as object;
      await scene.pool.time.until(machine.killXapi());
      machine.files.set(
        "local.db",
        JSON.stringify({ ...local, host_disabled_until_reboot: "true" }),
      );
      machine.startXapi();
      await scene.pool.time.advance(10_000);
    },
    call: ["host.enable", b],
    fails: ["HOST_DISABLED_UNTIL_REBOOT", b],
  },
];

describe.each(FORMATS)("roles and hosts, speaking %s:", (format) => {
  test.each(rows.map((row) => [row.name, row] as const))("%s", async (_name, row) => {
    const { actual, expected } = await runRow(row, format, turn);
    expect(actual).toEqual(expected);
  });
});

describe("liveness", () => {
  test("of a host without power ends between 600 and 630 seconds after its last heartbeat, and its guests stay Running", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    story.host("b").cutPower();
    await story.time.advance(565_000);
    expect(await isLive(root, b)).toBe(true);
    await story.time.advance(70_000);
    expect(await isLive(root, b)).toBe(false);
    expect(await root.call("VM.get_power_state", refOf("vm-b1"))).toBe("Running");
    expect(await root.call("VM.get_resident_on", refOf("vm-b1"))).toBe(b);
    expect(await root.failure("host.get_servertime", b)).toEqual(["HOST_OFFLINE", b]);
  });

  test("of a host whose link was cut comes back with the link", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    story.pool.network.isolate("10.0.0.2");
    await story.time.advance(700_000);
    expect(await isLive(root, b)).toBe(false);
    story.pool.network.heal();
    await story.time.advance(90_000);
    expect(await isLive(root, b)).toBe(true);
    expect(story.host("b").domains.has(uuidOf("vm-b1"))).toBe(true);
  });

  test.each([
    ["8.2 at the first look: not live", GENERATIONS["1.249"], [false, false]],
    ["24.20 to 24.31: live for ever", generationOf("24.25.0"), [true, true]],
    ["26.1: live for ten minutes", GENERATIONS["26.1"], [true, false]],
  ])(
    "of a host never seen since the coordinator's restart, %s",
    async (_name, generation, expected) => {
      const story = await startStory(turn, { generation });
      story.host("b").cutPower();
      await story.time.until(story.host("a").restartToolstack());
      await story.time.advance(90_000);
      const root = await story.root();
      const soon = await isLive(root, b);
      await story.time.advance(700_000);
      expect([soon, await isLive(root, b)]).toEqual(expected);
    },
  );

  test("and enabled end at once with a supporter's toolstack restart while its guests run; only its greeting ends that", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const reasons: string[] = [];
    story.host("a").hooks.set("host-pre-declare-dead", (args) => {
      reasons.push(`${args["hostuuid"]} ${args["reason"]}`);
      return 0;
    });
    await story.time.until(story.host("b").stopXapi());
    expect(await isLive(root, b)).toBe(false);
    expect(await root.call("host.get_enabled", b)).toBe(false);
    expect(story.host("b").domains.has(uuidOf("vm-b1"))).toBe(true);
    expect(reasons).toEqual([`${uuidOf("host-b")} clean-shutdown`]);
    await root.call("host.tickle_heartbeat", b, { time: "0" });
    await story.time.advance(60_000);
    expect(await isLive(root, b)).toBe(false);
    story.host("b").startXapi();
    await story.time.advance(10_000);
    expect(await isLive(root, b)).toBe(true);
    expect(await root.call("host.get_enabled", b)).toBe(true);
  });

  test("counts a clock that is off by more than five minutes once", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    story.host("b").clockOffsetMs = 400_000;
    await story.time.advance(300_000);
    const messages = await root.call("message.get_all_records");
    const names = Object.values(messages as object).map((record: { name: string }) => record.name);
    expect(names).toEqual(["HOST_CLOCK_SKEW_DETECTED"]);
  });
});

describe("a restart of the coordinator's toolstack", () => {
  test("disables all hosts for tens of seconds until each enables itself", async () => {
    const story = await startStory(turn);
    await story.time.until(story.host("a").restartToolstack());
    const root = await story.root();
    expect(await root.call("host.get_enabled", b)).toBe(false);
    await story.time.advance(45_000);
    expect(await root.call("host.get_enabled", a)).toBe(true);
    expect(await root.call("host.get_enabled", b)).toBe(true);
  });

  test("forgets that the coordinator had been disabled before 25.31, and remembers it when told to since", async () => {
    const enabledAfterRestart = async (version: "1.249" | "26.1", ...pinned: boolean[]) => {
      const story = await startStory(turn, { generation: GENERATIONS[version] });
      const before = await story.root();
      await before.call("host.disable", a, ...pinned);
      await story.time.until(story.host("a").restartToolstack());
      await story.time.advance(60_000);
      const after = await story.root();
      return await after.call("host.get_enabled", a);
    };
    expect(await enabledAfterRestart("1.249")).toBe(true);
    expect(await enabledAfterRestart("26.1")).toBe(true);
    expect(await enabledAfterRestart("26.1", false)).toBe(false);
  });

  test("leaves a supporter disabled that a user had disabled", async () => {
    const story = await startStory(turn);
    const before = await story.root();
    await before.call("host.disable", b);
    await story.time.until(story.host("a").restartToolstack());
    await story.time.advance(60_000);
    const after = await story.root();
    expect(await after.call("host.get_enabled", b)).toBe(false);
  });
});

describe("the agent", () => {
  test("restarts itself a second after it was asked, guests unaffected", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    await root.call("host.restart_agent", b);
    expect(story.host("b").xapiRuns).toBe(true);
    await story.time.advance(1_500);
    expect(story.host("b").xapiRuns).toBe(false);
    await story.time.advance(10_000);
    expect(story.host("b").xapiRuns).toBe(true);
    expect(story.host("b").domains.has(uuidOf("vm-b1"))).toBe(true);
  });

  test("that was killed does not do later what it had been asked to", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    await root.call("host.restart_agent", a);
    await story.time.until(story.host("a").killXapi());
    story.host("a").startXapi();
    await story.time.advance(100);
    const after = await story.root();
    await story.time.advance(10_000);
    expect(await after.call("VM.get_name_label", refOf("vm-a1"))).toBe("a1");
  });

  test("stays down after shutdown_agent, and says so first", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const local = await story.localRoot("b");
    await local.call("host.shutdown_agent");
    await story.time.advance(5_000);
    expect(story.host("b").exits).toEqual([0]);
    expect(story.host("b").xapiRuns).toBe(false);
    expect(await isLive(root, b)).toBe(false);
    expect(await root.call("host.get_enabled", b)).toBe(false);
  });
});

describe("handing over", () => {
  test("moves the role with the current database; the old coordinator becomes a supporter, sessions end", async () => {
    const story = await startStory(turn, { hosts: 3 });
    const root = await story.root();
    await root.call("VM.set_name_label", refOf("vm-a1"), "renamed a moment ago");
    await root.call("pool.designate_new_master", b);
    await story.time.advance(120_000);
    expect(["a", "b", "c"].map((which) => role(story, which))).toEqual([
      "supporter",
      "coordinator",
      "supporter",
    ]);
    const onB = await story.root("b");
    expect(await onB.call("pool.get_master", refOf("pool"))).toBe(b);
    expect(await onB.call("VM.get_name_label", refOf("vm-a1"))).toBe("renamed a moment ago");
    for (const host of [a, b, c]) expect(await onB.call("host.get_enabled", host)).toBe(true);
    expect(await onB.failure("session.get_uuid", root.session)).toEqual([
      "HANDLE_INVALID",
      "session",
      root.session,
    ]);
    const stale = story.person("b", onB.client, root.session);
    expect(await stale.failure("VM.get_all")).toEqual(["SESSION_INVALID", root.session]);
    for (const which of ["a", "b", "c"]) {
      expect(story.host(which).domains.has(uuidOf(`vm-${which}1`))).toBe(true);
    }
  });

  test("is refused when any member is known to be off, or turns out to be", async () => {
    const story = await startStory(turn, { hosts: 3 });
    const root = await story.root();
    story.pool.network.cut("10.0.0.2", "10.0.0.3");
    expect(await root.failure("pool.designate_new_master", b)).toEqual([
      "HA_ABORT_NEW_MASTER",
      "A member could not be reached",
    ]);
    story.host("c").cutPower();
    expect(await root.failure("pool.designate_new_master", b)).toEqual(["CANNOT_CONTACT_HOST", c]);
    await story.time.advance(700_000);
    expect(await root.failure("pool.designate_new_master", b)).toEqual(["HOST_OFFLINE", c]);
    expect(role(story, "a")).toBe("coordinator");
    expect(await root.call("pool.get_current_operations", refOf("pool"))).toEqual({});
  });

  test("that was refused leaves every member free to agree to another", async () => {
    const story = await startStory(turn, { hosts: 3 });
    const root = await story.root();
    story.pool.network.cut("10.0.0.2", "10.0.0.3");
    await root.failure("pool.designate_new_master", b);
    const local = await story.localRoot("a");
    expect(await local.call("host.propose_new_master", "10.0.0.3", true)).toBe("");
  });

  test("that a member cannot write down leaves the designated host broken, not a second coordinator", async () => {
    const story = await startStory(turn, { hosts: 3 });
    const root = await story.root();
    story.host("c").unwritable.add("pool.conf");
    root.begin("pool.designate_new_master", b).catch(() => {});
    await story.time.advance(1_000);
    expect(story.host("b").exits).toEqual([123]);
    expect(story.host("b").files.get("pool.conf")).toBe("broken");
  });

  test("is refused while native HA is on", async () => {
    const story = await startStory(turn, {}, {});
    const root = await story.root();
    await story.time.until(story.host("a").stopXapi());
    const state = story.host("a").files.get("state.db") ?? "";
    story
      .host("a")
      .files.set(
        "state.db",
        state.replace('"name_label":"small"', '"name_label":"small","ha_enabled":true'),
      );
    story.host("a").startXapi();
    await story.time.advance(60_000);
    const again = await story.root();
    expect(again.session).not.toBe(root.session);
    expect(await again.failure("pool.designate_new_master", b)).toEqual(["HA_IS_ENABLED"]);
  });
});

describe("a supporter that restarts", () => {
  test("kills guests the database does not know or has elsewhere, and halts those it misses", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const host = story.host("b");
    host.placeDomain({ vmUuid: "unknown to all", memoryBytes: 1, vcpus: 1, paused: false });
    host.placeDomain({ vmUuid: uuidOf("vm-a1"), memoryBytes: 1, vcpus: 1, paused: false });
    host.domains.delete(uuidOf("vm-b1"));
    await story.time.until(host.killXapi());
    host.startXapi();
    await story.time.advance(30_000);
    expect([...host.domains.keys()]).toEqual([]);
    expect(await root.call("VM.get_power_state", refOf("vm-b1"))).toBe("Halted");
    expect(await root.call("VM.get_power_state", refOf("vm-a1"))).toBe("Running");
    expect(await root.call("VBD.get_currently_attached", refOf("vbd-b1"))).toBe(false);
  });

  test("after a power cut halts its own guests and frees its disk locks without anybody's help", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    story.host("b").cutPower();
    await story.time.advance(10_000);
    story.host("b").powerOn();
    await story.time.advance(30_000);
    expect(await root.call("VM.get_power_state", refOf("vm-b1"))).toBe("Halted");
    expect(await root.call("VDI.get_sm_config", refOf("vdi-b1"))).toEqual({});
    expect(await root.call("VDI.get_sm_config", refOf("vdi-a1"))).toEqual({ [`host_${a}`]: "RW" });
  });

  test("without a boot leaves its disk locks alone", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    story.host("b").disks.length = 0;
    await story.time.until(story.host("b").restartToolstack());
    await story.time.advance(30_000);
    expect(await root.call("VDI.get_sm_config", refOf("vdi-b1"))).toEqual({ [`host_${b}`]: "RW" });
  });

  test("of a pool that does not know it stays in emergency mode with the reason", async () => {
    const story = await startStory(turn);
    await story.time.until(story.host("a").stopXapi());
    const state = story.host("a").files.get("state.db") ?? "";
    const known = state.split("\n").filter((line) => !line.startsWith(`["host","${b}"`));
    story.host("a").files.set("state.db", known.join("\n"));
    story.host("a").startXapi();
    await story.time.until(story.host("b").killXapi());
    story.host("b").startXapi();
    await story.time.advance(30_000);
    const client = story.host("b").client();
    expect(await story.refused(client.logIn())).toEqual([
      "HOST_UNKNOWN_TO_MASTER",
      uuidOf("host-b"),
    ]);
  });

  test("pointed at itself says so", async () => {
    const story = await startStory(turn);
    await story.time.until(story.host("b").killXapi());
    story.host("b").files.set("pool.conf", "slave:10.0.0.2");
    story.host("b").startXapi();
    await story.time.advance(1_000);
    expect(await story.refused(story.host("b").client().logIn())).toEqual(["HOST_ITS_OWN_SLAVE"]);
  });

  test("with a broken role file leaves again and again", async () => {
    const story = await startStory(turn);
    await story.time.until(story.host("b").killXapi());
    story.host("b").files.set("pool.conf", "broken");
    story.host("b").startXapi();
    await story.time.advance(1_000);
    expect(await story.refused(story.host("b").client().logIn())).toEqual(["HOST_BROKEN"]);
    await story.time.advance(400_000);
    expect(story.host("b").exits.length).toBeGreaterThanOrEqual(2);
    expect(story.host("b").exits.every((code) => code === 123)).toBe(true);
  });
});

test("a member of another pool is not answered", async () => {
  const story = await startStory(turn);
  const request = { op: "is_slave", args: [], from: uuidOf("host-b"), poolSecret: "another" };
  const reply = story.host("a").node?.handlePeer(request);
  expect(await story.time.until(reply ?? Promise.reject(new Error("no node")))).toMatchObject({
    status: "failure",
    code: "X_WRONG_SECRET",
  });
});

describe("emergency_reset_master", () => {
  test("does nothing when the supporter has that coordinator already", async () => {
    const story = await startStory(turn);
    const local = await story.localRoot("b");
    await local.call("pool.emergency_reset_master", "10.0.0.1");
    await story.time.advance(60_000);
    expect(story.host("b").exits).toEqual([]);
  });

  test("demotes a coordinator", async () => {
    const story = await startStory(turn);
    const local = await story.localRoot("a");
    await local.call("pool.emergency_reset_master", "10.0.0.2");
    await story.time.advance(12_000);
    expect(story.host("a").files.get("pool.conf")).toBe("slave:10.0.0.2");
    expect(story.host("a").exits).toEqual([123]);
  });
});
