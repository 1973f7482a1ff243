import { describe, expect, test } from "vitest";
import { FORMATS, runRow, type CallRow } from "../testing/call-rows.ts";
import { refOf } from "../testing/small-pool.ts";
import { startStory } from "../testing/story.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const LOGIN = "session.login_with_password";
const LOCAL_LOGIN = "session.slave_local_login_with_password";
const vm = refOf("vm-a1");

const rows: readonly CallRow[] = [
  {
    name: "a supporter names its coordinator before it looks at the password",
    on: "b",
    as: "none",
    call: [LOGIN, "root", "wrong"],
    fails: ["HOST_IS_SLAVE", "10.0.0.1"],
  },
  {
    name: "a wrong password is refused",
    as: "none",
    call: [LOGIN, "root", "wrong"],
    fails: ["SESSION_AUTHENTICATION_FAILED", "root", "Authentication failure"],
  },
  {
    name: "three and four arguments are taken, the fourth names the program",
    as: "none",
    before: async (scene) => {
      await scene.pool.time.until(scene.client.call(LOGIN, "root", "opensesame", "2.0"));
      const full = scene.client.call(LOGIN, "root", "opensesame", "2.0", "console");
      scene.notes["session"] = await scene.pool.time.until(full);
    },
    call: ({ notes: { session = "" } }) => ["session.get_originator", session, session],
    gives: "console",
  },
  {
    name: "one argument is too few for a login",
    as: "none",
    call: [LOGIN, "root"],
    fails: ["MESSAGE_PARAMETER_COUNT_MISMATCH", LOGIN, "2", "1"],
  },
  {
    name: "a local login needs the right password too",
    on: "b",
    as: "none",
    call: [LOCAL_LOGIN, "root", "wrong"],
    fails: ["SESSION_AUTHENTICATION_FAILED", "root", "Authentication failure"],
  },
  {
    name: "a local login on the socket needs no password",
    on: "b",
    via: "socket",
    as: "none",
    before: async (scene) => {
      const local = await scene.pool.time.until(scene.client.call(LOCAL_LOGIN, "root", "wrong"));
      scene.notes["session"] = local;
    },
    call: (scene) => ["host.is_in_emergency_mode", scene.notes["session"] ?? ""],
    gives: false,
  },
  {
    name: "a supporter refuses a session of the pool",
    on: "b",
    call: ["VM.get_name_label", vm],
    fails: ["HOST_IS_SLAVE", "10.0.0.1"],
  },
  {
    name: "a supporter refuses a session of the pool for emergency calls as well",
    on: "b",
    call: ["host.is_in_emergency_mode"],
    fails: ["HOST_IS_SLAVE", "10.0.0.1"],
  },
  {
    name: "a supporter knows no unknown session",
    on: "b",
    as: "none",
    call: ["VM.get_name_label", "OpaqueRef:nobody", vm],
    fails: ["SESSION_INVALID", "OpaqueRef:nobody"],
  },
  {
    name: "a local session of a supporter reads the pool's database",
    on: "b",
    as: "local",
    call: ["VM.get_name_label", vm],
    gives: "a1",
  },
  {
    name: "a local session that was left is gone",
    on: "b",
    as: "local",
    before: async (scene) => {
      await scene.pool.time.until(scene.client.call("session.local_logout", scene.session));
    },
    call: ["host.is_in_emergency_mode"],
    fails: (scene) => ["SESSION_INVALID", scene.session],
  },
];

describe.each(FORMATS)("logging in, speaking %s", (format) => {
  test.each(rows.map((row) => [row.name, row] as const))("%s", async (_name, row) => {
    const { actual, expected } = await runRow(row, format, turn);
    expect(actual).toEqual(expected);
  });
});

describe("a session", () => {
  test("is refused after five seconds when the password is wrong", async () => {
    const story = await startStory(turn);
    const began = story.time.nowMs;
    await story.refused(story.host("a").client().call(LOGIN, "root", "wrong"));
    expect(story.time.nowMs - began).toBe(5_000);
  });

  test("made on a supporter's socket lives on the coordinator", async () => {
    const story = await startStory(turn);
    const onSocket = await story.root("b", "socket");
    expect(await onSocket.call("VM.get_name_label", vm)).toBe("a1");
    const onCoordinator = story.person("a", story.host("a").client(), onSocket.session);
    expect(await onCoordinator.call("session.get_this_host", onSocket.session)).toBe(
      refOf("host-b"),
    );
  });

  test("cannot be had on a supporter's socket while the coordinator is off: the login hangs", async () => {
    const story = await startStory(turn);
    story.host("a").cutPower();
    const login = story.host("b").client({ via: "socket" }).logIn();
    expect(await story.time.hangs(login, 3_600_000)).toBe(true);
  });

  test("ends after a day without use, and lives with use", async () => {
    const story = await startStory(turn);
    const idle = await story.root();
    const busy = await story.root();
    for (let hour = 0; hour < 25; hour += 1) {
      await story.time.advance(3_600_000);
      await busy.call("VM.get_name_label", vm);
    }
    expect(await idle.failure("VM.get_name_label", vm)).toEqual(["SESSION_INVALID", idle.session]);
    expect(await busy.call("VM.get_name_label", vm)).toBe("a1");
  });

  test("is noted as active at most every ten minutes", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const first = await root.call("session.get_last_active", root.session);
    await story.time.advance(599_000);
    expect(await root.call("session.get_last_active", root.session)).toBe(first);
    await story.time.advance(2_000);
    expect(await root.call("session.get_last_active", root.session)).not.toBe(first);
  });

  test("longest idle goes when an originator has more than five hundred", async () => {
    const story = await startStory(turn);
    const client = story.host("a").client();
    const logIn = (originator: string) =>
      story.time.until(client.call(LOGIN, "root", "opensesame", "1.0", originator));
    const other = String(await logIn("careful"));
    const first = String(await logIn("leaky"));
    await story.time.advance(5_000);
    for (let count = 0; count < 500; count += 1) await logIn("leaky");
    await story.time.advance(30_000);
    expect(await story.refused(client.call("VM.get_all", first))).toEqual([
      "SESSION_INVALID",
      first,
    ]);
    expect(await story.refused(client.call("VM.get_all", other))).toEqual(["no failure"]);
  });

  test("with a task under way is spared, however long it idled", async () => {
    const story = await startStory(turn);
    const client = story.host("a").client();
    const logIn = async () => {
      const login = client.call(LOGIN, "root", "opensesame", "1.0", "leaky");
      return String(await story.time.until(login));
    };
    const first = await logIn();
    const second = await logIn();
    await story.time.until(client.call("task.create", first, "long", ""));
    await story.time.advance(5_000);
    for (let count = 0; count < 500; count += 1) await logIn();
    await story.time.advance(30_000);
    expect(await story.refused(client.call("VM.get_all", first))).toEqual(["no failure"]);
    expect(await story.refused(client.call("VM.get_all", second))).toEqual([
      "SESSION_INVALID",
      second,
    ]);
  });

  test("is gone with its task after the coordinator's toolstack restarted", async () => {
    const story = await startStory(turn);
    const before = await story.root();
    const task = await before.call("task.create", "mine", "");
    await story.time.until(story.host("a").restartToolstack());
    await story.time.advance(30_000);
    expect(await before.failure("VM.get_all")).toEqual(["SESSION_INVALID", before.session]);
    const after = await story.root();
    expect(await after.failure("task.get_status", task)).toEqual(["HANDLE_INVALID", "task", task]);
  });
});
