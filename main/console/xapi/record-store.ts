import type { PoolRecords, XapiClass, XapiRecord } from "../pool-session.ts";

export const keptClasses: readonly XapiClass[] = [
  "pool",
  "host",
  "host_metrics",
  "VM",
  "VM_metrics",
  "VM_appliance",
  "VBD",
  "VDI",
  "SR",
  "PBD",
  "VIF",
  "PIF",
  "network",
  "PCI",
  "VGPU",
  "VUSB",
  "task",
];

/** One object that came, changed or went, with its record before and after. */
export interface RecordChange {
  readonly className: XapiClass;
  readonly ref: string;
  readonly before: XapiRecord | undefined;
  readonly after: XapiRecord | undefined;
}

/**
 * Long texts of VM records that nothing here reads; on installed pools some are kilobytes per VM.
 */
const droppedVmFields = ["recommendations", "last_booted_record", "bios_strings", "NVRAM"];

const noRecords: ReadonlyMap<string, XapiRecord> = new Map();

/** The records of one pool as XAPI sent them, by class and reference. Never copied. */
export class RecordStore implements PoolRecords {
  readonly #byClass = new Map<XapiClass, Map<string, XapiRecord>>();
  /** built at the first search in a class, kept up to date from then on */
  readonly #refByUuid = new Map<XapiClass, Map<string, string>>();

  all(className: XapiClass): ReadonlyMap<string, XapiRecord> {
    return this.#byClass.get(className) ?? noRecords;
  }

  get(className: XapiClass, ref: string): XapiRecord | undefined {
    return this.#byClass.get(className)?.get(ref);
  }

  byUuid(className: XapiClass, uuid: string): { ref: string; record: XapiRecord } | undefined {
    let index = this.#refByUuid.get(className);
    if (index === undefined) {
      index = new Map();
      for (const [ref, record] of this.all(className)) index.set(uuidOf(record), ref);
      this.#refByUuid.set(className, index);
    }
    const ref = index.get(uuid);
    const record = ref === undefined ? undefined : this.get(className, ref);
    return ref === undefined || record === undefined ? undefined : { ref, record };
  }

  /** Class and record of a reference, whatever its class. */
  find(ref: string): { className: XapiClass; record: XapiRecord } | undefined {
    for (const [className, records] of this.#byClass) {
      const record = records.get(ref);
      if (record !== undefined) return { className, record };
    }
    return undefined;
  }

  /** Replaces a whole class with what XAPI lists. */
  replaceClass(className: XapiClass, records: Readonly<Record<string, XapiRecord>>): void {
    const next = new Map<string, XapiRecord>();
    for (const ref of Object.keys(records)) {
      const record = records[ref];
      if (record !== undefined) next.set(ref, trimmed(className, record));
    }
    this.#byClass.set(className, next);
    this.#refByUuid.delete(className);
  }

  /** Takes over one event; `record` undefined means that the object is gone. */
  put(className: XapiClass, ref: string, record: XapiRecord | undefined): RecordChange {
    let records = this.#byClass.get(className);
    if (records === undefined) {
      records = new Map();
      this.#byClass.set(className, records);
    }
    const before = records.get(ref);
    const index = this.#refByUuid.get(className);
    if (before !== undefined) index?.delete(uuidOf(before));
    if (record === undefined) {
      records.delete(ref);
      return { className, ref, before, after: undefined };
    }
    const after = trimmed(className, record);
    records.set(ref, after);
    index?.set(uuidOf(after), ref);
    return { className, ref, before, after };
  }
}

function uuidOf(record: XapiRecord): string {
  return String(record["uuid"]);
}

/** In place: the record was parsed a moment ago and nobody else has it. */
function trimmed(className: XapiClass, record: XapiRecord): XapiRecord {
  if (className !== "VM") return record;
  const own = record as Record<string, unknown>;
  for (const field of droppedVmFields) if (field in own) own[field] = undefined;
  return own;
}
