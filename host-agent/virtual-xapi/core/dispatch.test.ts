import { describe, expect, test } from "vitest";
import { GENERATIONS } from "../generation.ts";
import { FORMATS, runRow, type CallRow } from "../testing/call-rows.ts";
import { refOf, uuidOf } from "../testing/small-pool.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const reader = { name: "reader", password: "reader", role: "read-only" } as const;
const operator = { name: "operator", password: "operator", role: "vm-operator" } as const;
const users = { users: [reader, operator] };
const vm = refOf("vm-a1");
const stale = "OpaqueRef:gone";

const refused: readonly CallRow[] = [
  {
    name: "an unknown method is named",
    call: ["VM.teleport", vm],
    fails: ["MESSAGE_METHOD_UNKNOWN", "VM.teleport"],
  },
  {
    name: "a method of the datamodel that is not covered is unknown too",
    call: ["VM.import_convert", "a", "b", "c", {}],
    fails: ["MESSAGE_METHOD_UNKNOWN", "VM.import_convert"],
  },
  {
    name: "a method of a later release is unknown to an earlier one",
    pool: { generation: GENERATIONS["1.249"] },
    call: ["message.destroy_many", []],
    fails: ["MESSAGE_METHOD_UNKNOWN", "message.destroy_many"],
  },
  {
    name: "sessions have no asynchronous calls",
    call: ["Async.session.logout"],
    fails: ["MESSAGE_METHOD_UNKNOWN", "Async.session.logout"],
  },
  {
    name: "a removed method says so",
    call: ["VM.snapshot_with_quiesce", vm, "name"],
    fails: ["MESSAGE_REMOVED"],
  },
  {
    name: "too few arguments are counted, the session included",
    call: ["VM.get_record"],
    fails: ["MESSAGE_PARAMETER_COUNT_MISMATCH", "VM.get_record", "2", "1"],
  },
  {
    name: "too many arguments are counted",
    call: ["VM.get_record", vm, vm],
    fails: ["MESSAGE_PARAMETER_COUNT_MISMATCH", "VM.get_record", "2", "3"],
  },
  {
    name: "the second argument of host.disable does not exist on 8.2",
    pool: { generation: GENERATIONS["1.249"] },
    call: ["host.disable", refOf("host-b"), true],
    fails: ["MESSAGE_PARAMETER_COUNT_MISMATCH", "host.disable", "2", "3"],
  },
  {
    name: "a list where text belongs is a wrong type",
    call: ["VM.set_name_label", vm, ["x"]],
    fails: ["FIELD_TYPE_ERROR", "value"],
  },
  {
    name: "a word where a number belongs is a wrong type",
    call: ["VM.set_user_version", vm, "much"],
    fails: ["FIELD_TYPE_ERROR", "value"],
  },
  {
    name: "an unknown session is invalid",
    as: "none",
    call: ["VM.get_record", stale, vm],
    fails: ["SESSION_INVALID", stale],
  },
  {
    name: "a wrong number of arguments is said before the session is looked at",
    as: "none",
    call: ["VM.get_record", stale],
    fails: ["MESSAGE_PARAMETER_COUNT_MISMATCH", "VM.get_record", "2", "1"],
  },
  {
    name: "a session that was left is invalid",
    before: (scene) => scene.client.call("session.logout", scene.session).then(() => {}),
    call: ["VM.get_all"],
    fails: (scene) => ["SESSION_INVALID", scene.session],
  },
  {
    name: "a stale reference is named with its class",
    call: ["VM.get_name_label", stale],
    fails: ["HANDLE_INVALID", "VM", stale],
  },
  {
    name: "a reference of another class is stale for this one",
    call: ["VM.get_record", refOf("host-a")],
    fails: ["HANDLE_INVALID", "VM", refOf("host-a")],
  },
  {
    name: "an unknown uuid is named with its class",
    call: ["host.get_by_uuid", "no such"],
    fails: ["UUID_INVALID", "host", "no such"],
  },
  {
    name: "a reader may not write",
    options: users,
    as: { user: "reader" },
    call: ["VM.set_name_label", vm, "mine"],
    fails: [
      "RBAC_PERMISSION_DENIED",
      "vm.set_name_label",
      "No permission in user session. (Roles with this permission: pool-admin, pool-operator, vm-power-admin, vm-admin)",
    ],
  },
  {
    name: "a key that is there already cannot be added",
    before: async (scene) => {
      await scene.ask("VM.add_to_other_config", vm, "owner", "ops");
    },
    call: ["VM.add_to_other_config", vm, "owner", "dev"],
    fails: ["MAP_DUPLICATE_KEY", "VM", "other_config", uuidOf("vm-a1"), "owner"],
  },
  {
    name: "a task that offers no cancelling cannot be cancelled",
    before: async (scene) => {
      scene.notes["task"] = await scene.ask("task.create", "mine", "");
    },
    call: (scene) => ["task.cancel", scene.notes["task"] ?? ""],
    fails: (scene) => [
      "OPERATION_NOT_ALLOWED",
      `task ${String(scene.notes["task"])} cannot be cancelled`,
    ],
  },
];

