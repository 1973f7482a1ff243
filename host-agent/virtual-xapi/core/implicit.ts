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

function fieldCall(cls: string, fields: readonly FieldModel[], name: string): CallHandler | null {
  const find = (prefix: string): FieldModel | undefined =>
    name.startsWith(prefix)
      ? fields.find((field) => field.name === name.slice(prefix.length))
      : undefined;
  const read = find("get_");
  if (read !== undefined) return ({ db }, [self]) => db.get(cls, text(self))[read.name] ?? "";
  const written = find("set_");
  if (written?.writable === true) {
    return ({ db }, [self, value]) => {
      db.update(cls, text(self), { [written.name]: value ?? "" });
      return VOID;
    };
  }
  const map = find("add_to_") ?? find("remove_from_");
  if (map?.writable === true && map.type.kind === "map") {
    return name.startsWith("add_to_") ? addTo(cls, map.name) : dropFrom(cls, map.name);
  }
  const set = find("add_") ?? find("remove_");
  if (set?.writable === true && set.type.kind === "set") {
    return name.startsWith("add_") ? addMember(cls, set.name) : dropFrom(cls, set.name);
  }
  return null;
}

const tablesByVersion = new Map<string, ReadonlySet<string>>();

function hasTable(cls: string, version: string): boolean {
  const tables = tablesByVersion.get(version) ?? new Set(tablesIn(version));
  tablesByVersion.set(version, tables);
  return tables.has(cls);
}

/** The generic answer to a generated call, or null when it is none of those. */
export function implicitHandler(model: MessageModel, version: string): CallHandler | null {
  const cls = model.className;
  if (!model.implicit || cls === "message" || !hasTable(cls, version)) return null;
  return classReads(cls)[model.name] ?? fieldCall(cls, fieldsIn(cls, version), model.name);
}
