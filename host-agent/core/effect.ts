import type { JournalEvent, LeaveKind, Role } from "./journal-event.ts";
import type { Settings } from "./input.ts";

/*
 * Everything an agent asks for. Records come before what follows from them; whoever carries effects
 * out keeps their order.
 */

/** One input that mattered for a record, in the printer's words. */
export interface Named {
  readonly name: string;
  readonly value: string;
}

export interface RecordEffect {
  readonly type: "Record";
  readonly event: JournalEvent;
  readonly inputs: readonly Named[];
  readonly rule: string | null;
}

export interface SendBeatEffect {
  readonly type: "SendBeat";
  readonly peer: string;
  readonly path: string;
  readonly seq: number;
  readonly hearsYou: boolean;
  readonly hears: readonly string[];
  readonly role: Role;
  readonly digest: string;
  readonly beatIntervalMs: number;
  readonly leaving: LeaveKind | null;
}

export type Effect =
  | RecordEffect
  | SendBeatEffect
  /** durable as the last valid copy, and in force for the adapters */
  | { readonly type: "KeepSettings"; readonly settings: Settings };
