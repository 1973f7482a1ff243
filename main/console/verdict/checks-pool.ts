import { ledgerChanges, ledgerPrefix, readLedgerOwner } from "./ledger-key.ts";
import {
  hostObject,
  kindsOf,
  notPassed,
  passed,
  type CheckKind,
  type Finding,
  type Subject,
} from "./judgement.ts";
import { counted, flagOf, listed, listOf, mapOf, nameOf, numberOf, textOf } from "./read.ts";

const kind = kindsOf("pool");

const hostsLive = kind("hosts-live", "All hosts answer", "XAPI's host metrics");
const hostsEnabled = kind("hosts-enabled", "All other hosts take VMs", "XAPI's host records");
const handOver = kind(
  "coordinator-hand-over",
  "Another host can coordinate the pool",
  "XAPI's pool and host records",
);
const sameVersion = kind("same-version", "All hosts run one version", "Software versions of hosts");
const upgrade = kind(
  "no-rolling-upgrade",
  "No rolling upgrade is under way",
  "The pool's settings",
);
const nativeHa = kind("native-ha-pause", "Native HA need not be paused", "XAPI's pool record");
const tolerance = kind("native-ha-plan", "Native HA's plan holds", "XAPI's pool record");
const statefile = kind(
  "ha-statefile",
  "Every host sees the HA heartbeat storage",
  "What hosts report to XAPI",
);
const peers = kind("ha-peers", "Every host hears its peers", "What hosts report to XAPI");
const haLizard = kind("ha-lizard", "HA-Lizard is off", "The pool's settings");
const replication = kind(
  "replication",
  "No replicated storage is at risk",
  "Storage records and settings of the pool",
);
const autostart = kind("auto-poweron", "No VM starts by itself on boot", "The pool's settings");

export function poolChecks(subject: Subject): Finding[] {
  return [
    ...liveChecks(subject),
    ...enabledChecks(subject),
    handOverCheck(subject),
    versionCheck(subject),
    upgradeCheck(subject),
    ...nativeHaChecks(subject),
    haLizardCheck(subject),
    ...replicationChecks(subject),
    autostartCheck(subject),
  ];
}

function liveChecks({ index }: Subject): Finding[] {
  const hosts = [...index.hosts.values()];
  const silent = hosts.filter((host) => host.live !== true);
  if (silent.length === 0) {
    return [passed(hostsLive, `All ${counted(hosts.length, "host")} are live.`)];
  }
  return silent.map((host) =>
    notPassed(hostsLive, host.live === null ? "skipped" : "failed", {
      sentence:
        host.live === null
          ? `Whether host “${host.name}” is live is not known.`
          : `Host “${host.name}” is not live in XAPI's eyes.`,
      object: hostObject(host),
      fix: `Bring “${host.name}” back, or prove that it is off and remove it from the pool, first.`,
    }),
  );
}

function enabledChecks({ others, index }: Subject): Finding[] {
  const away = others.filter((host) => host.live === true && !host.enabled && !host.inMaintenance);
  if (away.length === 0) {
    const resting = others.filter((host) => host.inMaintenance).length;
    const count = others.length - resting;
    if (index.hosts.size === 1) return [passed(hostsEnabled, "The pool has no other host.")];
    return [passed(hostsEnabled, `${counted(count, "other host is", "other hosts are")} enabled.`)];
  }
  return away.map((host) =>
    notPassed(hostsEnabled, "review", {
      sentence: `Host “${host.name}” is disabled: it takes no VM and no failure load.`,
      object: hostObject(host),
      fix: `Enable “${host.name}” when nothing speaks against it.`,
    }),
  );
}

function handOverCheck(subject: Subject): Finding {
  const { host, isCoordinator, targets, index } = subject;
  if (!isCoordinator) return passed(handOver, `“${host.name}” is a supporter.`);
  if (targets.length > 0) {
    const names = targets.map((target) => `“${target.name}”`);
    return passed(handOver, `“${host.name}” coordinates the pool; ${listed(names)} can take over.`);
  }
  return notPassed(handOver, "failed", {
    sentence:
      index.hosts.size === 1
        ? `“${host.name}” is the only host: nothing can coordinate the pool or run its VMs meanwhile.`
        : `“${host.name}” coordinates the pool and no other host is live, enabled and of its version.`,
    object: hostObject(host),
    fix:
      index.hosts.size === 1
        ? "Shut the VMs down and reboot the host from its own console."
        : "Make another host of the same version live and enabled.",
  });
}

