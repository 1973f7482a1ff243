import { OutcomeUnknown, XapiFailure, type PoolRecords, type XapiRecord } from "../pool-session.ts";
import { explained, untilLive } from "../ha/proof.ts";
import { problem } from "../problem.ts";
import { busyWith } from "../verdict/checks-vms.ts";
import { subjectOf } from "../verdict/judge-host.ts";
import { placeGuests } from "../verdict/placement.ts";
import { createPoolIndex } from "../verdict/pool-index.ts";
import { counted, flagOf, isGuest, listed, nameOf, textOf } from "../verdict/read.ts";
import {
  assertHostSettled,
  ensureEnabled,
  hostRecord,
  isLive,
  type Acts,
  type VmBefore,
} from "./acts.ts";
import { noteInLedger } from "./ledger.ts";
import type { PhaseVm, Report, Step } from "./transaction.ts";

export function guestsOn(
  records: PoolRecords,
  hostRef: string,
): { ref: string; record: XapiRecord }[] {
  const found: { ref: string; record: XapiRecord }[] = [];
  for (const [ref, record] of records.all("VM")) {
    if (textOf(record, "resident_on") === hostRef && isGuest(record)) found.push({ ref, record });
  }
  return found;
}

/** The rows of a phase, one per VM, told at every change. */
interface Rows {
  set(uuid: string, change: Partial<PhaseVm>): void;
}

interface RowStart {
  readonly uuid: string;
  readonly name: string;
  readonly targetName?: string | null;
}

function waitingRows(vms: readonly RowStart[]): PhaseVm[] {
  return vms.map(({ uuid, name, targetName }) => ({
    uuid,
    name,
    state: "waiting",
    progress: 0,
    targetName: targetName ?? null,
    sentence: null,
  }));
}

function createRows(report: Report, vms: readonly RowStart[]): Rows {
  const rows = waitingRows(vms);
  report.vms(rows);
  return {
    set(uuid, change) {
      const at = rows.findIndex((row) => row.uuid === uuid);
      if (at < 0) return;
      rows[at] = { ...rows[at]!, ...change };
      report.vms(rows);
    },
  };
}

const pinnedOf = (acts: Acts): readonly VmBefore[] =>
  acts.run.before.vms.filter((vm) => vm.isPinned);

const movedOf = (acts: Acts): readonly VmBefore[] =>
  acts.run.before.vms.filter((vm) => !vm.isPinned);

const named = (vms: readonly { readonly name: string }[]): string =>
  listed(vms.map((vm) => `“${vm.name}”`));

/* ---- VMs that are tied to the host ---- */

export function stopStep(acts: Acts): Step {
  const pinned = pinnedOf(acts);
  return {
    id: "stop-vms",
    title: "Shut down VMs that cannot leave",
    plan: () => ({
      needed: pinned.length > 0,
      sentence:
        pinned.length === 0
          ? "Every VM can leave the host."
          : `${named(pinned)}: shut down cleanly, last to start first; never switched off hard.`,
      undoSentence: pinned.length === 0 ? null : `They are started again on “${acts.hostName}”.`,
      vms: waitingRows(pinned),
    }),
    act: async (report) => {
      await noteInLedger(acts, "stop-vms", { vms: pinned.map((vm) => vm.uuid) });
      const ordered = [...pinned].sort((a, b) => b.order - a.order);
      const rows = createRows(report, ordered);
      for (const vm of ordered) await stopVm(acts, vm, rows);
      return `${named(pinned)} shut down.`;
    },
    undo: (report) => startAgain(acts, report),
  };
}

async function stopVm(acts: Acts, vm: VmBefore, rows: Rows): Promise<void> {
  const { session, timing, clock } = acts;
  rows.set(vm.uuid, { state: "stopping" });
  const halted = (records: PoolRecords): boolean =>
    textOf(records.get("VM", vm.ref), "power_state") === "Halted";
  if (!halted(session.records())) {
    const deadline = new AbortController();
    const awake = new AbortController();
    void clock.sleep(timing.cleanShutdownMs, awake.signal).then(() => deadline.abort());
    try {
      await session.callTask("VM.clean_shutdown", [vm.ref], {
        signal: deadline.signal,
        onProgress: (progress) => rows.set(vm.uuid, { progress }),
      });
    } catch (failure) {
      await afterLostShutdown(acts, failure, { vm, rows, halted });
    } finally {
      awake.abort();
    }
  }
  try {
    await session.untilFacts(`VM “${vm.name}” is halted`, halted, timing.factsMs);
  } catch {
    const minutes = Math.round(timing.cleanShutdownMs / 60_000);
    rows.set(vm.uuid, { state: "failed", sentence: "It did not shut down." });
    throw problem(
      "SHUTDOWN_TIMEOUT",
      `VM “${vm.name}” did not shut down cleanly within ${minutes} minutes.`,
      "Shut it down from inside, or find out what keeps it, then start again.",
    );
  }
  rows.set(vm.uuid, { state: "stopped", progress: 1 });
}

