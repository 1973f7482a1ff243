import type { PoolRecords, XapiRecord } from "../pool-session.ts";

/** XAPI's reference that points at nothing. */
const nullRef = "OpaqueRef:NULL";

export function isNullRef(ref: string): boolean {
  return ref === "" || ref === nullRef || ref === "Ref:NULL";
}

/** Text of a field; empty when the field is missing or no text. */
export function textOf(record: XapiRecord | undefined, field: string): string {
  const value = record?.[field];
  return typeof value === "string" ? value : "";
}

/** True only for a field that says so. */
export function flagOf(record: XapiRecord | undefined, field: string): boolean {
  return record?.[field] === true;
}

/** Integers come as numbers over JSON and as strings over XML; null when there is none. */
export function numberOf(record: XapiRecord | undefined, field: string): number | null {
  const value = record?.[field];
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "string" || value.trim() === "") return null;
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : null;
}

const emptyList: readonly string[] = [];
const emptyMap: Readonly<Record<string, string>> = {};

export function listOf(record: XapiRecord | undefined, field: string): readonly string[] {
  const value = record?.[field];
  return Array.isArray(value) ? (value as readonly string[]) : emptyList;
}

export function mapOf(
  record: XapiRecord | undefined,
  field: string,
): Readonly<Record<string, string>> {
  const value = record?.[field];
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  return isMap ? (value as Readonly<Record<string, string>>) : emptyMap;
}

/** The name a person gave it, otherwise its uuid, otherwise what is known: nothing. */
export function nameOf(record: XapiRecord | undefined): string {
  return textOf(record, "name_label") || textOf(record, "uuid") || "an object without a record";
}

export function quoted(record: XapiRecord | undefined): string {
  return `“${nameOf(record)}”`;
}

/** "a", "a and b", "a, b and c", "a, b, c and 4 more". */
export function listed(items: readonly string[], most = 5): string {
  if (items.length <= 1) return items[0] ?? "";
  const shown = items.length > most ? items.slice(0, most) : items.slice(0, -1);
  const last = items.length > most ? `${items.length - most} more` : items.at(-1);
  return `${shown.join(", ")} and ${last}`;
}

export function counted(count: number, singular: string, plural = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : plural}`;
}

/** The one pool record; undefined while facts are missing. */
export function poolOf(records: PoolRecords): { ref: string; record: XapiRecord } | undefined {
  for (const [ref, record] of records.all("pool")) return { ref, record };
  return undefined;
}

/** XAPI's version of a host, as exact as the generation tells it. */
export function versionOf(host: XapiRecord | undefined): string {
  const software = mapOf(host, "software_version");
  const product = software["product_version"] ?? "";
  const build = software["xapi_build"] ?? software["build_number"] ?? software["xapi"] ?? "";
  return [product, build].filter((part) => part !== "").join(" / ");
}

/** True for what an operator calls a VM: no control domain, no template, no snapshot. */
export function isGuest(vm: XapiRecord): boolean {
  return !(
    flagOf(vm, "is_control_domain") ||
    flagOf(vm, "is_a_template") ||
    flagOf(vm, "is_a_snapshot")
  );
}