function versionCheck({ index }: Subject): Finding {
  const byVersion = new Map<string, string[]>();
  for (const host of index.hosts.values()) {
    byVersion.set(host.version, [...(byVersion.get(host.version) ?? []), host.name]);
  }
  const [only] = byVersion.keys();
  if (byVersion.size === 1) return passed(sameVersion, `All hosts run ${only || "one version"}.`);
  const parts = [...byVersion].map(([version, names]) => `${listed(names)}: ${version}`);
  return notPassed(sameVersion, "failed", {
    sentence: `Hosts run different versions (${parts.join("; ")}).`,
    object: null,
    fix: "Finish the upgrade, coordinator first, before any other reboot.",
  });
}

function upgradeCheck({ index }: Subject): Finding {
  if (!("rolling_upgrade_in_progress" in mapOf(index.pool, "other_config"))) {
    return passed(upgrade, "The pool is not marked as being upgraded.");
  }
  return notPassed(upgrade, "failed", {
    sentence: "The pool is marked as being in a rolling upgrade.",
    object: null,
    fix: "Finish the upgrade; XAPI removes the mark once all hosts agree.",
  });
}

function nativeHaChecks(subject: Subject): Finding[] {
  const { index, haEnabled, host } = subject;
  if (!haEnabled) return [passed(nativeHa, "Native HA is off.")];
  const tolerated = numberOf(index.pool, "ha_host_failures_to_tolerate") ?? 0;
  const planned = numberOf(index.pool, "ha_plan_exists_for") ?? 0;
  const overcommitted = flagOf(index.pool, "ha_overcommitted");
  const findings = [
    notPassed(nativeHa, "review", {
      sentence:
        "Native HA is switched off until the reboot is over, because XAPI refuses a hand-over and " +
        "most evacuations while it is on. A host that fails meanwhile is not recovered by it.",
      object: hostObject(host),
      fix: "None needed: it is put back exactly as it was. Choose a quiet hour.",
    }),
    planned < tolerated || overcommitted
      ? notPassed(tolerance, "review", {
          sentence:
            `Native HA shall tolerate ${counted(tolerated, "host failure")} but has a plan for ` +
            `${planned} only: switching it on again may be refused.`,
          object: null,
          fix: "Lower the failures to tolerate or free memory before the reboot.",
        })
      : passed(tolerance, `A plan exists for ${counted(planned, "host failure")}.`),
    ...statefileChecks(subject),
    ...peerChecks(subject),
  ];
  return findings;
}

function statefileChecks({ index }: Subject): Finding[] {
  const files = listOf(index.pool, "ha_statefiles");
  const blind = [...index.hosts.values()].filter((host) => {
    const seen = new Set(listOf(host.record, "ha_statefiles"));
    return host.live === true && !files.every((file) => seen.has(file));
  });
  if (files.length === 0) {
    return [
      notPassed(statefile, "skipped", {
        sentence: "Native HA is on, but XAPI names no heartbeat storage.",
        object: null,
        fix: "Switch native HA off and on again with a heartbeat SR that every host reaches.",
      }),
    ];
  }
  if (blind.length === 0) return [passed(statefile, "Every live host sees every statefile.")];
  return blind.map((host) =>
    notPassed(statefile, "failed", {
      sentence: `Host “${host.name}” reports not to see all HA statefiles: it is close to fencing itself, unless native HA went on within the last minute.`,
      object: hostObject(host),
      fix: "Restore that host's storage path before anything else.",
    }),
  );
}

function peerChecks({ index }: Subject): Finding[] {
  const live = [...index.hosts.values()].filter((host) => host.live === true);
  const deaf = live.filter((host) => {
    const heard = new Set(listOf(host.record, "ha_network_peers"));
    return !live.every((peer) => peer.ref === host.ref || heard.has(peer.uuid));
  });
  if (deaf.length === 0) return [passed(peers, "Every live host hears all others.")];
  return deaf.map((host) =>
    notPassed(peers, "review", {
      sentence: `Host “${host.name}” does not report to hear all its peers.`,
      object: hostObject(host),
      fix: "Check the management network of that host; just after HA was switched on, wait a minute.",
    }),
  );
}

