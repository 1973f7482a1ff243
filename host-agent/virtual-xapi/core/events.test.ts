import { describe, expect, test } from "vitest";
import { generationOf, GENERATIONS } from "../generation.ts";
import { FORMATS, runRow, type CallRow } from "../testing/call-rows.ts";
import { refOf, uuidOf } from "../testing/small-pool.ts";
import { startStory, type Person } from "../testing/story.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const vm = refOf("vm-a1");
const other = refOf("vm-b1");

interface Event {
  readonly id: string;
  readonly timestamp: string;
  readonly class: string;
  readonly operation: string;
  readonly ref: string;
  readonly snapshot?: { readonly [field: string]: unknown };
}

interface Batch {
  readonly events: readonly Event[];
  readonly valid_ref_counts: { readonly [cls: string]: number };
  readonly token: string;
}

async function from(
  person: Person,
  classes: readonly string[],
  token: string,
  timeoutS = 10,
): Promise<Batch> {
  return (await person.call("event.from", classes, token, timeoutS)) as unknown as Batch;
}

function short(batch: Batch): readonly string[] {
  return batch.events.map((event) => `${event.operation} ${event.class} ${event.ref}`);
}

const rows: readonly CallRow[] = [
  {
    name: "a token that is none",
    call: ["event.from", ["vm"], "yesterday", 0.5],
    fails: ["EVENT_FROM_TOKEN_PARSE_FAILURE", "yesterday"],
  },
  {
    name: "a subscription that is none",
    call: ["event.from", [""], "", 0.5],
    fails: ["EVENT_SUBSCRIPTION_PARSE_FAILURE", ""],
  },
  {
    name: "an artificial event for an object of another class",
    call: ["event.inject", "pool", vm],
    fails: ["HANDLE_INVALID", "pool", vm],
  },
  {
    name: "the older wait without a registration",
    call: ["event.next"],
    fails: (scene) => ["SESSION_NOT_REGISTERED", scene.session],
  },
];

describe.each(FORMATS)("event calls refuse, speaking %s", (format) => {
  test.each(rows.map((row) => [row.name, row] as const))("%s", async (_name, row) => {
    const { actual, expected } = await runRow(row, format, turn);
    expect(actual).toEqual(expected);
  });

  test("and both carry the same batch", async () => {
    const story = await startStory(turn);
    const client = story.host("a").client({ format });
    const person = story.person("a", client, await story.time.until(client.logIn()));
    const batch = await from(person, [`VM/${vm}`], "");
    expect(short(batch)).toEqual([`add vm ${vm}`]);
    expect(batch.events[0]?.snapshot).toMatchObject({ name_label: "a1", is_a_template: false });
    expect(batch.valid_ref_counts["vm"]).toBe(4);
  });
});

