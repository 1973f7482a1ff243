import type { ConsoleError } from "../../main/contract/errors.ts";

/** What became of a call: its value, or a failure a person can read. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ConsoleError };
