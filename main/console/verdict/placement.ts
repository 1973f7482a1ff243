import type { GuestFacts, HostFacts, PoolIndex } from "./pool-index.ts";

export interface Placement {
  /** guest reference to target host reference */
  readonly targets: ReadonlyMap<string, string>;
  /** guests that a host could take, were there room */
  readonly noRoom: readonly GuestFacts[];
  /** guests that no other host can take, whatever room it has */
  readonly noHost: readonly GuestFacts[];
}

/** Hosts that can take guests over: live, enabled, not the source, same version of XAPI. */
export function targetHosts(index: PoolIndex, sourceRef: string): HostFacts[] {
  const source = index.hosts.get(sourceRef);
  return [...index.hosts.values()].filter(
    (host) =>
      host.ref !== sourceRef &&
      host.live === true &&
      host.enabled &&
      !host.inMaintenance &&
      host.version === source?.version,
  );
}

export function canReach(guest: GuestFacts, host: HostFacts): boolean {
  return (
    guest.srs.every((sr) => sr.pluggedOn.has(host.ref)) &&
    guest.networks.every((network) => network.attachedOn.has(host.ref))
  );
}

/**
 * Where each guest could go: largest first, each to the reachable host with the most memory left.
 * Conservative: static maximum and overhead count in full, and a fit that a cleverer packing would
 * find may be missed; one that is found exists.
 */
export function placeGuests(
  index: PoolIndex,
  sourceRef: string,
  guests: readonly GuestFacts[],
): Placement {
  const hosts = targetHosts(index, sourceRef);
  const free = hosts.map((host) => host.freeBytes ?? 0);
  const reachable = createReach(hosts);
  const targets = new Map<string, string>();
  const noRoom: GuestFacts[] = [];
  const noHost: GuestFacts[] = [];
  const ordered = [...guests].sort(
    (a, b) => b.needBytes - a.needBytes || (a.uuid < b.uuid ? -1 : 1),
  );
  for (const guest of ordered) {
    const candidates = reachable(guest);
    if (candidates.length === 0) {
      noHost.push(guest);
      continue;
    }
    let best = candidates[0]!;
    for (const position of candidates) if (free[position]! > free[best]!) best = position;
    if (free[best]! < guest.needBytes) {
      noRoom.push(guest);
      continue;
    }
    free[best]! -= guest.needBytes;
    targets.set(guest.ref, hosts[best]!.ref);
  }
  return { targets, noRoom, noHost };
}

/** Guests with the same storage and networks reach the same hosts: worked out once per kind. */
function createReach(hosts: readonly HostFacts[]): (guest: GuestFacts) => readonly number[] {
  const known = new Map<string, readonly number[]>();
  return (guest) => {
    const needs = [...guest.srs, ...guest.networks].map((need) => need.ref);
    const key = needs.join(" ");
    let positions = known.get(key);
    if (positions === undefined) {
      positions = hosts.flatMap((host, position) => (canReach(guest, host) ? [position] : []));
      known.set(key, positions);
    }
    return positions;
  };
}
