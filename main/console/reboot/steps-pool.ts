import type { PoolRecords } from "../pool-session.ts";
import { actAndProve } from "../ha/proof.ts";
import { haMatches, type HaSetting } from "../ha/ha.ts";
import { problem } from "../problem.ts";
import { judgeHost } from "../verdict/judge-host.ts";
import { counted, flagOf, listed, nameOf, poolOf, textOf } from "../verdict/read.ts";
import { assertHostSettled, isLive, poolRefOf, setConfigKey, type Acts } from "./acts.ts";
import { holdsLedger, noteInLedger, removeLedger, takeLedger } from "./ledger.ts";
import type { Step } from "./transaction.ts";

export function verdictStep(acts: Acts): Step {
  return {
    id: "verdict",
    title: "Check once more",
    plan: () => ({
      needed: true,
      sentence: `All checks of “${acts.hostName}” are made again on the facts of that moment.`,
      undoSentence: null,
    }),
    act: async () => {
      const { session, clock } = acts;
      const verdict = judgeHost({
        records: session.records(),
        hostRef: acts.hostRef,
        connection: session.connection(),
        freshAtMs: session.freshAtMs(),
        nowMonotonicMs: clock.monotonicMs(),
        nowWallMs: clock.wallMs(),
      });
      const { checks } = verdict;
      const against = checks.filter(
        (check) => check.state === "failed" || check.state === "skipped",
      );
      if (verdict.verdict === "unsafe" || verdict.verdict === "unknown") {
        throw problem(
          verdict.verdict === "unsafe" ? "UNSAFE" : "VERDICT_UNKNOWN",
          listed(
            against.map((check) => check.sentence),
            3,
          ),
          against[0]?.fix ?? "Look at the verdict of this host.",
        );
      }
      const open = checks.filter(
        (check) => check.state === "review" && !acts.acknowledgedIds.has(check.id),
      );
      if (open.length > 0) {
        throw problem(
          "NOT_ACKNOWLEDGED",
          `Not acknowledged: ${listed(
            open.map((check) => check.sentence),
            3,
          )}`,
          "Read and acknowledge what is named, then start again.",
        );
      }
      return `${counted(checks.length, "check")} made, none speaks against it.`;
    },
    undo: null,
  };
}

export function ledgerStep(acts: Acts): Step {
  return {
    id: "ledger",
    title: "Write the ledger",
    plan: () => ({
      needed: true,
      sentence:
        "What is about to be changed is written to the pool first, for every console to see.",
      undoSentence: "The ledger is removed once everything else is put back.",
    }),
    act: async () => {
      await takeLedger(acts);
      return `The ledger names ${acts.owner} and “${acts.hostName}”.`;
    },
    undo: async (_report, { notPutBack }) => {
      if (!holdsLedger(acts)) return "No ledger of this run is in the pool.";
      if (notPutBack.length > 0) {
        throw problem(
          "LEDGER_KEPT",
          `The ledger stays in the pool: it holds the values for ${listed([...notPutBack])}.`,
          "Put back what is named, then remove the ledger.",
        );
      }
      await removeLedger(acts);
      return "The ledger is removed.";
    },
  };
}

export function ledgerEndStep(acts: Acts): Step {
  return {
    id: "ledger-end",
    title: "Remove the ledger",
    plan: () => ({
      needed: true,
      sentence: "The ledger leaves the pool: nothing is left to put back.",
      undoSentence: null,
    }),
    act: async () => {
      await removeLedger(acts);
      return "The ledger is removed.";
    },
    undo: null,
    isPuttingBack: true,
  };
}

function describeHa(acts: Acts, ha: HaSetting): string {
  const names = ha.srUuids.map(
    (uuid) => `“${nameOf(acts.session.records().byUuid("SR", uuid)?.record)}”`,
  );
  const timeout = ha.configuration["timeout"];
  return (
    `${listed(names)}, ${timeout === undefined ? "default timeout" : `timeout ${timeout} s`}, ` +
    `${counted(ha.failuresToTolerate, "failure")} tolerated`
  );
}

export function haOffStep(acts: Acts): Step {
  const { run } = acts;
  return {
    id: "ha-off",
    title: "Switch native HA off",
    plan: () => ({
      needed: run.before.ha !== null,
      sentence:
        run.before.ha === null
          ? "Native HA is off already."
          : `Native HA goes off until the end; remembered: ${describeHa(acts, run.before.ha)}.`,
      undoSentence: run.before.ha === null ? null : "Native HA is switched on exactly as before.",
    }),
    act: async () => {
      await noteInLedger(acts, "ha-off", run.before.ha);
      await acts.ha.disable();
      return "Native HA is off.";
    },
    undo: () => haBack(acts),
  };
}

