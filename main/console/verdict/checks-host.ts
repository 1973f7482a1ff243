import {
  hostObject,
  networkObject,
  notPassed,
  passed,
  srObject,
  type CheckKind,
  type Finding,
  type Subject,
} from "./judgement.ts";
import { listed, mapOf } from "./read.ts";

const hostEnabled: CheckKind = {
  id: "host-enabled",
  group: "host",
  title: "The host is enabled",
  evidence: "XAPI's host record",
};
const hostIdle: CheckKind = {
  id: "host-idle",
  group: "host",
  title: "Nothing else is being done to a host",
  evidence: "Operations in XAPI's host records",
};
const storage: CheckKind = {
  id: "storage-plugged",
  group: "storage",
  title: "Shared storage is plugged on every host",
  evidence: "XAPI's storage connections (PBDs)",
};
const networks: CheckKind = {
  id: "networks-attached",
  group: "network",
  title: "Networks of the VMs are on every host",
  evidence: "XAPI's network interfaces (PIFs)",
};

export function hostChecks(subject: Subject): Finding[] {
  return [
    enabledCheck(subject),
    ...idleChecks(subject),
    ...storageChecks(subject),
    ...networkChecks(subject),
  ];
}

function enabledCheck({ host }: Subject): Finding {
  if (host.enabled) return passed(hostEnabled, `“${host.name}” is enabled.`);
  return notPassed(hostEnabled, "review", {
    sentence: `“${host.name}” is disabled already; it is left disabled afterwards.`,
    object: hostObject(host),
    fix: "Enable it when nobody keeps it disabled on purpose.",
  });
}

const operationNames: Readonly<Record<string, string>> = {
  evacuate: "being emptied",
  reboot: "being rebooted",
  shutdown: "being shut down",
  apply_updates: "being updated",
  power_on: "being powered on",
};

function idleChecks({ index, host }: Subject): Finding[] {
  const found: Finding[] = [];
  for (const one of index.hosts.values()) {
    for (const operation of Object.values(mapOf(one.record, "current_operations"))) {
      const doing = operationNames[operation];
      if (doing === undefined) continue;
      found.push(
        notPassed(hostIdle, "failed", {
          sentence: `Host “${one.name}” is ${doing}.`,
          object: hostObject(one),
          fix: one.ref === host.ref ? "Wait for its end." : "Change one host at a time.",
        }),
      );
    }
  }
  return found.length > 0 ? found : [passed(hostIdle, "No host is being changed.")];
}

/** Shared storage the VMs here use, and every connection of this host. */
function storageChecks({ index, host, movable, others }: Subject): Finding[] {
  const used = new Set(movable.flatMap((guest) => guest.srs));
  const found: Finding[] = [];
  for (const sr of used) {
    const without = others.filter((one) => !sr.pluggedOn.has(one.ref));
    if (without.length === 0) continue;
    const names = without.map((one) => `“${one.name}”`);
    found.push(
      notPassed(storage, "review", {
        sentence: `Storage “${sr.name}” is not plugged on ${listed(names)}: fewer hosts to go to.`,
        object: srObject(sr),
        fix: `Plug “${sr.name}” on ${listed(names)}.`,
      }),
    );
  }
  for (const sr of index.srs.values()) {
    if (!sr.unpluggedOn.has(host.ref)) continue;
    found.push(
      notPassed(storage, "review", {
        sentence: `Storage “${sr.name}” is not plugged on “${host.name}” before the reboot already.`,
        object: srObject(sr),
        fix: "Find out why first: a path that is broken now does not mend by a reboot.",
      }),
    );
  }
  if (found.length > 0) return found;
  return [passed(storage, "All storage that matters here is plugged on every host.")];
}

function networkChecks({ movable, others }: Subject): Finding[] {
  const used = new Set(movable.flatMap((guest) => guest.networks));
  const found: Finding[] = [];
  for (const network of used) {
    const without = others.filter((one) => !network.attachedOn.has(one.ref));
    if (without.length === 0) continue;
    const names = without.map((one) => `“${one.name}”`);
    found.push(
      notPassed(networks, "review", {
        sentence: `Network “${network.name}” is not on ${listed(names)}: fewer hosts to go to.`,
        object: networkObject(network),
        fix: `Attach “${network.name}” on ${listed(names)}.`,
      }),
    );
  }
  return found.length > 0 ? found : [passed(networks, "Every host has the networks of these VMs.")];
}
