import { OutcomeUnknown, XapiFailure } from "../pool-session.ts";
import type { PoolSession } from "../pool-session.ts";
import type { Clock } from "../ports.ts";
import { listOf, numberOf, textOf } from "../verdict/read.ts";
import type { XapiRecord } from "../pool-session.ts";

export interface TaskOptions {
  readonly onProgress?: (progress: number) => void;
  readonly signal?: AbortSignal;
}

type TaskHost = Pick<PoolSession, "call" | "records" | "onChange" | "connection">;

/**
 * Starts a call as a task and waits for its end, by events, and by asking when they do not come.
 * A task that is gone (they do not survive a restart of the coordinator's XAPI) has no known
 * outcome.
 */
export async function runTask(
  session: TaskHost,
  call: { readonly method: string; readonly args: readonly unknown[]; readonly lookMs: number },
  clock: Clock,
  options: TaskOptions = {},
): Promise<string> {
  const ref = String(await session.call(`Async.${call.method}`, ...call.args));
  const record = await finished(session, { ref, ...call }, clock, options);
  // Ours to clear away; XAPI does it by itself after an hour when this fails.
  await session.call("task.destroy", ref).catch(() => undefined);
  if (textOf(record, "status") === "success") return taskResult(textOf(record, "result"));
  const [code = "TASK_CANCELLED", ...params] = listOf(record, "error_info");
  throw new XapiFailure(code, params);
}

async function finished(
  session: TaskHost,
  task: { readonly ref: string; readonly method: string; readonly lookMs: number },
  clock: Clock,
  options: TaskOptions,
): Promise<XapiRecord> {
  let lastLookMs = clock.monotonicMs();
  for (;;) {
    if (options.signal?.aborted === true) {
      throw new OutcomeUnknown(task.method, options.signal.reason);
    }
    let record = session.records().get("task", task.ref);
    const isDue = clock.monotonicMs() - lastLookMs >= task.lookMs;
    if (session.connection().status === "live" && isDue && !isFinished(record)) {
      lastLookMs = clock.monotonicMs();
      record = await lookAt(session, task.ref, task.method);
    }
    if (record !== undefined) {
      options.onProgress?.(numberOf(record, "progress") ?? 0);
      if (isFinished(record)) return record;
    }
    await nextChange(session, clock, task.lookMs, options.signal);
  }
}

/** Undefined when the question could not be put; the caller asks again. */
async function lookAt(
  session: TaskHost,
  ref: string,
  method: string,
): Promise<XapiRecord | undefined> {
  try {
    return (await session.call("task.get_record", ref)) as XapiRecord;
  } catch (error) {
    const isGone = error instanceof XapiFailure && error.code === "HANDLE_INVALID";
    if (isGone) throw new OutcomeUnknown(method, error);
    return undefined;
  }
}

function isFinished(record: XapiRecord | undefined): boolean {
  const status = textOf(record, "status");
  return status === "success" || status === "failure" || status === "cancelled";
}

function nextChange(
  session: TaskHost,
  clock: Clock,
  maxMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const done = new AbortController();
  const stop = session.onChange(() => done.abort());
  const either = signal === undefined ? done.signal : AbortSignal.any([done.signal, signal]);
  return clock.sleep(maxMs, either).finally(stop);
}

/** XAPI gives a result as an XML fragment, also over JSON: `<value>OpaqueRef:…</value>`. */
function taskResult(result: string): string {
  return result
    .replace(/<[^>]*>/gu, "")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&")
    .trim();
}
