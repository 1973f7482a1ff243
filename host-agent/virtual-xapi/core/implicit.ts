/** The calls every class has: reads of fields and records, and plain writes of writable fields. */
import type { CallHandler } from "../call.ts";
import { fieldsIn, tablesIn, type FieldModel, type MessageModel } from "../datamodel/datamodel.ts";
import { XapiFailure, VOID, type XapiValue } from "../value.ts";
import { parseWhere } from "./where.ts";

function text(value: XapiValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function classReads(cls: string): Readonly<Record<string, CallHandler>> {
  return {
    get_all: ({ db }) => db.refs(cls),
    get_all_records: ({ db }) =>
      Object.fromEntries(db.refs(cls).map((ref) => [ref, db.get(cls, ref)])),
    get_all_records_where: ({ db }, [expression]) => {
      const matches = parseWhere(text(expression));
      const records = db.refs(cls).map((ref) => [ref, db.get(cls, ref)] as const);
      return Object.fromEntries(records.filter(([, record]) => matches(record)));
    },
    get_by_uuid: ({ db }, [uuid]) => db.byUuid(cls, text(uuid)),
    get_by_name_label: ({ db }, [label]) => db.byNameLabel(cls, text(label)),
    get_record: ({ db }, [self]) => db.get(cls, text(self)),
  };
}

function addTo(cls: string, field: string): CallHandler {
  return ({ db }, [self, key, value]) => {
    const ref = text(self);
    if (text(key) in db.map(cls, ref, field)) {
      throw new XapiFailure("MAP_DUPLICATE_KEY", cls, field, db.str(cls, ref, "uuid"), text(key));
    }
    db.putKey(cls, ref, field, text(key), value ?? "");
    return VOID;
  };
}

function dropFrom(cls: string, field: string): CallHandler {
  return ({ db }, [self, key]) => {
    db.dropKey(cls, text(self), field, text(key));
    return VOID;
  };
}

function addMember(cls: string, field: string): CallHandler {
  return ({ db }, [self, member]) => {
    const members = db.set(cls, text(self), field);
    if (!members.includes(text(member))) {
      db.update(cls, text(self), { [field]: [...members, text(member)] });
    }
    return VOID;
  };
}

/** Writes that the datamodel calls special but that only store what they are given. */
const PLAIN_WRITES: ReadonlySet<string> = new Set([
  "VM.other_config",
  "VM.platform",
  "VM.actions_after_crash",
  "task.other_config",
  "task.result",
  "task.error_info",
  "SR.name_label",
  "SR.name_description",
  "VDI.name_label",
  "VDI.name_description",
]);

function fieldCall(cls: string, fields: readonly FieldModel[], name: string): CallHandler | null {
  const find = (prefix: string): FieldModel | undefined =>
    name.startsWith(prefix)
      ? fields.find((field) => field.name === name.slice(prefix.length))
      : undefined;
  const takesWrites = (field: FieldModel | undefined): field is FieldModel =>
    field !== undefined && (field.writable || PLAIN_WRITES.has(`${cls}.${field.name}`));
  const read = find("get_");
  if (read !== undefined) return ({ db }, [self]) => db.get(cls, text(self))[read.name] ?? "";
  const written = find("set_");
  if (takesWrites(written)) {
    return ({ db }, [self, value]) => {
      db.update(cls, text(self), { [written.name]: value ?? "" });
      return VOID;
    };
  }
  const map = find("add_to_") ?? find("remove_from_");
  if (takesWrites(map) && map.type.kind === "map") {
    return name.startsWith("add_to_") ? addTo(cls, map.name) : dropFrom(cls, map.name);
  }
  const set = find("add_") ?? find("remove_");
  if (takesWrites(set) && set.type.kind === "set") {
    return name.startsWith("add_") ? addMember(cls, set.name) : dropFrom(cls, set.name);
  }
  return null;
}

/** Exists on every class though the published datamodel leaves it out. */
export const WHERE = "get_all_records_where";

const tablesByVersion = new Map<string, ReadonlySet<string>>();

function hasTable(cls: string, version: string): boolean {
  const tables = tablesByVersion.get(version) ?? new Set(tablesIn(version));
  tablesByVersion.set(version, tables);
  return tables.has(cls);
}

/** The generic answer to a generated call, or null when it is none of those. */
export function implicitHandler(model: MessageModel, version: string): CallHandler | null {
  const cls = model.className;
  if (cls === "message" || !hasTable(cls, version)) return null;
  const read = model.implicit || model.name === WHERE ? classReads(cls)[model.name] : undefined;
  return read ?? fieldCall(cls, fieldsIn(cls, version), model.name);
}