describe("event.from", () => {
  test("begins with everything of the wanted classes, in lower case, with counts of all tables", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const batch = await from(root, ["VM", "Host_Metrics"], "");
    expect(new Set(batch.events.map((event) => event.class))).toEqual(
      new Set(["vm", "host_metrics"]),
    );
    expect(batch.events.every((event) => event.operation === "add")).toBe(true);
    expect(batch.events.every((event) => event.timestamp === "0.0")).toBe(true);
    expect(batch.valid_ref_counts).toMatchObject({ vm: 4, host: 2, vdi: 2, session: 1 });
    expect(batch.token).toMatch(/^\d{20},\d{20}$/u);
  });

  test("coalesces changes into the latest state and tells deletions without a snapshot", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const gone = await root.call("task.create", "going", "");
    const { token } = await from(root, ["vm", "task"], "");
    await root.call("VM.set_name_label", vm, "first");
    await root.call("VM.set_name_label", vm, "second");
    const kept = await root.call("task.create", "kept", "");
    await root.call("task.set_status", gone, "success");
    await root.call("task.destroy", gone);
    const unseen = await root.call("task.create", "never seen", "");
    await root.call("task.set_status", unseen, "success");
    await root.call("task.destroy", unseen);
    const batch = await from(root, ["vm", "task"], token);
    expect(short(batch)).toEqual([
      `add task ${String(kept)}`,
      `mod vm ${vm}`,
      `del task ${String(gone)}`,
    ]);
    expect(batch.events[1]?.snapshot?.["name_label"]).toBe("second");
    expect(batch.events[2]).not.toHaveProperty("snapshot");
  });

  test("sends only the object that was asked for", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const { token } = await from(root, [`vm/${vm}`], "");
    await root.call("VM.set_name_label", other, "not wanted");
    await root.call("VM.set_name_label", vm, "wanted");
    expect(short(await from(root, [`vm/${vm}`], token))).toEqual([`mod vm ${vm}`]);
  });

  test("waits for a change and answers fifty milliseconds after it", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const { token } = await from(root, ["vm"], "");
    const waiting = root.begin("event.from", ["vm"], token, 30);
    expect(await story.time.hangs(waiting, 10_000)).toBe(true);
    await root.call("VM.set_name_label", vm, "now");
    const changedAt = story.time.nowMs;
    await story.time.until(waiting);
    expect(story.time.nowMs - changedAt).toBe(50);
  });

  test.each([
    ["8.2 looks at once", GENERATIONS["1.249"], ["vm"], 0],
    ["24.19 looks at once", generationOf("24.19.2"), ["vm"], 0],
    ["25.5 waits a batch first", generationOf("25.5.0"), ["vm"], 50],
    ["26.1 looks at once for tasks alone", GENERATIONS["26.1"], ["task"], 0],
  ])("%s", async (_name, generation, classes, delayMs) => {
    const story = await startStory(turn, { generation });
    const root = await story.root();
    await root.call("task.create", "there is one", "");
    const began = story.time.nowMs;
    await from(root, classes, "");
    expect(story.time.nowMs - began).toBe(delayMs);
  });

  test("answers nothing, successfully, when nothing happened in time", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const first = await from(root, ["vm"], "");
    const began = story.time.nowMs;
    const batch = await from(root, ["vm"], first.token, 5);
    expect(batch.events).toEqual([]);
    expect(story.time.nowMs - began).toBeGreaterThanOrEqual(5_000);
    expect(story.time.nowMs - began).toBeLessThan(5_200);
  });

  test("fails when its session ends while it waits", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const { token } = await from(root, ["vm"], "");
    const waiting = root.begin("event.from", ["vm"], token, 600);
    const refused = story.refused(waiting);
    await root.call("session.logout");
    expect(await refused).toEqual(["SESSION_INVALID", root.session]);
  });

  test("reaches an injected event: the token returned is a barrier", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const pool = refOf("pool");
    let { token } = await from(root, ["pool"], "");
    const barrier = String(await root.call("event.inject", "pool", pool));
    const batch = await from(root, ["pool"], token);
    ({ token } = batch);
    expect(short(batch)).toEqual([`mod pool ${pool}`]);
    expect(token > barrier).toBe(true);
  });

  test("loses deletions silently beyond its log; only the counts tell", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const tasks: string[] = [];
    for (let count = 0; count < 600; count += 1) {
      tasks.push(String(await root.call("task.create", "t", "")));
    }
    const before = await from(root, ["task"], "");
    for (const task of tasks) {
      await root.call("task.set_status", task, "success");
      await root.call("task.destroy", task);
    }
    const after = await from(root, ["task"], before.token);
    const told = after.events.filter((event) => event.operation === "del");
    expect(before.valid_ref_counts["task"]).toBe(600);
    expect(told.length).toBe(343);
    expect(after.valid_ref_counts["task"]).toBe(0);
  });
});

describe("the older event calls", () => {
  test("wait for the registered classes and forget them with the session", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    await root.call("event.register", ["vm"]);
    const waiting = root.begin("event.next");
    expect(await story.time.hangs(waiting, 60_000)).toBe(true);
    await root.call("VM.set_name_label", vm, "seen");
    const events = (await story.time.until(waiting)) as unknown as readonly Event[];
    expect(events.map((event) => [event.class, event.operation, event.ref])).toEqual([
      ["vm", "mod", vm],
    ]);
    const next = root.begin("event.next");
    const refused = story.refused(next);
    await root.call("session.logout");
    expect(await refused).toEqual(["SESSION_INVALID", root.session]);
  });

  test("are woken by the pool's heartbeat every thirty seconds", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    await root.call("event.register", ["*"]);
    const waiting = root.begin("event.next");
    expect(await story.time.hangs(waiting, 30_000)).toBe(false);
    const events = (await waiting) as unknown as readonly Event[];
    expect(events.map((event) => event.class)).toContain("pool");
  });

  test("stop after unregistering", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    await root.call("event.register", ["vm"]);
    await root.call("event.unregister", ["vm"]);
    const waiting = root.begin("event.next");
    await root.call("VM.set_name_label", vm, "unheard");
    expect(await story.time.hangs(waiting, 60_000)).toBe(true);
  });

  test("tell that events were lost when the queue grew too long", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    await root.call("event.register", ["vm"]);
    const long = "x".repeat(200_000);
    for (let count = 0; count < 60; count += 1) {
      await root.call("VM.set_name_description", vm, `${long}${count}`);
    }
    expect(await root.failure("event.next")).toEqual(["EVENTS_LOST"]);
    await root.call("VM.set_name_description", vm, "short");
    const events = (await root.call("event.next")) as unknown as readonly Event[];
    expect(events.at(-1)?.snapshot?.["name_description"]).toBe("short");
  });
});