async function afterLostShutdown(
  acts: Acts,
  failure: unknown,
  what: { vm: VmBefore; rows: Rows; halted: (records: PoolRecords) => boolean },
): Promise<void> {
  if (failure instanceof OutcomeUnknown) return untilLive(acts);
  if (what.halted(acts.session.records())) return undefined;
  const error = explained(acts, failure);
  what.rows.set(what.vm.uuid, { state: "failed", sentence: error.error.sentence });
  throw error;
}

/** Starts, in their order, what was running before and is halted now. */
async function startAgain(acts: Acts, report: Report): Promise<string> {
  const { session, timing } = acts;
  const pinned = [...pinnedOf(acts)].sort((a, b) => a.order - b.order);
  if (pinned.length === 0) return "No VM had to be started.";
  await untilIdle(acts, pinned, timing.cleanShutdownMs);
  const halted = pinned.filter(
    (vm) => textOf(session.records().get("VM", vm.ref), "power_state") === "Halted",
  );
  if (halted.length === 0) return `${named(pinned)}: running.`;
  assertHostSettled(acts, `${named(halted)} cannot be started.`);
  await ensureEnabled(acts);
  const rows = createRows(report, pinned);
  const failures: string[] = [];
  for (const vm of halted) {
    rows.set(vm.uuid, { state: "starting", targetName: acts.hostName });
    const runs = (records: PoolRecords): boolean =>
      textOf(records.get("VM", vm.ref), "power_state") === "Running";
    try {
      await orLookAtFacts(acts, () =>
        session.callTask("VM.start_on", [vm.ref, acts.hostRef, false, false]),
      );
      await session.untilFacts(`VM “${vm.name}” runs`, runs, timing.factsMs);
      rows.set(vm.uuid, { state: "started", progress: 1 });
    } catch (failure) {
      const { sentence } = explained(acts, failure).error;
      rows.set(vm.uuid, { state: "failed", sentence });
      failures.push(`VM “${vm.name}” was not started again: ${sentence}`);
    }
  }
  if (failures.length > 0) throw manualStart(failures, acts);
  return `${named(halted)} started again on “${acts.hostName}”.`;
}

function manualStart(failures: readonly string[], acts: Acts): Error {
  return problem(
    "VM_NOT_STARTED",
    failures.join(" "),
    `Start what is named on “${acts.hostName}” by hand.`,
  );
}

/** A lost answer is no failure yet; the facts that are waited for next decide. */
async function orLookAtFacts(acts: Acts, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (failure) {
    if (!(failure instanceof OutcomeUnknown)) throw failure;
    await untilLive(acts);
  }
}

/** Waits for operations that an earlier, lost call may have left running on these VMs. */
async function untilIdle(acts: Acts, vms: readonly VmBefore[], timeoutMs: number): Promise<void> {
  const { session } = acts;
  const isIdle = (records: PoolRecords): boolean =>
    vms.every((vm) => busyWith(records.get("VM", vm.ref) ?? {}).length === 0);
  if (isIdle(session.records())) return;
  try {
    await session.untilFacts("no VM of this host is busy", isIdle, timeoutMs);
  } catch {
    const busy = vms.filter((vm) => busyWith(session.records().get("VM", vm.ref) ?? {}).length > 0);
    throw problem(
      "VM_BUSY",
      `${named(busy)}: an operation does not end.`,
      "Wait for it or cancel it, then put the VM back by hand.",
    );
  }
}

/* ---- VMs that move ---- */

