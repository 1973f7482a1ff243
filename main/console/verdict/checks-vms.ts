import { pinReasons } from "./agility.ts";
import {
  guestObject,
  hostObject,
  kindsOf,
  notPassed,
  passed,
  type Finding,
  type Subject,
} from "./judgement.ts";
import type { GuestFacts } from "./pool-index.ts";
import { counted, listed, listOf, mapOf, textOf } from "./read.ts";

const kind = kindsOf("vms");

const known = kind("vm-facts", "Everything about the VMs is known", "XAPI's VM records");
const running = kind("vm-running", "No VM is paused", "Power states in XAPI's VM records");
const idle = kind("vm-idle", "No VM is busy", "Operations in XAPI's VM records");
const unblocked = kind("vm-unblocked", "No VM is blocked", "Blocked operations of the VMs");
const mustStop = kind(
  "vm-must-stop",
  "Every VM can leave",
  "Disks, networks and devices of the VMs",
);
const stoppable = kind(
  "vm-can-stop",
  "VMs that must stop can",
  "Operations XAPI allows on the VMs",
);
const drive = kind("vm-drive", "No drive holds a disc of one host", "Virtual drives of the VMs");
const reach = kind("vm-reach", "Another host reaches what each VM needs", "Storage and networks");
const fit = kind("vm-memory", "The VMs fit on the other hosts", "Memory of hosts and VMs");
const movable = kind(
  "vm-migratable",
  "XAPI allows every VM to move",
  "Allowed operations of the VMs",
);
const haPlan = kind("vm-ha-unprotected", "Native HA lets every VM leave", "Restart treatments");

export function guestChecks(subject: Subject): Finding[] {
  const { guests, host } = subject;
  if (guests.length === 0) return [passed(mustStop, `No VM runs on “${host.name}”.`)];
  return [
    ...perGuest(guests, gapCheck, passed(known, `All ${counted(guests.length, "VM")} are known.`)),
    ...perGuest(guests, pausedCheck, passed(running, "No VM here is paused.")),
    ...perGuest(guests, busyCheck, passed(idle, "No operation on a VM here is under way.")),
    ...perGuest(guests, blockedCheck(subject), passed(unblocked, "No VM here blocks leaving.")),
    ...perGuest(subject.movable, driveCheck, passed(drive, "No VM's drive keeps it here.")),
    ...perGuest(
      subject.pinned,
      mustStopCheck(subject),
      passed(mustStop, "No VM is tied to its host."),
    ),
    ...perGuest(subject.pinned, stoppableCheck, null),
    ...perGuest(subject.movable, migratableCheck, passed(movable, "XAPI allows them to move.")),
    ...reachChecks(subject),
    ...fitChecks(subject),
    ...haPlanChecks(subject),
  ];
}

/** The rows of the guests with a finding; the aggregated row when there are none. */
function perGuest(
  guests: readonly GuestFacts[],
  check: (guest: GuestFacts) => Finding | null,
  allPassed: Finding | null,
): Finding[] {
  const found: Finding[] = [];
  for (const guest of guests) {
    const finding = check(guest);
    if (finding !== null) found.push(finding);
  }
  if (found.length > 0 || allPassed === null) return found;
  return [allPassed];
}

function gapCheck(guest: GuestFacts): Finding | null {
  if (guest.gaps.length === 0) return null;
  return notPassed(known, "skipped", {
    sentence: `Not known of VM “${guest.name}”: ${listed(guest.gaps)}.`,
    object: guestObject(guest),
    fix: "Wait for the facts to be complete, or reconnect.",
  });
}

function pausedCheck(guest: GuestFacts): Finding | null {
  const state = textOf(guest.record, "power_state");
  if (state === "Running") return null;
  return notPassed(running, "failed", {
    sentence: `VM “${guest.name}” is ${state.toLowerCase() || "in an unknown state"} on this host.`,
    object: guestObject(guest),
    fix: "Let it run again or shut it down first.",
  });
}

const busyWords: Readonly<Record<string, string>> = {
  pool_migrate: "is being moved",
  migrate_send: "is being moved with its disks",
  snapshot: "is being snapshotted",
  snapshot_with_quiesce: "is being snapshotted",
  checkpoint: "is being snapshotted with its memory",
  clone: "is being cloned",
  copy: "is being copied",
  export: "is being exported",
  suspend: "is being suspended",
  clean_shutdown: "is being shut down",
  hard_shutdown: "is being powered off",
  clean_reboot: "is being rebooted",
  hard_reboot: "is being reset",
  start: "is being started",
  start_on: "is being started",
  revert: "is being reverted to a snapshot",
};

/** What XAPI does to a VM now, in plain words. */
export function busyWith(vm: Readonly<Record<string, unknown>>): string[] {
  return Object.values(mapOf(vm, "current_operations")).map(
    (operation) => busyWords[operation] ?? `is under the operation ${operation}`,
  );
}

function busyCheck(guest: GuestFacts): Finding | null {
  const words = busyWith(guest.record);
  if (words.length === 0) return null;
  return notPassed(idle, "failed", {
    sentence: `VM “${guest.name}” ${listed(words)}.`,
    object: guestObject(guest),
    fix: "Wait until that has ended.",
  });
}