function haLizardCheck({ index }: Subject): Finding {
  const trace = index.haLizard;
  if (!trace.enabled) {
    return passed(haLizard, trace.configured ? "HA-Lizard is installed and off." : "No HA-Lizard.");
  }
  return notPassed(haLizard, "failed", {
    sentence:
      "HA-Lizard is on: it may take the rebooting host for a failed one and start its VMs elsewhere.",
    object: null,
    fix: "Switch HA-Lizard off (its pool switch) and wait a minute, then look again.",
  });
}

function replicationChecks({ index }: Subject): Finding[] {
  const traces = index.replicationTraces;
  if (traces.length === 0) return [passed(replication, "No trace of DRBD, iSCSI-HA or XOSTOR.")];
  return traces.map((trace) =>
    notPassed(replication, "skipped", {
      sentence: `${trace} Whether its copies are in step is not read yet.`,
      object: null,
      fix: "Check on the hosts that every copy is connected and up to date, and that none resyncs.",
    }),
  );
}

function autostartCheck({ index, host }: Subject): Finding {
  if (mapOf(index.pool, "other_config")["auto_poweron"] !== "true") {
    return passed(autostart, "The pool does not start VMs by itself when a host boots.");
  }
  return notPassed(autostart, "review", {
    sentence:
      `The pool starts marked VMs by itself when “${host.name}” boots; ` +
      "the wizard puts that off and back again.",
    object: hostObject(host),
    fix: "None needed; VMs that are marked to start and are halted now stay halted.",
  });
}

const otherRun = (): CheckKind => ({
  id: "no-other-run",
  group: "people",
  title: "No other maintenance run is under way",
  evidence: "The pool's settings",
});
const resting = (): CheckKind => ({
  id: "nobody-else-maintains",
  group: "people",
  title: "No host is in maintenance",
  evidence: "Maintenance keys of the hosts",
});
const tasks = (): CheckKind => ({
  id: "tasks-idle",
  group: "people",
  title: "No long task is under way",
  evidence: "XAPI's task list",
});

export function peopleChecks(subject: Subject): Finding[] {
  return [otherRunCheck(subject), ...maintenanceChecks(subject), ...taskChecks(subject)];
}

function otherRunCheck({ index }: Subject): Finding {
  const config = mapOf(index.pool, "other_config");
  const key = Object.keys(config).find((name) => name.startsWith(ledgerPrefix));
  if (key === undefined) return passed(otherRun(), "The pool carries no ledger of a run.");
  const changes = ledgerChanges(config);
  const recorded = changes.length === 0 ? "" : ` Its ledger records ${listed(changes, 9)}.`;
  return notPassed(otherRun(), "failed", {
    sentence: `${readLedgerOwner(config)} is changing this pool or stopped half way.${recorded}`,
    object: null,
    fix:
      "Let that run end. When it is gone for good, put back what its ledger records and remove the " +
      "pool's other_config keys that begin with “skink.run”.",
  });
}

function maintenanceChecks({ index, host }: Subject): Finding[] {
  const away = [...index.hosts.values()].filter((one) => one.inMaintenance);
  if (away.length === 0) return [passed(resting(), "No host carries a maintenance mark.")];
  return away.map((one) =>
    notPassed(resting(), "review", {
      sentence:
        one.ref === host.ref
          ? `“${one.name}” is in maintenance already, by somebody's intent.`
          : `Host “${one.name}” is in maintenance: it takes no VM now.`,
      object: hostObject(one),
      fix: "Ask who put it there, and end it when it is forgotten.",
    }),
  );
}

function taskChecks({ index, host, isCoordinator }: Subject): Finding[] {
  const found: Finding[] = [];
  for (const task of index.longTasks) {
    const isHere = textOf(task, "resident_on") === host.ref;
    const done = Math.round((numberOf(task, "progress") ?? 0) * 100);
    found.push(
      notPassed(tasks(), isHere || isCoordinator ? "failed" : "review", {
        sentence:
          `The task “${nameOf(task)}” is under way (${done} %)` +
          (isHere ? ` on “${host.name}”.` : isCoordinator ? "; a hand-over ends it." : "."),
        object: null,
        fix: "Wait until it has ended.",
      }),
    );
  }
  return found.length > 0 ? found : [passed(tasks(), "No backup, copy or migration is under way.")];
}
