/**
 * Tasks: one row for every asynchronous-capable call, for as long as it runs or until it is
 * destroyed.
 */
import type { TaskHandle } from "../call.ts";
import type { Database } from "../database/database.ts";
import { createCancelSource, type CancelSource, type Clock } from "../ports.ts";
import type { Timing } from "../timing.ts";
import { NULL_REF, XapiFailure } from "../value.ts";
import { formatDatetime, parseDatetime } from "../wire/coerce.ts";

/** Finished tasks beyond this number are collected early, oldest first. */
const FINISHED_CAP = 200;

export interface TaskParts {
  readonly db: () => Database;
  readonly clock: Clock;
  readonly timing: Timing;
}

/** Nobody watches: a nested or background call. */
export function noTask(): TaskHandle {
  const { signal } = createCancelSource();
  return {
    ref: null,
    signal,
    progress() {},
    setCancellable() {},
    checkCancelled() {},
  };
}

export class TaskStore {
  readonly #parts: TaskParts;
  readonly #sources = new Map<string, CancelSource>();

  constructor(parts: TaskParts) {
    this.#parts = parts;
  }

  create(spec: {
    readonly label: string;
    readonly description?: string;
    readonly sessionRef: string;
    readonly hostRef: string;
  }): string {
    const ref = this.#parts.db().create("task", {
      name_label: spec.label,
      name_description: spec.description ?? "",
      created: this.#now(),
      finished: formatDatetime(0),
      session: spec.sessionRef,
      resident_on: spec.hostRef,
      status: "pending",
      progress: 0,
      type: "<none/>",
      subtask_of: NULL_REF,
      backtrace: "()",
      allowed_operations: [],
    });
    this.#sources.set(ref, createCancelSource());
    return ref;
  }

  handle(ref: string): TaskHandle {
    const source = this.#sources.get(ref) ?? createCancelSource();
    return {
      ref,
      signal: source.signal,
      progress: (fraction) => this.#updatePending(ref, { progress: fraction }),
      setCancellable: (cancellable) =>
        this.#updatePending(ref, { allowed_operations: cancellable ? ["cancel"] : [] }),
      checkCancelled() {
        if (source.signal.cancelled) throw new XapiFailure("TASK_CANCELLED", ref);
      },
    };
  }

  /** `result` is an XML fragment. */
  succeed(ref: string, result: string): void {
    this.#finish(ref, { status: "success", result });
  }

  fail(ref: string, error: readonly string[]): void {
    const cancelled = error[0] === "TASK_CANCELLED";
    this.#finish(ref, { status: cancelled ? "cancelled" : "failure", error_info: error });
  }

  /** Throws `OPERATION_NOT_ALLOWED` for a task that cannot be cancelled. */
  cancel(ref: string): void {
    const db = this.#parts.db();
    if (!db.set("task", ref, "allowed_operations").includes("cancel")) {
      throw new XapiFailure("OPERATION_NOT_ALLOWED", `task ${ref} cannot be cancelled`);
    }
    db.putKey("task", ref, "current_operations", ref, "cancel");
    this.#sources.get(ref)?.cancel();
  }

  /** A pending task goes as soon as it has finished. */
  destroy(ref: string): void {
    const db = this.#parts.db();
    if (db.str("task", ref, "status") === "pending") {
      db.putKey("task", ref, "current_operations", "task", "destroy");
      return;
    }
    this.drop(ref);
  }

  drop(ref: string): void {
    this.#sources.delete(ref);
    this.#parts.db().destroy("task", ref);
  }

  /** What a returning member left behind. */
  cancelAllOn(hostRef: string): void {
    const db = this.#parts.db();
    for (const ref of db.refs("task")) {
      if (db.str("task", ref, "resident_on") === hostRef)
        this.#finish(ref, { status: "cancelled" });
    }
  }

  collect(): void {
    const db = this.#parts.db();
    const now = this.#parts.clock.nowMs();
    const { finishedTaskMs, pendingTaskMs } = this.#parts.timing;
    const finished: { readonly ref: string; readonly ageMs: number }[] = [];
    for (const ref of db.refs("task")) {
      const pending = db.str("task", ref, "status") === "pending";
      const ageMs = now - parseDatetime(db.str("task", ref, pending ? "created" : "finished"));
      if (ageMs > (pending ? pendingTaskMs : finishedTaskMs)) this.drop(ref);
      else if (!pending) finished.push({ ref, ageMs });
    }
    finished.sort((left, right) => left.ageMs - right.ageMs);
    for (const { ref } of finished.slice(FINISHED_CAP)) this.drop(ref);
  }

  #finish(ref: string, fields: Readonly<Record<string, string | readonly string[]>>): void {
    const db = this.#parts.db();
    if (db.find("task", ref)?.["status"] !== "pending") return;
    const doomed = db.map("task", ref, "current_operations")["task"] === "destroy";
    db.update("task", ref, {
      ...fields,
      allowed_operations: [],
      finished: this.#now(),
      progress: 1,
    });
    if (doomed) this.drop(ref);
  }

  #updatePending(ref: string, fields: Readonly<Record<string, number | readonly string[]>>): void {
    const db = this.#parts.db();
    if (db.find("task", ref)?.["status"] === "pending") db.update("task", ref, fields);
  }

  #now(): string {
    return formatDatetime(this.#parts.clock.nowMs());
  }
}