export function evacuateStep(acts: Acts): Step {
  const { session, hostRef, hostName } = acts;
  return {
    id: "evacuate",
    title: "Move the VMs away",
    plan: () => {
      const moves = plannedMoves(acts);
      const count = counted(moves.length, "VM moves", "VMs move");
      return {
        needed: true,
        sentence:
          moves.length === 0
            ? `No VM has to leave “${hostName}”.`
            : `${count} to other hosts, one after the other, the largest first.`,
        undoSentence: moves.length === 0 ? null : `They move back to “${hostName}”.`,
        vms: waitingRows(moves),
      };
    },
    act: async (report) => {
      await noteInLedger(acts, "evacuate", { vms: movedOf(acts).map((vm) => vm.uuid) });
      const moved = await moveAll(acts, report);
      await session
        .untilFacts(
          `no VM is left on “${hostName}”`,
          (records) => guestsOn(records, hostRef).length === 0,
          acts.timing.factsMs,
        )
        .catch(() => {
          const left = guestsOn(session.records(), hostRef).map((vm) => `“${nameOf(vm.record)}”`);
          throw problem(
            "HOST_NOT_EMPTY",
            `${listed(left)} still on “${hostName}”.`,
            "Find out what keeps it there, then start again.",
          );
        });
      return moved === 0 ? "No VM had to move." : `${counted(moved, "VM")} moved away.`;
    },
    undo: (report) => moveBack(acts, report),
  };
}

interface Move extends RowStart {
  readonly ref: string;
  readonly targetRef: string | null;
}

/** Who would go where, by the facts of this moment. */
function plannedMoves(acts: Acts): Move[] {
  const records = acts.session.records();
  const index = createPoolIndex(records);
  const host = index.hosts.get(acts.hostRef);
  if (host === undefined) return [];
  const pinned = new Set(pinnedOf(acts).map((vm) => vm.ref));
  const { guests } = subjectOf(index, host);
  const leaving = guests.filter((guest) => !pinned.has(guest.ref));
  const { targets } = placeGuests(index, acts.hostRef, leaving);
  return [...leaving]
    .sort((a, b) => b.needBytes - a.needBytes || (a.uuid < b.uuid ? -1 : 1))
    .map((guest) => {
      const targetRef = targets.get(guest.ref) ?? null;
      return {
        ref: guest.ref,
        uuid: guest.uuid,
        name: guest.name,
        targetRef,
        targetName: targetRef === null ? null : nameOf(records.get("host", targetRef)),
      };
    });
}

async function moveAll(acts: Acts, report: Report): Promise<number> {
  const moves = plannedMoves(acts);
  const rows = createRows(report, moves);
  const stuck = moves.filter((move) => move.targetRef === null);
  if (stuck.length > 0) {
    for (const move of stuck) rows.set(move.uuid, { state: "failed", sentence: "No host for it." });
    throw problem(
      "NO_HOSTS_AVAILABLE",
      `No host can take ${named(stuck)} now.`,
      "Look at the verdict again: something changed since.",
    );
  }
  let moved = 0;
  for (const move of moves) {
    if (await moveVm(acts, { ...move, targetRef: move.targetRef! }, rows)) moved += 1;
  }
  return moved;
}

/**
 * Moves one VM and proves where it is. False when it stopped running by itself meanwhile. Throws
 * with its name otherwise; nothing is tried twice.
 */
async function moveVm(
  acts: Acts,
  move: RowStart & { readonly ref: string; readonly targetRef: string },
  rows: Rows,
): Promise<boolean> {
  const { session, timing } = acts;
  const vm = (records: PoolRecords): XapiRecord => records.get("VM", move.ref) ?? {};
  const isThere = (records: PoolRecords): boolean =>
    textOf(vm(records), "resident_on") === move.targetRef;
  const isHalted = (records: PoolRecords): boolean =>
    textOf(vm(records), "power_state") === "Halted";
  const hasEnded = (records: PoolRecords): boolean =>
    isThere(records) || isHalted(records) || busyWith(vm(records)).length === 0;
  rows.set(move.uuid, { state: "moving" });
  try {
    await callWithStall(acts, move, (progress) => rows.set(move.uuid, { progress }));
  } catch (failure) {
    if (failure instanceof OutcomeUnknown) {
      await untilLive(acts);
      await session.untilFacts("the move has ended", hasEnded, timing.factsMs).catch(() => {});
    } else if (!(failure instanceof XapiFailure && isHalted(session.records()))) {
      const error = explained(acts, failure);
      rows.set(move.uuid, { state: "failed", sentence: error.error.sentence });
      throw moveProblem(acts, move, error.error.sentence);
    }
  }
  const settled = (records: PoolRecords): boolean => isThere(records) || isHalted(records);
  try {
    await session.untilFacts(`VM “${move.name}” has moved`, settled, timing.factsMs);
  } catch {
    rows.set(move.uuid, { state: "failed", sentence: "It did not arrive." });
    throw moveProblem(acts, move, "it did not arrive.");
  }
  if (isHalted(session.records())) {
    rows.set(move.uuid, { state: "left", sentence: "It was shut down by somebody meanwhile." });
    return false;
  }
  rows.set(move.uuid, { state: "moved", progress: 1 });
  return true;
}

