import { describe, expect, test } from "vitest";
import { FORMATS, runRow, type CallRow } from "../testing/call-rows.ts";
import { refOf } from "../testing/small-pool.ts";
import { startStory, type Person } from "../testing/story.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const a = refOf("host-a");
const b = refOf("host-b");

interface TaskRecord {
  readonly name_label: string;
  readonly status: string;
  readonly progress: number;
  readonly result: string;
  readonly error_info: readonly string[];
  readonly resident_on: string;
  readonly session: string;
  readonly allowed_operations: readonly string[];
}

async function taskOf(person: Person, ref: unknown): Promise<TaskRecord> {
  return (await person.call("task.get_record", String(ref))) as unknown as TaskRecord;
}

const rows: readonly CallRow[] = [
  {
    name: "that is gone cannot be destroyed",
    call: ["task.destroy", "OpaqueRef:gone"],
    fails: ["HANDLE_INVALID", "task", "OpaqueRef:gone"],
  },
  {
    name: "that is gone cannot be cancelled",
    call: ["task.cancel", "OpaqueRef:gone"],
    fails: ["HANDLE_INVALID", "task", "OpaqueRef:gone"],
  },
  {
    name: "of somebody else is nobody's to destroy but for the strong",
    options: {
      users: [{ name: "operator", password: "operator", role: "vm-operator" }],
    },
    as: { user: "operator" },
    before: async (scene) => {
      scene.notes["task"] = await scene.ask("task.create", "root's", "");
    },
    call: (scene) => ["task.destroy", scene.notes["task"] ?? ""],
    fails: ["RBAC_PERMISSION_DENIED", "task.destroy/any", "No permission in user session"],
  },
  {
    name: "of one's own is",
    options: {
      users: [{ name: "operator", password: "operator", role: "vm-operator" }],
    },
    as: { user: "operator" },
    before: async (scene) => {
      const own = scene.client.call("task.create", scene.session, "mine", "");
      scene.notes["task"] = await scene.pool.time.until(own);
    },
    call: (scene) => ["task.set_progress", scene.notes["task"] ?? "", 0.25],
    gives: "",
    after: (scene) => scene.ask("task.get_progress", scene.notes["task"] ?? ""),
    leaves: 0.25,
  },
];

describe.each(FORMATS)("a task, speaking %s:", (format) => {
  test.each(rows.map((row) => [row.name, row] as const))("%s", async (_name, row) => {
    const { actual, expected } = await runRow(row, format, turn);
    expect(actual).toEqual(expected);
  });
});

describe("a call in the background", () => {
  test("answers a task at once, and its result is an XML fragment even over JSON", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const task = await root.call("Async.VM_appliance.create", {
      name_label: "group",
      name_description: "",
    });
    await story.time.advance(1_000);
    const record = await taskOf(root, task);
    const [appliance] = (await root.call("VM_appliance.get_all")) as string[];
    expect(record).toMatchObject({
      name_label: "Async.VM_appliance.create",
      status: "success",
      progress: 1,
      result: `<value>${appliance}</value>`,
      error_info: [],
      resident_on: a,
      session: root.session,
    });
  });

  test("without a result leaves an empty text", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const task = await root.call("Async.host.disable", b);
    await story.time.advance(1_000);
    expect(await taskOf(root, task)).toMatchObject({ status: "success", result: "" });
  });

  test("that fails leaves the error array", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const task = await root.call("Async.pool.designate_new_master", "OpaqueRef:gone");
    await story.time.advance(1_000);
    expect(await taskOf(root, task)).toMatchObject({
      status: "failure",
      error_info: ["HANDLE_INVALID", "host", "OpaqueRef:gone"],
      progress: 1,
    });
  });

  test("is refused before there is a task when its arguments are wrong", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    expect(await root.failure("Async.host.disable")).toEqual([
      "MESSAGE_PARAMETER_COUNT_MISMATCH",
      "host.disable",
      "2",
      "1",
    ]);
    expect(await root.call("task.get_all")).toEqual([]);
  });

  test("marked for destruction while it runs is gone when it has finished", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    story.host("b").hung = true;
    const running = await root.call("Async.host.disable", b);
    await root.call("task.destroy", running);
    expect(await root.call("task.get_status", running)).toBe("pending");
    story.host("b").hung = false;
    await story.time.until(story.host("b").killXapi());
    await story.time.advance(1_000);
    expect(await root.failure("task.get_status", running)).toEqual([
      "HANDLE_INVALID",
      "task",
      running,
    ]);
  });
});

describe("a call that waits for its answer", () => {
  test("shows a task for as long as it runs", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    story.pool.network.cut("10.0.0.1", "10.0.0.2");
    const call = root.begin("host.disable", b);
    expect(await story.time.hangs(call, 1_000)).toBe(true);
    const tasks = await root.call("task.get_all_records");
    expect(Object.values(tasks as object)).toMatchObject([
      { name_label: "host.disable", status: "pending", session: root.session },
    ]);
    await story.time.until(story.host("b").killXapi());
    expect(await story.refused(call)).toEqual(["CANNOT_CONTACT_HOST", b]);
    expect(await root.call("task.get_all")).toEqual([]);
  });
});

describe("the collector", () => {
  test("keeps finished tasks for 65 minutes", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const task = await root.call("Async.host.disable", b);
    await story.time.advance(3_880_000);
    expect(await root.call("task.get_status", task)).toBe("success");
    await story.time.advance(60_000);
    expect(await root.failure("task.get_status", task)).toEqual(["HANDLE_INVALID", "task", task]);
  });

  test("keeps no more than two hundred finished tasks", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const tasks: unknown[] = [];
    for (let count = 0; count < 210; count += 1) {
      tasks.push(await root.call("Async.pool.sync_database"));
      await story.time.advance(1_000);
    }
    await story.time.advance(30_000);
    const kept = (await root.call("task.get_all")) as string[];
    expect(kept).toHaveLength(200);
    expect(kept).not.toContain(tasks[0]);
    expect(kept).toContain(tasks[209]);
  });

  test("drops tasks that never finished after a day", async () => {
    const story = await startStory(turn);
    const root = await story.root();
    const task = await root.call("task.create", "forgotten", "");
    await story.time.advance(86_340_000);
    expect(await root.call("task.get_status", task)).toBe("pending");
    await story.time.advance(120_000);
    const again = await story.root();
    expect(await again.failure("task.get_status", task)).toEqual(["HANDLE_INVALID", "task", task]);
  });
});

test("a supporter's return cancels the tasks that are noted as its own", async () => {
  const story = await startStory(turn);
  const root = await story.root();
  const task = await root.call("task.create", "on b", "");
  await root.call("task.set_resident_on", task, b);
  await story.time.until(story.host("b").restartToolstack());
  await story.time.advance(10_000);
  expect(await root.call("task.get_status", task)).toBe("cancelled");
});
