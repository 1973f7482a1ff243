/** Values as a request carried them, before the datamodel says what they are. */
export type RawValue =
  | string
  | number
  | boolean
  | null
  | readonly RawValue[]
  | { readonly [key: string]: RawValue };

/** A request body that is no call at all: HTTP 500, not an API failure. */
export class MalformedRequest extends Error {
  override readonly name = "MalformedRequest";
}

/** True for the struct form of a raw value. */
export function isRawStruct(
  value: RawValue | undefined,
): value is { readonly [key: string]: RawValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
