/** From raw request values to typed values of the node, and the number formats of the wire. */
import { enumValues, findClass } from "../datamodel/datamodel.ts";
import type { WireType } from "../datamodel/types.ts";
import type { XapiValue } from "../value.ts";
import { isRawStruct, type RawValue } from "./raw.ts";

/** A value that does not fit the type: the caller answers `FIELD_TYPE_ERROR`. */
export class TypeMismatch extends Error {
  override readonly name = "TypeMismatch";
}

const datetimePattern = /^\d{8}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z?$/u;
const integerPattern = /^[+-]?\d+$/u;

function expected(what: string): never {
  throw new TypeMismatch(`expected ${what}`);
}

function coerceInteger(raw: RawValue): number {
  const number =
    typeof raw === "string" && integerPattern.test(raw.trim()) ? Number(raw.trim()) : raw;
  return typeof number === "number" && Number.isInteger(number) ? number : expected("an int");
}

function coerceFloat(raw: RawValue): number {
  if (typeof raw === "number") {
    return raw;
  }
  const parsed = typeof raw === "string" && raw.trim() !== "" ? Number(raw) : Number.NaN;
  return Number.isNaN(parsed) ? expected("a float") : parsed;
}

function coerceText(raw: RawValue): string {
  return typeof raw === "string" ? raw : expected("a string");
}

function coerceDatetime(raw: RawValue): string {
  const text = coerceText(raw).replaceAll("-", "");
  return datetimePattern.test(text) ? `${text.slice(0, 17)}Z` : expected("a datetime");
}

function coerceEnum(raw: RawValue, name: string): string {
  const text = coerceText(raw);
  const values = enumValues(name);
  const exact = values.find((value) => value.toLowerCase() === text.toLowerCase());
  return exact ?? (values.length === 0 ? text : expected(`one of ${name}`));
}

function coerceKey(key: string, type: WireType): string {
  return String(coerce(key, type));
}

function coerceSet(raw: RawValue, of: WireType): XapiValue {
  return Array.isArray(raw)
    ? (raw as readonly RawValue[]).map((item) => coerce(item, of))
    : expected("a set");
}

function coerceMap(raw: RawValue, key: WireType, value: WireType): XapiValue {
  if (!isRawStruct(raw)) {
    return expected("a map");
  }
  return Object.fromEntries(
    Object.entries(raw).map(([name, item]) => [coerceKey(name, key), coerce(item, value)]),
  );
}

function coerceRecord(raw: RawValue, className: string): XapiValue {
  if (!isRawStruct(raw)) {
    return expected("a record");
  }
  const fields = findClass(className)?.fields;
  const known = Object.entries(raw).flatMap(([name, item]): [string, XapiValue][] => {
    const field = fields?.get(name);
    return field === undefined ? [] : [[name, coerce(item, field.type)]];
  });
  return Object.fromEntries(known);
}

/** Reads a request value as the given type. Throws `TypeMismatch`. Map keys stay strings. */
export function coerce(raw: RawValue, type: WireType): XapiValue {
  switch (type.kind) {
    case "string":
    case "ref":
      return coerceText(raw);
    case "int":
    case "int32":
      return coerceInteger(raw);
    case "float":
      return coerceFloat(raw);
    case "bool":
      return typeof raw === "boolean" ? raw : expected("a bool");
    case "datetime":
      return coerceDatetime(raw);
    case "enum":
      return coerceEnum(raw, type.name);
    case "set":
    case "option":
      return coerceSet(raw, type.of);
    case "map":
      return coerceMap(raw, type.key, type.value);
    case "record":
      return coerceRecord(raw, type.className);
    case "void":
    case "event-batch":
      return expected("a value a call can take");
  }
}

/** A float in the `%.16g` form. */
export function formatFloat(value: number): string {
  if (Number.isNaN(value)) {
    return "nan";
  }
  if (!Number.isFinite(value)) {
    return value > 0 ? "inf" : "-inf";
  }
  const digits = 16;
  const scientific = value.toExponential(digits - 1);
  const at = scientific.indexOf("e");
  const exponent = Number(scientific.slice(at + 1));
  if (exponent < -4 || exponent >= digits) {
    const mantissa = stripZeros(scientific.slice(0, at));
    const sign = exponent < 0 ? "-" : "+";
    return `${mantissa}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const sign = Object.is(value, -0) ? "-" : "";
  return sign + stripZeros(value.toFixed(Math.max(0, digits - 1 - exponent)));
}

function stripZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/u, "") : text;
}

const MS_PER_S = 1_000;
const S_PER_DAY = 86_400;
/**
 * Days from the first of March of the year 0 to the epoch; years begin in March, so leap days end
 * them.
 */
const EPOCH_DAYS = 719_468;
const DAYS_PER_ERA = 146_097;

/** Gregorian date of a day counted from the epoch. */
function civilOf(day: number): readonly [year: number, month: number, day: number] {
  const shifted = day + EPOCH_DAYS;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const leaps =
    Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365);
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const march = Math.floor((5 * dayOfYear + 2) / 153);
  const month = march < 10 ? march + 3 : march - 9;
  const date = dayOfYear - Math.floor((153 * march + 2) / 5) + 1;
  return [yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, date];
}

function dayOf(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * DAYS_PER_ERA + dayOfEra - EPOCH_DAYS;
}

function padded(value: number, width = 2): string {
  return String(value).padStart(width, "0");
}

/** A moment as `YYYYMMDDTHH:MM:SSZ`. */
export function formatDatetime(epochMs: number): string {
  const total = Math.floor(epochMs / MS_PER_S);
  const day = Math.floor(total / S_PER_DAY);
  const second = total - day * S_PER_DAY;
  const [year, month, date] = civilOf(day);
  const hour = Math.floor(second / 3_600);
  const minute = Math.floor((second % 3_600) / 60);
  const clock = [hour, minute, second % 60].map((part) => padded(part)).join(":");
  return `${padded(year, 4)}${padded(month)}${padded(date)}T${clock}Z`;
}

/** Milliseconds since the epoch of a `YYYYMMDDTHH:MM:SSZ` text; NaN for anything else. */
export function parseDatetime(text: string): number {
  const parts = /^(\d{4})(\d{2})(\d{2})T(\d{2}):(\d{2}):(\d{2})/u.exec(text);
  if (parts === null) {
    return Number.NaN;
  }
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1)
    .map(Number);
  const seconds = dayOf(year, month, day) * S_PER_DAY + hour * 3_600 + minute * 60 + second;
  return seconds * MS_PER_S;
}
