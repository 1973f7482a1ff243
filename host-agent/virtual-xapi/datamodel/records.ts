/** The emptiest valid value of every type and record: what presets start from. */
import { NULL_REF, type XapiRecord, type XapiValue } from "../value.ts";
import { enumValues, fieldsIn, findClass, type FieldModel } from "./datamodel.ts";
import type { WireType } from "./types.ts";

const EPOCH = "19700101T00:00:00Z";

/** Enumerations whose first value is not what a fresh object has. */
const preferredEnumValues: Readonly<Record<string, string>> = {
  on_normal_exit: "restart",
  on_crash_behaviour: "restart",
  vm_power_state: "Halted",
  ip_configuration_mode: "None",
  ipv6_configuration_mode: "None",
  vdi_type: "user",
  vbd_mode: "RW",
  vbd_type: "Disk",
};

export function emptyValue(type: WireType): XapiValue {
  switch (type.kind) {
    case "void":
    case "string":
      return "";
    case "int":
    case "int32":
    case "float":
      return 0;
    case "bool":
      return false;
    case "datetime":
      return EPOCH;
    case "enum":
      return preferredEnumValues[type.name] ?? enumValues(type.name)[0] ?? "";
    case "ref":
      return NULL_REF;
    case "set":
    case "option":
      return [];
    case "map":
    case "event-batch":
      return {};
    case "record": {
      const model = findClass(type.className);
      return model === undefined ? {} : recordOf([...model.fields.values()]);
    }
  }
}

function parseMapText(text: string): XapiValue {
  const entries = [...text.matchAll(/"([^"]*)" -> "([^"]*)"/gu)];
  return Object.fromEntries(entries.map((entry) => [entry[1] ?? "", entry[2] ?? ""]));
}

function parseSetText(text: string, of: WireType): XapiValue {
  const items = text.slice(1, -1).split(",");
  return items
    .map((item) => item.trim())
    .filter((item) => item !== "")
    .map((item) => parseDefault(item, of));
}

/** Reads a default as the datamodel writes it. */
function parseDefault(text: string, type: WireType): XapiValue {
  if (text === "") {
    return emptyValue(type);
  }
  switch (type.kind) {
    case "int":
    case "int32":
    case "float":
      return Number(text);
    case "bool":
      return text === "true";
    case "string":
      return text.startsWith('"') ? text.slice(1, -1) : text;
    case "ref":
      return NULL_REF;
    case "set":
      return parseSetText(text, type.of);
    case "map":
      return parseMapText(text);
    case "enum":
    case "datetime":
      return text;
    case "void":
    case "option":
    case "record":
    case "event-batch":
      return emptyValue(type);
  }
}

/** Fields that a fresh object has otherwise than their type suggests. */
const fieldDefaults: Readonly<Record<string, XapiValue>> = {
  actions_after_shutdown: "destroy",
  domid: -1,
};

function recordOf(fields: readonly FieldModel[]): XapiRecord {
  return Object.fromEntries(
    fields.map((field) => [
      field.name,
      fieldDefaults[field.name] ?? parseDefault(field.defaultText, field.type),
    ]),
  );
}

/** A whole record of a class in a version, every field at its default. Its uuid is empty. */
export function emptyRecord(className: string, version: string): XapiRecord {
  return recordOf(fieldsIn(className, version));
}
