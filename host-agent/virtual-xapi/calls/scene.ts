/** What most rules need: the database and which XAPI answers. */
import type { CallContext, DbAccess } from "../call.ts";
import { NULL_REF, XapiFailure } from "../call.ts";

export type Scene = Pick<CallContext, "db" | "generation" | "poolRef">;

/** An error as data: code, then parameters. */
export type ErrorList = readonly [code: string, ...params: string[]];

export function failureOf(error: ErrorList): XapiFailure {
  const [code, ...params] = error;
  return new XapiFailure(code, ...params);
}

export function errorOf(failure: XapiFailure): ErrorList {
  return [failure.code, ...failure.params];
}

export function isNull(ref: string): boolean {
  return ref === NULL_REF || ref === "";
}

/** The references of `refs` that lead to an object of the class. */
export function existing(db: DbAccess, cls: string, refs: readonly string[]): readonly string[] {
  return refs.filter((ref) => db.has(cls, ref));
}

/** Reads a set field that some versions lack. */
export function setOrEmpty(
  db: DbAccess,
  cls: string,
  ref: string,
  field: string,
): readonly string[] {
  const value = db.find(cls, ref)?.[field];
  return Array.isArray(value) ? value.map(String) : [];
}

export function isTrue(value: string | undefined): boolean {
  return value === "1" || value?.toLowerCase() === "true";
}

/** Power states are written in lower case in errors and hooks. */
export function isLivePowerState(state: string): boolean {
  return state === "Running" || state === "Paused";
}

/** Guests (no control domain) that the database shows on a host. */
export function residentGuests(db: DbAccess, host: string): readonly string[] {
  return existing(db, "VM", db.set("host", host, "resident_VMs")).filter(
    (vm) => !db.bool("VM", vm, "is_control_domain"),
  );
}

export function isHaOn(scene: Scene): boolean {
  return scene.db.bool("pool", scene.poolRef, "ha_enabled");
}

/** Native HA restarts this VM whenever it finds it halted. */
export function isProtected(db: DbAccess, vm: string): boolean {
  return (
    db.bool("VM", vm, "ha_always_run") && db.str("VM", vm, "ha_restart_priority") === "restart"
  );
}

export function nameOf(db: DbAccess, cls: string, ref: string): string {
  return String(db.find(cls, ref)?.["name_label"] ?? "");
}

export function uuidOf(db: DbAccess, cls: string, ref: string): string {
  return String(db.find(cls, ref)?.["uuid"] ?? "");
}
