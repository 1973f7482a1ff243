/**
 * Values inside the node. Integers and floats are numbers (below 2^53), datetimes are strings
 * `YYYYMMDDTHH:MM:SSZ`, references are strings; the datamodel type decides how each is written on
 * the wire.
 */
export type XapiValue =
  | string
  | number
  | boolean
  | readonly XapiValue[]
  | { readonly [key: string]: XapiValue };

export type XapiRecord = { readonly [field: string]: XapiValue };

export const NULL_REF = "OpaqueRef:NULL";

/** The call returned nothing: an empty string on the wire. */
export const VOID = "";

/** An API error: `[code, ...params]` on the wire, all strings. */
export class XapiFailure extends Error {
  override readonly name = "XapiFailure";
  readonly code: string;
  readonly params: readonly string[];

  constructor(code: string, ...params: readonly string[]) {
    super(params.length === 0 ? code : `${code} [${params.join(", ")}]`);
    this.code = code;
    this.params = params;
  }
}
