import type { InputOf } from "../../contract/console-api.ts";
import { OutcomeUnknown, type PoolRecords } from "../pool-session.ts";
import { problem } from "../problem.ts";
import { counted, flagOf, nameOf, numberOf, poolOf, textOf } from "../verdict/read.ts";
import { explained, untilLive, type ActsPorts } from "./proof.ts";

type Change = InputOf<"vms.setProtection">["changes"][number];

interface Write {
  readonly field: "ha_restart_priority" | "order" | "start_delay";
  readonly value: string | number;
  readonly before: string | number;
}

interface VmWork {
  readonly ref: string;
  readonly name: string;
  readonly demotions: readonly Write[];
  readonly numbers: readonly Write[];
  readonly promotions: readonly Write[];
  readonly written: Write[];
  /** why this VM could not be changed; its own fields are put back then */
  failure: string | null;
}

const parallelCalls = 8;
const proofTimeoutMs = 60_000;

/**
 * Writes restart treatment, order and delay so that native HA's plan holds all the way: VMs that
 * give up a guarantee first, then order and delay, then VMs that gain one, then the database is
 * synced. A VM is changed as a whole or not at all; VMs that could be changed stay changed when
 * others could not, and the failure names each VM that was left as it was.
 */
export async function writeProtection(
  ports: ActsPorts,
  changes: readonly Change[],
): Promise<{ written: number }> {
  const work = planWork(ports.session.records(), changes);
  await inPass(ports, work, (vm) => vm.demotions);
  await inPass(ports, work, (vm) => vm.numbers);
  await inPass(ports, work, (vm) => vm.promotions);
  await proveWritten(ports, work);
  const written = work.filter((vm) => vm.failure === null && vm.written.length > 0).length;
  const failed = work.filter((vm) => vm.failure !== null);
  if (written > 0) await syncIfNeeded(ports, written);
  if (failed.length > 0) throw partial(written, failed);
  return { written };
}

function planWork(records: PoolRecords, changes: readonly Change[]): VmWork[] {
  return changes.map((change) => {
    const found = records.byUuid("VM", change.vmUuid);
    if (found === undefined) {
      throw problem(
        "UUID_INVALID",
        "One of the chosen VMs is no longer part of the pool; nothing was written.",
        "Choose the VMs again.",
        { detail: `VM ${change.vmUuid}` },
      );
    }
    const { ref, record } = found;
    const before = textOf(record, "ha_restart_priority");
    const after = change.treatment === "unprotected" ? "" : (change.treatment ?? before);
    const treatment: Write[] =
      after === before ? [] : [{ field: "ha_restart_priority", value: after, before }];
    const isPromotion = after === "restart";
    return {
      ref,
      name: nameOf(record),
      demotions: isPromotion ? [] : treatment,
      numbers: [
        ...numberWrite("order", change.order, numberOf(record, "order") ?? 0),
        ...numberWrite("start_delay", change.startDelayS, numberOf(record, "start_delay") ?? 0),
      ],
      promotions: isPromotion ? treatment : [],
      written: [],
      failure: null,
    };
  });
}

function numberWrite(field: Write["field"], value: number | undefined, before: number): Write[] {
  return value === undefined || value === before ? [] : [{ field, value, before }];
}

/** One kind of write for all VMs, a few at a time; VMs that failed before are left out. */
async function inPass(
  ports: ActsPorts,
  work: readonly VmWork[],
  writesOf: (vm: VmWork) => readonly Write[],
): Promise<void> {
  const waiting = work.filter((vm) => vm.failure === null && writesOf(vm).length > 0);
  const worker = async (): Promise<void> => {
    for (let vm = waiting.shift(); vm !== undefined; vm = waiting.shift()) {
      await writeAll(ports, vm, writesOf(vm));
    }
  };
  await Promise.all(Array.from({ length: parallelCalls }, worker));
}

async function writeAll(ports: ActsPorts, vm: VmWork, writes: readonly Write[]): Promise<void> {
  try {
    for (const write of writes) {
      await setField(ports, vm.ref, write.field, write.value);
      vm.written.push(write);
    }
  } catch (failure) {
    vm.failure = explained(ports, failure).error.sentence;
    await putBack(ports, vm);
  }
}

async function putBack(ports: ActsPorts, vm: VmWork): Promise<void> {
  for (const write of vm.written.splice(0).reverse()) {
    try {
      await setField(ports, vm.ref, write.field, write.before);
    } catch (failure) {
      const { sentence } = explained(ports, failure).error;
      vm.failure += ` Its ${write.field} could not be set back to “${write.before}”: ${sentence}`;
    }
  }
}

const setters: Readonly<Record<Write["field"], string>> = {
  ha_restart_priority: "VM.set_ha_restart_priority",
  order: "VM.set_order",
  start_delay: "VM.set_start_delay",
};

/**
 * Setting a value twice is harmless; it is done only when the facts show that it did not arrive.
 */
async function setField(
  ports: ActsPorts,
  vmRef: string,
  field: Write["field"],
  value: string | number,
): Promise<void> {
  const { session } = ports;
  try {
    await session.call(setters[field], vmRef, value);
  } catch (failure) {
    if (!(failure instanceof OutcomeUnknown)) throw failure;
    await untilLive(ports);
    if (!fieldIs(session.records(), vmRef, field, value)) {
      await session.call(setters[field], vmRef, value);
    }
  }
}

function fieldIs(
  records: PoolRecords,
  vmRef: string,
  field: Write["field"],
  value: string | number,
): boolean {
  const vm = records.get("VM", vmRef);
  return typeof value === "number" ? numberOf(vm, field) === value : textOf(vm, field) === value;
}

async function proveWritten(ports: ActsPorts, work: readonly VmWork[]): Promise<void> {
  const written = work.filter((vm) => vm.failure === null);
  const isThere = (records: PoolRecords, vm: VmWork): boolean =>
    vm.written.every((write) => fieldIs(records, vm.ref, write.field, write.value));
  try {
    await ports.session.untilFacts(
      "the new protection settings are in the pool",
      (records) => written.every((vm) => isThere(records, vm)),
      proofTimeoutMs,
    );
  } catch {
    for (const vm of written) {
      if (isThere(ports.session.records(), vm)) continue;
      vm.failure = "The pool shows other values than were written.";
    }
  }
}

async function syncIfNeeded(ports: ActsPorts, written: number): Promise<void> {
  const { session } = ports;
  if (!flagOf(poolOf(session.records())?.record, "ha_enabled")) return;
  try {
    await session.call("pool.sync_database");
  } catch (failure) {
    const { error } = explained(ports, failure);
    throw problem(
      error.code,
      `${counted(written, "VM is", "VMs are")} changed, but the copy of the database that native HA ` +
        `restarts from was not brought up to date: ${error.sentence}`,
      "Save once more when the pool is healthy.",
      { retryable: true },
    );
  }
}

function partial(written: number, failed: readonly VmWork[]): Error {
  const shown = failed.slice(0, 5).map((vm) => `“${vm.name}”: ${vm.failure ?? ""}`);
  const more = failed.length > 5 ? ` And ${failed.length - 5} more.` : "";
  return problem(
    "PARTLY_WRITTEN",
    `${counted(failed.length, "VM was", "VMs were")} left unchanged, ` +
      `${counted(written, "was", "were")} changed. ${shown.join(" ")}${more}`,
    "Mend what is named, then save these VMs again.",
    { detail: failed.map((vm) => `${vm.name}: ${vm.failure ?? ""}`).join("\n") },
  );
}
