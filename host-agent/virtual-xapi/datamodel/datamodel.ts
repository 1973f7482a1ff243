/**
 * Lookup over the generated tables: classes, fields, messages, enums. Rows are parsed on first use.
 */
import { accessorRows } from "./generated-accessors.ts";
import { classRows, roleSetRows } from "./generated-classes.ts";
import { enumRows } from "./generated-enums.ts";
import { fieldRows } from "./generated-fields.ts";
import { messageRows } from "./generated-messages.ts";
import { hiddenEnums, hiddenMessageRows, optionalParams, syncOnly } from "./hidden.ts";
import { existsIn, introducedIn, isAtLeast, type Lifecycle } from "./releases.ts";
import { parseType, type WireType } from "./types.ts";

export interface FieldModel extends Lifecycle {
  readonly name: string;
  readonly type: WireType;
  readonly writable: boolean;
  /** Default as written in the datamodel; empty when it names none. */
  readonly defaultText: string;
}

export interface ParamModel {
  readonly name: string;
  readonly type: WireType;
  readonly required: boolean;
  /** Release since which the wire accepts it; empty for parameters that were always there. */
  readonly since: string;
  /** Value when left out; undefined means the emptiest of its type. */
  readonly fallback?: string | number | boolean;
}

export interface MessageModel extends Lifecycle {
  readonly className: string;
  readonly name: string;
  /** Without the session, which comes first on the wire when `needsSession`. */
  readonly params: readonly ParamModel[];
  readonly result: WireType;
  /** Generated getter, setter, get_record and the like. */
  readonly implicit: boolean;
  readonly async: boolean;
  readonly needsSession: boolean;
  /** Left out of the published documentation. */
  readonly hidden: boolean;
  /** Every role that may call it; `root-only` means the pool-internal identity or local root. */
  readonly roles: readonly string[];
}

export interface ClassModel extends Lifecycle {
  readonly name: string;
  readonly fields: ReadonlyMap<string, FieldModel>;
  readonly messages: ReadonlyMap<string, MessageModel>;
}

function columns(row: string): (index: number) => string {
  const parts = row.split("|");
  return (index) => parts[index] ?? "";
}

function parseField(row: string): FieldModel {
  const column = columns(row);
  return {
    name: column(0),
    type: parseType(column(1)),
    writable: column(2) === "RW",
    since: column(3),
    removed: column(4),
    defaultText: column(5),
  };
}

function parseParam(owner: string, text: string): ParamModel {
  const colon = text.indexOf(":");
  const label = text.slice(0, colon);
  const required = !label.endsWith("?");
  const name = required ? label : label.slice(0, -1);
  const extra = optionalParams[`${owner}.${name}`];
  return {
    name,
    type: parseType(text.slice(colon + 1)),
    required,
    since: extra?.since ?? "",
    ...(extra?.fallback === undefined ? {} : { fallback: extra.fallback }),
  };
}

function parseMessage(className: string, row: string, hidden: boolean): MessageModel {
  const column = columns(row);
  const name = column(0);
  const qualified = `${className}.${name}`;
  const roles = hidden ? column(3) : (roleSetRows[Number(column(3))] ?? "");
  return {
    className,
    name,
    params:
      column(2) === ""
        ? []
        : column(2)
            .split(",")
            .map((text) => parseParam(qualified, text)),
    result: parseType(column(1)),
    implicit: column(6).includes("i"),
    async: column(6).includes("a") && !syncOnly.has(qualified),
    needsSession: !column(6).includes("n"),
    hidden,
    roles: roles.split(" ").filter((role) => role !== ""),
    since: column(4),
    removed: column(5),
  };
}

function parseClass(row: string): ClassModel {
  const column = columns(row);
  const name = column(0);
  const fields = (fieldRows[name] ?? []).map(parseField);
  const published = [...(messageRows[name] ?? []), ...(accessorRows[name] ?? [])];
  const messages = [
    ...published.map((text) => parseMessage(name, text, false)),
    ...(hiddenMessageRows[name] ?? []).map((text) => parseMessage(name, text, true)),
  ];
  return {
    name,
    fields: new Map(fields.map((field) => [field.name, field])),
    messages: new Map(messages.map((message) => [message.name, message])),
    since: column(1),
    removed: column(2),
  };
}

const rowsByClass = new Map(classRows.map((row) => [row.slice(0, row.indexOf("|")), row]));
const namesByLowerCase = new Map([...rowsByClass.keys()].map((name) => [name.toLowerCase(), name]));
const parsed = new Map<string, ClassModel>();

/** All class names of the newest datamodel, in its order. */
export const classNames: readonly string[] = [...rowsByClass.keys()];

export function findClass(name: string): ClassModel | undefined {
  const cached = parsed.get(name);
  if (cached !== undefined) {
    return cached;
  }
  const row = rowsByClass.get(name);
  if (row === undefined) {
    return undefined;
  }
  const model = parseClass(row);
  parsed.set(name, model);
  return model;
}

/** Events and subscriptions write class names in lower case. */
export function classNameOf(anyCase: string): string | undefined {
  return namesByLowerCase.get(anyCase.toLowerCase());
}

/** Classes of a version that live in its database (those with `get_all`, and session). */
export function tablesIn(version: string): readonly string[] {
  return classNames.filter((name) => {
    const model = findClass(name);
    const stored = name === "session" || model?.messages.has("get_all") === true;
    return model !== undefined && stored && introducedIn(version, model);
  });
}

/** The fields a record of that version carries. Removed ones stay: clients still see them. */
export function fieldsIn(className: string, version: string): readonly FieldModel[] {
  const model = findClass(className);
  return model === undefined
    ? []
    : [...model.fields.values()].filter((field) => introducedIn(version, field));
}

export function findMessage(className: string, name: string): MessageModel | undefined {
  return findClass(className)?.messages.get(name);
}

/** Looks up `VM.start` (never an `Async.` name). */
export function findMethod(qualified: string): MessageModel | undefined {
  const dot = qualified.indexOf(".");
  return dot < 0 ? undefined : findMessage(qualified.slice(0, dot), qualified.slice(dot + 1));
}

/** Parameters the wire of that version accepts, optional ones last. */
export function paramsIn(message: MessageModel, version: string): readonly ParamModel[] {
  return message.params.filter((param) => isAtLeast(version, param.since));
}

function namesOf(model: ClassModel, version: string): readonly string[] {
  return [...model.messages.values()]
    .filter((message) => existsIn(version, message))
    .flatMap((message) => {
      const name = `${model.name}.${message.name}`;
      return message.async ? [name, `Async.${name}`] : [name];
    });
}

/** Every method name of that version, `Async.` forms included, whether a node answers it or not. */
export function methodNamesIn(version: string): readonly string[] {
  return classNames
    .map(findClass)
    .filter((model) => model !== undefined && introducedIn(version, model))
    .flatMap((model) => (model === undefined ? [] : namesOf(model, version)));
}

export function enumValues(name: string): readonly string[] {
  return enumRows[name] ?? hiddenEnums[name] ?? [];
}
