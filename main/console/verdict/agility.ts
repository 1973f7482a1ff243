import type { PoolRecords } from "../pool-session.ts";
import { createPoolIndex, type GuestFacts, type PoolIndex } from "./pool-index.ts";
import { isGuest, listed } from "./read.ts";

export interface Agility {
  readonly agile: boolean;
  /** one plain sentence per obstacle, naming the object; empty when agile */
  readonly reasons: readonly string[];
}

/** Can this VM start on any host of the pool, judged from disks, networks and devices. */
export function agilityOf(records: PoolRecords, vmRef: string): Agility {
  const index = createPoolIndex(records);
  return agilityOfGuest(index, index.guest(vmRef));
}

/** The same for every VM of a pool, with the shared work done once. Keys are VM references. */
export function agilityOfAll(records: PoolRecords): Map<string, Agility> {
  const index = createPoolIndex(records);
  const found = new Map<string, Agility>();
  for (const [ref, vm] of records.all("VM")) {
    if (isGuest(vm)) found.set(ref, agilityOfGuest(index, index.guest(ref)));
  }
  return found;
}

export function agilityOfGuest(index: PoolIndex, guest: GuestFacts): Agility {
  const reasons = [...pinReasons(guest), ...reachReasons(index, guest)];
  for (const iso of guest.localIsos) {
    reasons.push(`Its drive holds “${iso.name}” from “${iso.sr.name}”, storage of one host.`);
  }
  for (const gap of guest.gaps) reasons.push(`Not known: ${gap}.`);
  return { agile: reasons.length === 0, reasons };
}

/** What ties a guest to its host for good: it must stop when the host does. */
export function pinReasons(guest: GuestFacts): string[] {
  const reasons: string[] = [];
  for (const sr of guest.srs) {
    if (!sr.shared) reasons.push(`A disk lies on “${sr.name}”, storage of one host.`);
  }
  for (const device of guest.devices) reasons.push(`It has ${device}.`);
  for (const network of guest.networks) {
    if (!network.hasPifs)
      reasons.push(`Its network “${network.name}” exists inside one host only.`);
  }
  return reasons;
}

/** Shared storage and wired networks that some hosts do not reach now; can be mended. */
function reachReasons(index: PoolIndex, guest: GuestFacts): string[] {
  const reasons: string[] = [];
  for (const sr of guest.srs) {
    const missing = sr.shared ? hostsWithout(index, sr.pluggedOn) : [];
    if (missing.length > 0)
      reasons.push(`Storage “${sr.name}” is not plugged on ${listed(missing)}.`);
  }
  for (const network of guest.networks) {
    const missing = network.hasPifs ? hostsWithout(index, network.attachedOn) : [];
    if (missing.length > 0) reasons.push(`Network “${network.name}” is not on ${listed(missing)}.`);
  }
  return reasons;
}

function hostsWithout(index: PoolIndex, present: ReadonlySet<string>): string[] {
  const names: string[] = [];
  if (present.size >= index.hosts.size) return names;
  for (const host of index.hosts.values()) {
    if (!present.has(host.ref)) names.push(host.name);
  }
  return names;
}