/** The move as a task, waited for as long as it gets on. */
async function callWithStall(
  acts: Acts,
  move: { readonly ref: string; readonly targetRef: string },
  onProgress: (progress: number) => void,
): Promise<void> {
  const { session, clock, timing } = acts;
  const stalled = new AbortController();
  const ended = new AbortController();
  let last = -1;
  let changedAtMs = clock.monotonicMs();
  const watch = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      const leftMs = changedAtMs + timing.moveStallMs - clock.monotonicMs();
      if (leftMs <= 0) return stalled.abort();
      await clock.sleep(leftMs, ended.signal);
    }
  };
  void watch();
  try {
    await session.callTask("VM.pool_migrate", [move.ref, move.targetRef, { live: "true" }], {
      signal: stalled.signal,
      onProgress: (progress) => {
        if (progress === last) return;
        last = progress;
        changedAtMs = clock.monotonicMs();
        onProgress(progress);
      },
    });
  } finally {
    ended.abort();
  }
}

function moveProblem(acts: Acts, move: RowStart, why: string): Error {
  const where = move.targetName === null ? "" : ` to “${move.targetName ?? ""}”`;
  return problem(
    "MOVE_FAILED",
    `VM “${move.name}” could not be moved${where}: ${why}`,
    `Mend what is named, then reboot “${acts.hostName}” again.`,
  );
}

/** Brings back what ran here before and runs elsewhere now; each VM that stays away is named. */
async function moveBack(acts: Acts, report: Report): Promise<string> {
  const { session, hostRef, hostName } = acts;
  const vms = movedOf(acts);
  await untilIdle(acts, vms, acts.timing.factsMs);
  const away = vms.filter((vm) => {
    const record = session.records().get("VM", vm.ref);
    return textOf(record, "power_state") === "Running" && textOf(record, "resident_on") !== hostRef;
  });
  if (away.length === 0) return `No VM is away from “${hostName}”.`;
  assertHostSettled(acts, `${named(away)} stay where they are.`);
  if (!isLive(session.records(), hostRef)) {
    throw problem(
      "HOST_OFFLINE",
      `“${hostName}” does not answer: ${named(away)} stay where they are.`,
      `Bring “${hostName}” back, then move them by hand.`,
    );
  }
  if (!flagOf(hostRecord(acts), "enabled")) await ensureEnabled(acts);
  const moves = away.map((vm) => ({ ...vm, targetRef: hostRef, targetName: hostName }));
  const rows = createRows(report, moves);
  const failures: string[] = [];
  for (const move of moves) {
    try {
      await moveVm(acts, move, rows);
    } catch (failure) {
      failures.push(explained(acts, failure).error.sentence);
    }
  }
  if (failures.length > 0) {
    throw problem(
      "VM_NOT_BACK",
      failures.join(" "),
      `Move what is named to “${hostName}” by hand; it runs elsewhere meanwhile.`,
    );
  }
  return `${counted(away.length, "VM")} moved back to “${hostName}”.`;
}

export function vmsBackStep(acts: Acts): Step {
  const { vms } = acts.run.before;
  return {
    id: "vms-back",
    title: "Bring the VMs back",
    plan: () => ({
      needed: vms.length > 0,
      sentence:
        vms.length === 0
          ? `No VM ran on “${acts.hostName}”.`
          : `${counted(movedOf(acts).length, "VM moves", "VMs move")} back` +
            (pinnedOf(acts).length > 0 ? `; ${named(pinnedOf(acts))} start again.` : "."),
      undoSentence: null,
      vms: waitingRows(vms),
    }),
    act: async (report) => {
      const started = await startAgain(acts, report);
      const moved = await moveBack(acts, report);
      return `${started} ${moved}`;
    },
    undo: null,
    isPuttingBack: true,
  };
}