function blockedCheck(subject: Subject): (guest: GuestFacts) => Finding | null {
  const pinned = new Set(subject.pinned);
  return (guest) => {
    const blocked = mapOf(guest.record, "blocked_operations");
    const needed = pinned.has(guest) ? ["clean_shutdown", "start_on"] : ["pool_migrate"];
    const operation = needed.find((name) => name in blocked);
    if (operation === undefined) return null;
    const reason = blocked[operation] ?? "";
    return notPassed(unblocked, "failed", {
      sentence:
        `Somebody blocked “${operation}” of VM “${guest.name}”` +
        (reason === "" || reason === "true" ? "." : `: “${reason}”.`),
      object: guestObject(guest),
      fix: "Remove the block when its reason is gone.",
    });
  };
}

function driveCheck(guest: GuestFacts): Finding | null {
  const iso = guest.localIsos[0];
  if (iso === undefined) return null;
  return notPassed(drive, "failed", {
    sentence: `The drive of VM “${guest.name}” holds “${iso.name}” from “${iso.sr.name}”.`,
    object: guestObject(guest),
    fix: "Eject the disc.",
  });
}

function mustStopCheck({ host }: Subject): (guest: GuestFacts) => Finding {
  return (guest) =>
    notPassed(mustStop, "review", {
      sentence:
        `VM “${guest.name}” will be shut down and started again on “${host.name}”. ` +
        pinReasons(guest).join(" "),
      object: guestObject(guest),
      fix: "Agree on the interruption with its users.",
    });
}

function stoppableCheck(guest: GuestFacts): Finding | null {
  const allowed = listOf(guest.record, "allowed_operations");
  const isIdle = busyWith(guest.record).length === 0;
  if (!isIdle || allowed.includes("clean_shutdown")) return null;
  return notPassed(stoppable, "failed", {
    sentence: `VM “${guest.name}” must stop, and XAPI does not allow a clean shutdown now.`,
    object: guestObject(guest),
    fix: "Install the guest tools, or shut it down from inside.",
  });
}

function migratableCheck(guest: GuestFacts): Finding | null {
  const allowed = listOf(guest.record, "allowed_operations");
  const isQuiet =
    busyWith(guest.record).length === 0 &&
    Object.keys(mapOf(guest.record, "blocked_operations")).length === 0;
  if (!isQuiet || allowed.includes("pool_migrate")) return null;
  return notPassed(movable, "failed", {
    sentence: `XAPI does not allow VM “${guest.name}” to move now.`,
    object: guestObject(guest),
    fix: "Check its guest tools and snapshots; otherwise shut it down first.",
  });
}

function reachChecks({ placement, targets, host }: Subject): Finding[] {
  if (placement.noHost.length === 0) {
    return [passed(reach, "Another host reaches the storage and networks of every VM.")];
  }
  return placement.noHost.map((guest) =>
    notPassed(reach, "failed", {
      sentence:
        targets.length === 0
          ? `VM “${guest.name}” has nowhere to go: no other host is live, enabled and alike.`
          : `VM “${guest.name}” can run on “${host.name}” only: ${unreached(guest, targets)}.`,
      object: guestObject(guest),
      fix:
        targets.length === 0
          ? "Make another host live and enabled."
          : "Plug the storage or attach the network on another host.",
    }),
  );
}

function unreached(guest: GuestFacts, targets: Subject["targets"]): string {
  const parts: string[] = [];
  for (const need of guest.srs) {
    const without = targets.filter((one) => !need.pluggedOn.has(one.ref));
    if (without.length > 0) {
      parts.push(`storage “${need.name}” is not on ${listed(without.map((one) => one.name))}`);
    }
  }
  for (const need of guest.networks) {
    const without = targets.filter((one) => !need.attachedOn.has(one.ref));
    if (without.length > 0) {
      parts.push(`network “${need.name}” is not on ${listed(without.map((one) => one.name))}`);
    }
  }
  return parts.join(", ");
}

const gibibyte = 1024 ** 3;
const inGib = (bytes: number): string => `${(bytes / gibibyte).toFixed(1)} GiB`;

function fitChecks({ placement, targets }: Subject): Finding[] {
  if (placement.noRoom.length === 0) {
    const count = placement.targets.size;
    return [passed(fit, `${counted(count, "VM fits", "VMs fit")} on the hosts that remain.`)];
  }
  const free = targets.map((one) => `“${one.name}” ${inGib(one.freeBytes ?? 0)}`);
  return placement.noRoom.map((guest) =>
    notPassed(fit, "failed", {
      sentence:
        `VM “${guest.name}” needs ${inGib(guest.needBytes)} and finds no room; ` +
        `free before anything moves: ${listed(free)}.`,
      object: guestObject(guest),
      fix: "Stop VMs that matter less, or free memory on another host.",
    }),
  );
}

function haPlanChecks({ haEnabled, movable: guests, host }: Subject): Finding[] {
  if (!haEnabled) return [];
  const left = guests.filter((guest) => textOf(guest.record, "ha_restart_priority") !== "restart");
  if (left.length === 0) return [passed(haPlan, "Every VM that moves is restarted by native HA.")];
  const names = left.map((guest) => `“${guest.name}”`);
  return [
    notPassed(haPlan, "review", {
      sentence:
        `${listed(names)}: with native HA on, XAPI refuses to move VMs without the treatment ` +
        "“restart”, and older versions call that a lack of memory (HOST_NOT_ENOUGH_FREE_MEMORY). " +
        "The wizard switches native HA off first.",
      object: hostObject(host),
      fix: "None needed here; do not empty this host by hand while native HA is on.",
    }),
  ];
}