describe("messages", () => {
  const about = ["a message", 3, "VM", uuidOf("vm-a1"), "body"] as const;

  test("are told as events with id 0, added and deleted", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const start = await from(root, ["message"], "", 0);
    const ref = await root.call("message.create", ...about);
    const added = await from(root, ["message"], start.token);
    expect(added.events).toMatchObject([
      { id: "0", class: "message", operation: "add", ref, snapshot: { name: "a message" } },
    ]);
    await root.call("message.destroy", ref);
    const deleted = await from(root, ["message"], added.token);
    expect(deleted.events).toEqual([
      { id: "0", timestamp: "0.0", class: "message", operation: "del", ref },
    ]);
  });

  test("stay on the disk of the coordinator: its restart keeps them, its loss does not", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const ref = await root.call("message.create", ...about);
    await story.time.until(story.host("a").restartToolstack());
    await story.time.advance(60_000);
    const again = await story.root();
    expect(await again.call("message.get_all")).toContain(ref);
    story.host("a").cutPower();
    const local = await story.localRoot("b");
    await local.call("pool.emergency_transition_to_master");
    await story.time.advance(120_000);
    const onB = await story.root("b");
    expect(await onB.call("message.get_all")).not.toContain(ref);
  });

  test("are copied to the supporters once a day", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const ref = await root.call("message.create", ...about);
    await story.time.advance(86_400_000 + 60_000);
    story.host("a").cutPower();
    const local = await story.localRoot("b");
    await local.call("pool.emergency_transition_to_master");
    await story.time.advance(120_000);
    const onB = await story.root("b");
    expect(await onB.call("message.get_all")).toContain(ref);
  });
});

const messageRows: readonly CallRow[] = [
  {
    name: "about an object that does not exist",
    call: ["message.create", "n", 3, "VM", "no such", "b"],
    fails: ["UUID_INVALID", "VM", "no such"],
  },
  {
    name: "about a class there is not",
    call: ["message.create", "n", 3, "Spaceship", uuidOf("vm-a1"), "b"],
    fails: ["FIELD_TYPE_ERROR", "cls"],
  },
  {
    name: "that is gone",
    call: ["message.get_record", "OpaqueRef:gone"],
    fails: ["HANDLE_INVALID", "message", "OpaqueRef:gone"],
  },
  {
    name: "by an unknown uuid",
    call: ["message.get_by_uuid", "gone"],
    fails: ["UUID_INVALID", "message", "gone"],
  },
  {
    name: "on a full disk is the null reference",
    before: (scene) => {
      scene.machine.diskFull = true;
    },
    call: ["message.create", "n", 3, "VM", uuidOf("vm-a1"), "b"],
    gives: "OpaqueRef:NULL",
  },
  {
    name: "since a moment",
    before: async (scene) => {
      await scene.ask("message.create", "early", 3, "VM", uuidOf("vm-a1"), "b");
      await scene.pool.time.advance(3_600_000);
      await scene.ask("message.create", "late", 3, "VM", uuidOf("vm-a1"), "b");
    },
    call: ["message.get_since", "20260301T00:30:00Z"],
    after: async (scene) => {
      const found = await scene.ask("message.get_since", "20260301T00:30:00Z");
      return Object.values(found as object).map((record: { name: string }) => record.name);
    },
    leaves: ["late"],
  },
  {
    name: "several destroyed at once",
    before: async (scene) => {
      const create = () => scene.ask("message.create", "n", 3, "Host", uuidOf("host-a"), "b");
      scene.notes["all"] = [await create(), await create()];
    },
    call: (scene) => ["message.destroy_many", scene.notes["all"] ?? []],
    gives: "",
    after: (scene) => scene.ask("message.get_all"),
    leaves: [],
  },
];

describe.each(FORMATS)("a message, speaking %s:", (format) => {
  test.each(messageRows.map((row) => [row.name, row] as const))("%s", async (_name, row) => {
    const { actual, expected } = await runRow(row, format, turn);
    expect(actual).toEqual(expected);
  });
});
