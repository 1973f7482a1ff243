import { relations, type Relation } from "../database/relations.ts";
import { emptyRecord } from "../datamodel/records.ts";
import type { XapiGeneration } from "../generation.ts";
import type { Dice } from "../ports.ts";
import type { XapiRecord, XapiValue } from "../value.ts";
import type { Tables } from "./preset.ts";

/** Collects records; `tables` gives them back whole, with both sides of every relation. */
export interface TableBuilder {
  readonly generation: XapiGeneration;
  readonly dice: Dice;
  /**
   * Adds a record and gives its reference. Fields of newer generations are left out where this one
   * does not have them; a field no generation has is a mistake and throws.
   */
  add(className: string, fields: XapiRecord): string;
  /** Replaces fields of a record that was added. */
  change(className: string, ref: string, fields: XapiRecord): void;
  uuidOf(className: string, ref: string): string;
  /** A text field of a record that was added. */
  fieldOf(className: string, ref: string, field: string): string;
  tables(): Tables;
}

/** Newer than anything a preset has, so that every field name there is can be checked. */
const newestVersion = "99.0";

export function createTableBuilder(generation: XapiGeneration, dice: Dice): TableBuilder {
  const records = new Map<string, Map<string, Record<string, XapiValue>>>();
  const empties = new Map<string, { here: XapiRecord; anywhere: XapiRecord }>();

  const emptyOf = (className: string) => {
    let known = empties.get(className);
    if (known === undefined) {
      known = {
        here: emptyRecord(className, generation.version),
        anywhere: emptyRecord(className, newestVersion),
      };
      empties.set(className, known);
    }
    return known;
  };

  const fill = (className: string, target: Record<string, XapiValue>, fields: XapiRecord): void => {
    const { here, anywhere } = emptyOf(className);
    for (const [name, value] of Object.entries(fields)) {
      if (name in here) target[name] = value;
      else if (!(name in anywhere)) throw new Error(`${className} has no field ${name}`);
    }
  };

  const textOf = (className: string, ref: string, field: string): string => {
    const value = records.get(className)?.get(ref)?.[field];
    if (typeof value !== "string") throw new Error(`no ${className} ${ref}`);
    return value;
  };

  return {
    generation,
    dice,
    add(className, fields) {
      const record: Record<string, XapiValue> = {
        ...emptyOf(className).here,
        uuid: dice.uuid(),
      };
      fill(className, record, fields);
      const ref = `OpaqueRef:${dice.uuid()}`;
      const table = records.get(className) ?? new Map<string, Record<string, XapiValue>>();
      table.set(ref, record);
      records.set(className, table);
      return ref;
    },
    change(className, ref, fields) {
      const record = records.get(className)?.get(ref);
      if (record === undefined) throw new Error(`no ${className} ${ref}`);
      fill(className, record, fields);
    },
    uuidOf: (className, ref) => textOf(className, ref, "uuid"),
    fieldOf: textOf,
    tables() {
      for (const relation of relations) connect(records, relation);
      return Object.fromEntries(
        [...records].map(([className, table]) => [className, Object.fromEntries(table)]),
      );
    },
  };
}

function connect(
  records: ReadonlyMap<string, ReadonlyMap<string, Record<string, XapiValue>>>,
  relation: Relation,
): void {
  const { child: nearClass, field: nearField, parent: farClass, setField: farField } = relation;
  const members = new Map<string, string[]>();
  for (const [ref, record] of records.get(nearClass) ?? []) {
    const target = record[nearField];
    if (typeof target !== "string") continue;
    const list = members.get(target);
    if (list === undefined) members.set(target, [ref]);
    else list.push(ref);
  }
  for (const [ref, record] of records.get(farClass) ?? []) {
    if (farField in record) record[farField] = members.get(ref) ?? [];
  }
}

export const gibibyte = 1_073_741_824;
export const mebibyte = 1_048_576;

/** Locally administered, unicast; as XAPI makes them for guests. */
export function randomMac(dice: Dice): string {
  const hex = dice.uuid().replaceAll("-", "");
  return `c2:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4, 6)}:${hex.slice(6, 8)}:${hex.slice(8, 10)}`;
}
