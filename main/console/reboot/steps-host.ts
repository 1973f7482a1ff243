import { XapiFailure, type PoolRecords } from "../pool-session.ts";
import { actAndProve } from "../ha/proof.ts";
import { problem } from "../problem.ts";
import { counted, flagOf, listed, nameOf, textOf, versionOf } from "../verdict/read.ts";
import {
  assertHostSettled,
  ensureDisabled,
  ensureEnabled,
  hostRecord,
  hostTime,
  isLive,
  setConfigKey,
  type Acts,
} from "./acts.ts";
import { evacuatedKeys, maintenanceMark } from "./before.ts";
import { noteInLedger } from "./ledger.ts";
import { guestsOn } from "./steps-vms.ts";
import type { Step } from "./transaction.ts";

/** Every key that may be written, with the value during the run. */
function keysDuring(acts: Acts): Record<string, string | undefined> {
  const uuids = (isPinned: boolean): string | undefined => {
    const vms = acts.run.before.vms.filter((vm) => vm.isPinned === isPinned);
    return vms.length === 0 ? undefined : vms.map((vm) => vm.uuid).join(",");
  };
  return {
    [maintenanceMark]: "true",
    [evacuatedKeys.migrated]: uuids(false),
    [evacuatedKeys.halted]: uuids(true),
    [evacuatedKeys.suspended]: undefined,
  };
}

async function writeKeys(acts: Acts, keys: Record<string, string | undefined>): Promise<void> {
  for (const [key, value] of Object.entries(keys)) {
    await setConfigKey(acts, { owner: "host", ref: acts.hostRef, key, value });
  }
}

export function maintenanceStep(acts: Acts): Step {
  const { hostName } = acts;
  const { before } = acts.run;
  return {
    id: "maintenance",
    title: "Disable the host",
    plan: () => ({
      needed: true,
      sentence:
        `“${hostName}” takes no new VM and is marked as in maintenance, ` +
        "also for XenCenter, with the VMs to bring back.",
      undoSentence: before.enabled
        ? `“${hostName}” is enabled and its maintenance mark removed.`
        : `The maintenance marks of “${hostName}” are as before.`,
    }),
    act: async () => {
      const { enabled, maintenanceKeys } = before;
      await noteInLedger(acts, "maintenance", { enabled, maintenanceKeys });
      await ensureDisabled(acts);
      await writeKeys(acts, keysDuring(acts));
      return `“${hostName}” is disabled and marked as in maintenance.`;
    },
    undo: () => maintenanceBack(acts),
  };
}

async function maintenanceBack(acts: Acts): Promise<string> {
  const { before } = acts.run;
  const { hostName } = acts;
  assertHostSettled(acts, "it stays disabled and marked as in maintenance.");
  const kept = (key: string): string | undefined => before.maintenanceKeys[key];
  const keys = Object.keys(keysDuring(acts)).map((key) => [key, kept(key)] as const);
  await writeKeys(acts, Object.fromEntries(keys));
  if (before.enabled) await ensureEnabled(acts);
  else if (flagOf(hostRecord(acts), "enabled")) await ensureDisabled(acts);
  return before.enabled
    ? `“${hostName}” is enabled, its maintenance mark removed.`
    : `“${hostName}” is disabled, as it was before.`;
}

export function maintenanceEndStep(acts: Acts): Step {
  const { before } = acts.run;
  return {
    id: "maintenance-end",
    title: "End the maintenance",
    plan: () => ({
      needed: true,
      sentence: before.enabled
        ? `The maintenance mark of “${acts.hostName}” is removed.`
        : `“${acts.hostName}” is disabled again, as it was before.`,
      undoSentence: null,
    }),
    act: () => maintenanceBack(acts),
    undo: null,
    isPuttingBack: true,
  };
}