const answered: readonly CallRow[] = [
  {
    name: "a reader may read",
    options: users,
    as: { user: "reader" },
    call: ["VM.get_name_label", vm],
    gives: "a1",
  },
  { name: "integers come back", call: ["VM.get_memory_static_max", vm], gives: 1_073_741_824 },
  { name: "truth comes back as truth", call: ["host.get_enabled", refOf("host-b")], gives: true },
  { name: "a reference by uuid", call: ["VM.get_by_uuid", uuidOf("vm-a1")], gives: vm },
  { name: "references by label", call: ["VM.get_by_name_label", "b1"], gives: [refOf("vm-b1")] },
  {
    name: "derived sets follow the references",
    call: ["VM.get_VBDs", vm],
    gives: [refOf("vbd-a1")],
  },
  {
    name: "records that match an expression",
    call: [
      "VM.get_all_records_where",
      'field "name_label" = "a1" and not field "is_control_domain" = "true"',
    ],
    after: async (scene) => {
      const all = await scene.ask("VM.get_all_records_where", 'field "name_label" = "a1"');
      return Object.keys(all as object);
    },
    leaves: [vm],
  },
  {
    name: "a field is written",
    call: ["VM.set_name_label", vm, "accounts & <more> \u00e9"],
    gives: "",
    after: (scene) => scene.ask("VM.get_name_label", vm),
    leaves: "accounts & <more> \u00e9",
  },
  {
    name: "a missing key is removed without complaint",
    call: ["VM.remove_from_other_config", vm, "nothing"],
    gives: "",
  },
  {
    name: "a set takes a member once",
    before: async (scene) => {
      await scene.ask("VM.add_tags", vm, "gold");
    },
    call: ["VM.add_tags", vm, "gold"],
    after: (scene) => scene.ask("VM.get_tags", vm),
    leaves: ["gold"],
  },
  {
    name: "a local session of the coordinator has full rights",
    as: "local",
    call: ["VM.get_name_label", vm],
    gives: "a1",
  },
  {
    name: "the second argument of host.disable exists on 8.3",
    call: ["host.disable", refOf("host-b"), false],
    gives: "",
    after: (scene) => scene.ask("host.get_enabled", refOf("host-b")),
    leaves: false,
  },
  {
    name: "the time of a supporter is asked of the supporter",
    before: (scene) => {
      scene.pool.host("b").clockOffsetMs = 3_600_000;
    },
    call: ["host.get_servertime", refOf("host-b")],
    gives: (scene) => stamp(scene.pool.time.nowMs + 3_600_000),
  },
];

function stamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replaceAll("-", "")}Z`;
}

describe.each(FORMATS)("a client speaking %s", (format) => {
  test.each(refused.map((row) => [row.name, row] as const))(
    "is refused: %s",
    async (_name, row) => {
      const { actual, expected } = await runRow(row, format, turn);
      expect(actual).toEqual(expected);
    },
  );
  test.each(answered.map((row) => [row.name, row] as const))(
    "is answered: %s",
    async (_name, row) => {
      const { actual, expected } = await runRow(row, format, turn);
      expect(actual).toEqual(expected);
    },
  );
});
