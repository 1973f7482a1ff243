import { describe, expect, test } from "vitest";
import { GENERATIONS } from "../generation.ts";
import { FORMATS, runRow, type CallRow } from "../testing/call-rows.ts";
import { refOf, uuidOf } from "../testing/small-pool.ts";
import { startStory } from "../testing/story.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const a = refOf("host-a");
const b = refOf("host-b");

const rows: readonly CallRow[] = [
  {
    name: "the socket of the coordinator takes any name and password",
    via: "socket",
    as: "none",
    before: async (scene) => {
      const login = scene.client.call("session.login_with_password", "anybody", "anything");
      scene.notes["session"] = await scene.pool.time.until(login);
    },
    call: ({ notes: { session = "" } }) => ["session.get_is_local_superuser", session, session],
    gives: true,
  },
  {
    name: "the pool's own login needs the pool's secret",
    as: "none",
    call: ["session.slave_login", a, "not the secret"],
    fails: ["SESSION_AUTHENTICATION_FAILED", a, "Pool credentials invalid"],
  },
  {
    name: "the pool's own local login needs it too",
    on: "b",
    as: "none",
    call: ["session.slave_local_login", "not the secret"],
    fails: ["SESSION_AUTHENTICATION_FAILED", "localhost", "Pool credentials invalid"],
  },
  {
    name: "a host whose start-up is not over cannot be enabled",
    before: async (scene) => {
      scene.pool.host("b").cutPower();
      await scene.pool.time.until(scene.machine.killXapi());
      scene.machine.startXapi();
      await scene.pool.time.advance(1_000);
      const login = scene.pool.time.until(scene.pool.host("a").client().logIn());
      scene.notes["session"] = await login;
    },
    as: "none",
    call: ({ notes: { session = "" } }) => ["host.enable", session, a],
    fails: ["HOST_STILL_BOOTING"],
  },
];

describe.each(FORMATS)("starting and joining, speaking %s:", (format) => {
  test.each(rows.map((row) => [row.name, row] as const))("%s", async (_name, row) => {
    const { actual, expected } = await runRow(row, format, turn);
    expect(actual).toEqual(expected);
  });
});

describe("a starting member", () => {
  test.each([
    ["1.249", { xapi: "1.249" }, false],
    ["26.1", { xapi: "26.1", xapi_build: "26.1.4" }, true],
  ] as const)("of %s writes its versions", async (name, expected, hasBuild) => {
    const story = await startStory(turn, { generation: GENERATIONS[name] });
    const root = await story.root();
    const versions = await root.call("host.get_software_version", b);
    expect(versions).toMatchObject(expected);
    expect("xapi_build" in (versions as object)).toBe(hasBuild);
  });

  test("writes when its machine and its agent started, as seconds with a point", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const before = (await root.call("host.get_other_config", b)) as Record<string, string>;
    await story.time.until(story.host("b").restartToolstack());
    await story.time.advance(10_000);
    const after = (await root.call("host.get_other_config", b)) as Record<string, string>;
    expect(before["boot_time"]).toMatch(/^\d{10}\.$/u);
    expect(after["boot_time"]).toBe(before["boot_time"]);
    expect(Number(after["agent_start_time"])).toBeGreaterThan(Number(before["agent_start_time"]));
  });

  test("plugs the storage it reaches and no other", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    story.host("b").cutPower();
    story.host("b").unreachableSrs.add(uuidOf("sr-shared"));
    story.host("b").powerOn();
    await story.time.advance(30_000);
    const plugged = async (pbd: string) =>
      await root.call("PBD.get_currently_attached", refOf(pbd));
    expect(await plugged("pbd-b-sr-shared")).toBe(false);
    expect(await plugged("pbd-b-sr-local-b")).toBe(true);
    expect(await plugged("pbd-a-sr-shared")).toBe(true);
  });

  test("passes through emergency mode until it was accepted", async () => {
    const story = await startStory(turn);
    await story.time.until(story.host("b").killXapi());
    story.pool.network.cut("10.0.0.2", "10.0.0.1");
    story.host("b").startXapi();
    await story.time.advance(1_000);
    const login = () => story.refused(story.host("b").client().logIn());
    expect(await login()).toEqual(["HOST_STILL_BOOTING"]);
    story.pool.network.heal();
    await story.time.advance(30_000);
    expect(await login()).toEqual(["HOST_IS_SLAVE", "10.0.0.1"]);
  });

  test("that the coordinator cannot call back says so", async () => {
    const story = await startStory(turn);
    await story.time.until(story.host("b").killXapi());
    story.host("b").files.set("pool.conf", "slave:10.0.0.1");
    story.pool.network.attach("10.0.0.2", {
      state: () => "refusing",
      handle: () => new Promise(() => {}),
    });
    story.host("b").startXapi();
    await story.time.advance(30_000);
    expect(await story.refused(story.host("b").client().logIn())).toEqual([
      "HOST_MASTER_CANNOT_TALK_BACK",
      "10.0.0.2",
    ]);
  });
});

describe("a disk without space", () => {
  test("refuses a role change and leaves the role as it was", async () => {
    const story = await startStory(turn);
    const local = await story.localRoot("b");
    story.host("b").diskFull = true;
    const [code] = await local.failure("pool.emergency_transition_to_master");
    expect(code).toBe("INTERNAL_ERROR");
    await story.time.advance(30_000);
    expect(story.host("b").files.get("pool.conf")).toBe("slave:10.0.0.1");
    expect(story.host("b").exits).toEqual([]);
  });

  test("keeps the last database that fitted", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    await root.call("VM.set_name_label", refOf("vm-a1"), "saved");
    await story.time.advance(5_000);
    story.host("a").diskFull = true;
    await root.call("VM.set_name_label", refOf("vm-a1"), "not saved");
    await story.time.advance(5_000);
    story.host("a").cutPower();
    story.host("a").diskFull = false;
    story.host("a").powerOn();
    await story.time.advance(60_000);
    const again = await story.root();
    expect(await again.call("VM.get_name_label", refOf("vm-a1"))).toBe("saved");
  });
});

test("the anonymous may have four hundred sessions; the longest idle goes", async () => {
  const story = await startStory(turn);
  const client = story.host("a").client();
  const first = await story.time.until(client.logIn());
  await story.time.advance(5_000);
  for (let count = 0; count < 400; count += 1) await story.time.until(client.logIn());
  await story.time.advance(30_000);
  expect(await story.refused(client.call("VM.get_all", first))).toEqual(["SESSION_INVALID", first]);
});

test("the same story twice ends in the same database", async () => {
  const play = async (): Promise<string | undefined> => {
    const story = await startStory(turn, { hosts: 3, vmsPerHost: 2 });
    const root = await story.root();
    await root.call("VM.set_name_label", refOf("vm-a1"), "renamed");
    story.host("c").cutPower();
    await story.time.advance(900_000);
    story.host("c").powerOn();
    await root.call("pool.designate_new_master", b).catch(() => {});
    await story.time.advance(300_000);
    return story.host("b").files.get("state.db");
  };
  const once = await play();
  expect(once).toContain("renamed");
  expect(await play()).toBe(once);
});