export function rebootStep(acts: Acts): Step {
  const { hostName, hostRef, session, timing, run } = acts;
  return {
    id: "reboot",
    title: "Reboot",
    plan: () => ({
      needed: true,
      sentence: `“${hostName}” is told to reboot; it goes about ten seconds later.`,
      undoSentence: null,
    }),
    check: async () => {
      const left = guestsOn(session.records(), hostRef);
      if (left.length > 0) {
        throw problem(
          "HOST_NOT_EMPTY",
          `${listed(left.map((vm) => `“${nameOf(vm.record)}”`))} still on “${hostName}”.`,
          "Find out what started a VM there, then start again.",
        );
      }
      if (flagOf(hostRecord(acts), "enabled")) {
        throw problem(
          "HOST_NOT_DISABLED",
          `“${hostName}” was enabled again by something else.`,
          "Find out by whom, then start again.",
        );
      }
    },
    act: async () => {
      await noteInLedger(acts, "reboot", { bootTime: run.before.bootTime });
      run.reboot = "asked";
      await actAndProve(acts, askOnce(acts), {
        what: `“${hostName}” goes down`,
        holds: (records) => !isLive(records, hostRef) || hasRebooted(acts, records),
        timeoutMs: timing.goingMs,
        repeatable: "when-lost",
        settleMs: timing.factsMs,
      });
      return `“${hostName}” is rebooting.`;
    },
    undo: null,
  };
}

/**
 * Tells the host to reboot. A refusal of the first call means that nothing was asked; a refusal of
 * a repetition after a lost answer means that the first one got through.
 */
function askOnce(acts: Acts): () => Promise<void> {
  let asked = 0;
  return async () => {
    asked += 1;
    try {
      await acts.session.call("host.reboot", acts.hostRef);
    } catch (failure) {
      if (!(failure instanceof XapiFailure)) throw failure;
      if (asked > 1) return;
      acts.run.reboot = "not-asked";
      throw failure;
    }
  };
}

function hasRebooted(acts: Acts, records: PoolRecords): boolean {
  const host = records.get("host", acts.hostRef);
  const { before } = acts.run;
  return (
    hostTime(host, "boot_time") > before.bootTime &&
    hostTime(host, "agent_start_time") > before.agentStartTime
  );
}

export function cleanBootStep(acts: Acts): Step {
  const { hostName, hostRef, timing, run } = acts;
  return {
    id: "clean-boot",
    title: "Prove a clean boot",
    plan: () => ({
      needed: true,
      sentence:
        `“${hostName}” must come back live with a newer boot and toolstack start, ` +
        `and with ${counted(run.before.pluggedPbds.length, "storage connection")} plugged again.`,
      undoSentence: null,
    }),
    act: async () => {
      await actAndProve(acts, () => Promise.resolve(), {
        what: `“${hostName}” is back from its reboot`,
        holds: (records) => isLive(records, hostRef) && hasRebooted(acts, records),
        timeoutMs: timing.bootMs,
      }).catch(() => {
        throw problem(
          "HOST_NOT_BACK",
          `“${hostName}” was not back ${Math.round(timing.bootMs / 60_000)} minutes after it went.`,
          "Look at its own console; its VMs run on the other hosts.",
        );
      });
      run.reboot = "back";
      await storageBack(acts);
      const version = versionOf(hostRecord(acts));
      const { before } = run;
      const told =
        version === before.version
          ? `still ${version}`
          : `now ${version}, before ${before.version}`;
      return `“${hostName}” booted cleanly: ${told}, all storage plugged.`;
    },
    undo: null,
    unstoppable: true,
  };
}

/** XAPI plugs by itself at boot; what it left out is plugged once, then named. */
async function storageBack(acts: Acts): Promise<void> {
  const { session, timing, hostName } = acts;
  const { pluggedPbds } = acts.run.before;
  const missing = (records: PoolRecords): string[] =>
    pluggedPbds.filter((ref) => !flagOf(records.get("PBD", ref), "currently_attached"));
  const holds = (records: PoolRecords): boolean => missing(records).length === 0;
  const what = `all storage of “${hostName}” is plugged`;
  try {
    await session.untilFacts(what, holds, timing.storageMs);
    return;
  } catch {
    for (const ref of missing(session.records())) {
      const sr = session.records().get("SR", textOf(session.records().get("PBD", ref), "SR"));
      await actAndProve(acts, () => session.callTask("PBD.plug", [ref]), {
        what: `storage “${nameOf(sr)}” is plugged on “${hostName}”`,
        holds: (records) => flagOf(records.get("PBD", ref), "currently_attached"),
        timeoutMs: timing.storageMs,
      });
    }
  }
}

export function enableStep(acts: Acts): Step {
  return {
    id: "enable",
    title: "Enable the host",
    plan: () => ({
      needed: true,
      sentence: `“${acts.hostName}” takes VMs again.`,
      undoSentence: null,
    }),
    act: async () => {
      await ensureEnabled(acts);
      return `“${acts.hostName}” is enabled.`;
    },
    undo: null,
    isPuttingBack: true,
  };
}
