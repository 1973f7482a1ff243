import type { PoolRecords, XapiClass, XapiRecord } from "../pool-session.ts";
import { isNullRef, nameOf, numberOf, textOf } from "../verdict/read.ts";

/** How operators call an object: class in words and name, such as `host “xcp1”`. */
export interface ObjectNames {
  /** of a reference or uuid; null when it is neither or nothing is known of it */
  find(refOrUuid: string): string | null;
}

const gone = "an object that no longer exists";

const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const uuidPattern = new RegExp(`^${uuid}$`, "iu");
const anyReference = new RegExp(
  String.raw`DummyRef:\|[^|]*\|([^|,;\s]*)|OpaqueRef:[0-9a-z-]+|\b${uuid}\b`,
  "giu",
);

/** Where nothing is known of a pool yet. */
export const noNames: ObjectNames = { find: () => null };

const classes: readonly XapiClass[] = [
  "host",
  "VM",
  "SR",
  "VDI",
  "network",
  "pool",
  "VM_appliance",
  "PBD",
  "VBD",
  "VIF",
  "PIF",
  "PCI",
  "VGPU",
  "VUSB",
  "task",
  "host_metrics",
  "VM_metrics",
];

export function namesFrom(records: PoolRecords): ObjectNames {
  return {
    find(refOrUuid) {
      if (isNullRef(refOrUuid)) return "nothing";
      const isUuid = uuidPattern.test(refOrUuid);
      for (const className of classes) {
        const record = isUuid
          ? records.byUuid(className, refOrUuid)?.record
          : records.get(className, refOrUuid);
        if (record !== undefined) return calledIn(records, className, record);
      }
      return null;
    },
  };
}

/**
 * A parameter of a XAPI error as a person reads it. References and uuids become names wherever they
 * stand in it; one that leads nowhere is said to be gone.
 */
export function readable(param: string, names: ObjectNames): string {
  return param.replace(anyReference, (found: string, dummyName: string | undefined) => {
    if (dummyName !== undefined) return dummyName === "" ? gone : `“${dummyName}”, which is gone`;
    return names.find(found) ?? gone;
  });
}

function calledIn(records: PoolRecords, className: XapiClass, record: XapiRecord): string {
  const of = (otherClass: XapiClass, field: string): string => {
    const other = records.get(otherClass, textOf(record, field));
    return other === undefined ? gone : calledIn(records, otherClass, other);
  };
  switch (className) {
    case "host":
      return `host “${nameOf(record)}”`;
    case "VM":
      return `VM “${nameOf(record)}”`;
    case "SR":
      return `storage “${nameOf(record)}”`;
    case "network":
      return `network “${nameOf(record)}”`;
    case "VM_appliance":
      return `vApp “${nameOf(record)}”`;
    case "pool":
      return textOf(record, "name_label") === "" ? "the pool" : `pool “${nameOf(record)}”`;
    case "task":
      return `task “${nameOf(record)}”`;
    case "VDI":
      return textOf(record, "name_label") === ""
        ? `a disk on ${of("SR", "SR")}`
        : `disk “${nameOf(record)}”`;
    case "PBD":
      return `the connection of ${of("host", "host")} to ${of("SR", "SR")}`;
    case "VBD":
      return `disk ${textOf(record, "userdevice")} of ${of("VM", "VM")}`;
    case "VIF":
      return `network interface ${textOf(record, "device")} of ${of("VM", "VM")}`;
    case "PIF":
      return `interface ${textOf(record, "device")} of ${of("host", "host")}`;
    case "PCI":
      return `device “${textOf(record, "device_name") || textOf(record, "pci_id")}”`;
    case "VGPU":
      return `virtual GPU ${numberOf(record, "device") ?? ""} of ${of("VM", "VM")}`;
    case "VUSB":
      return `USB device of ${of("VM", "VM")}`;
    case "host_metrics":
    case "VM_metrics":
      return "measurements";
  }
}