async function haBack(acts: Acts): Promise<string> {
  const wanted = acts.run.before.ha;
  if (wanted === null) return "Native HA was off.";
  if (haMatches(acts.session.records(), wanted)) return "Native HA is on as before.";
  assertHostSettled(acts, "native HA stays off until then.");
  await acts.ha.switchOn(wanted);
  return `Native HA is on again: ${describeHa(acts, wanted)}.`;
}

export function haOnStep(acts: Acts): Step {
  const wanted = acts.run.before.ha;
  return {
    id: "ha-on",
    title: "Switch native HA on again",
    plan: () => ({
      needed: wanted !== null,
      sentence:
        wanted === null
          ? "Native HA was off before and stays off."
          : `Native HA goes on exactly as it was: ${describeHa(acts, wanted)}.`,
      undoSentence: null,
    }),
    act: () => haBack(acts),
    undo: null,
    isPuttingBack: true,
  };
}

const isAutostart = (acts: Acts): boolean => acts.run.before.autoPoweron === "true";

export function autostartOffStep(acts: Acts): Step {
  return {
    id: "autostart-off",
    title: "Keep VMs from starting by themselves",
    plan: () => ({
      needed: isAutostart(acts),
      sentence: isAutostart(acts)
        ? "The pool's automatic start of VMs goes off, so that the emptied host stays empty."
        : "The pool does not start VMs by itself.",
      undoSentence: isAutostart(acts) ? "The automatic start is set as before." : null,
    }),
    act: async () => {
      await noteInLedger(acts, "autostart-off", { autoPoweron: acts.run.before.autoPoweron });
      await setAutostart(acts, "false");
      return "The pool does not start VMs by itself now.";
    },
    undo: () => autostartBack(acts),
  };
}

async function autostartBack(acts: Acts): Promise<string> {
  await setAutostart(acts, acts.run.before.autoPoweron);
  return "The automatic start of VMs is set as before.";
}

async function setAutostart(acts: Acts, value: string | undefined): Promise<void> {
  await setConfigKey(acts, { owner: "pool", ref: poolRefOf(acts), key: "auto_poweron", value });
}

export function autostartBackStep(acts: Acts): Step {
  return {
    id: "autostart-back",
    title: "Set the automatic start as before",
    plan: () => ({
      needed: isAutostart(acts),
      sentence: isAutostart(acts)
        ? "The pool's automatic start of VMs goes on again."
        : "The automatic start was not changed.",
      undoSentence: null,
    }),
    act: () => autostartBack(acts),
    undo: null,
    isPuttingBack: true,
  };
}

export function handOverStep(acts: Acts): Step {
  const { handOverTo, hostName, hostRef } = acts;
  return {
    id: "hand-over",
    title: "Hand the coordinator role over",
    plan: () => ({
      needed: handOverTo !== null,
      sentence:
        handOverTo === null
          ? `“${hostName}” is a supporter.`
          : `“${handOverTo.name}” becomes coordinator and keeps the role. ` +
            "The connection drops and all hosts are disabled for a short while.",
      undoSentence:
        handOverTo === null ? null : `“${hostName}” gets the role back, unless it has rebooted.`,
    }),
    check: async () => {
      const silent: string[] = [];
      for (const [ref, host] of acts.session.records().all("host")) {
        if (!isLive(acts.session.records(), ref)) silent.push(`“${nameOf(host)}”`);
      }
      if (silent.length === 0) return;
      throw problem(
        "HOST_OFFLINE",
        `The role cannot be handed over while ${listed(silent)} does not answer.`,
        "Bring the host back first.",
      );
    },
    act: async () => {
      if (handOverTo === null) return `“${hostName}” is a supporter.`;
      await noteInLedger(acts, "hand-over", { coordinatorUuid: acts.hostUuid });
      await designate(acts, handOverTo.ref, handOverTo.name);
      return `“${handOverTo.name}” coordinates the pool.`;
    },
    undo: async () => {
      const now = textOf(poolOf(acts.session.records())?.record, "master");
      if (now === hostRef) return `“${hostName}” coordinates the pool.`;
      if (acts.run.reboot === "back") return `The role stays with “${handOverTo?.name ?? ""}”.`;
      assertHostSettled(acts, "the coordinator role stays where it is.");
      await designate(acts, hostRef, hostName);
      return `“${hostName}” coordinates the pool again.`;
    },
  };
}

async function designate(acts: Acts, ref: string, name: string): Promise<void> {
  const { session, timing } = acts;
  const { enabledHosts } = acts.run.before;
  const wereEnabled = enabledHosts.filter((host) =>
    flagOf(session.records().get("host", host), "enabled"),
  );
  const holds = (records: PoolRecords): boolean =>
    textOf(poolOf(records)?.record, "master") === ref &&
    wereEnabled.every(
      (host) => flagOf(records.get("host", host), "enabled") && isLive(records, host),
    );
  await actAndProve(acts, () => session.callTask("pool.designate_new_master", [ref]), {
    what: `“${name}” coordinates the pool and all hosts take VMs again`,
    holds,
    timeoutMs: timing.handOverMs,
  });
}
