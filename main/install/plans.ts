import { randomBytes } from "node:crypto";
import type { HostFile } from "../../host-agent/contract/settings.ts";
import type { Release } from "./bundle.ts";
import type { HostTarget } from "./phase.ts";
import * as phases from "./phases.ts";
import type { RolloutPlan } from "./run.ts";
import { HostFailure } from "./shell.ts";

/* Which phases make which kind of roll-out, and who comes first. */

/** What a roll-out needs to know of a host of the pool. */
export interface Member {
  readonly uuid: string;
  readonly name: string;
  readonly isCoordinator: boolean;
  /** where this host sends and listens, by path name */
  readonly pathAddresses: Readonly<Record<string, string>>;
  readonly udpPort: number;
}

export interface PoolPlace {
  readonly poolUuid: string;
  readonly members: readonly Member[];
  /** where `from` sends to reach `to` on a path; relays stand in between in the demo */
  readonly endpoint?: (
    from: Member,
    to: Member,
    path: string,
  ) => { readonly address: string; readonly port: number } | null;
}

const newKeyBytes = 32;

/** The key that hosts hold already, or a new one. Two different ones are for a person to settle. */
export function choosePoolKey(found: readonly (string | null)[]): string {
  const keys = new Set(found.filter((key) => key !== null));
  if (keys.size > 1) {
    throw new HostFailure(
      "verb-refused",
      "Hosts of this pool hold different pool keys: they could not hear each other.",
      "Remove the agent from the hosts whose key is wrong, then install it again.",
    );
  }
  const [key] = keys;
  return key ?? randomBytes(newKeyBytes).toString("hex");
}

function hostFileOf(place: PoolPlace, host: Member): HostFile {
  const paths = Object.entries(host.pathAddresses);
  return {
    v: 1,
    poolUuid: place.poolUuid,
    host: { uuid: host.uuid, name: host.name },
    udpPort: host.udpPort,
    paths: paths.map(([name, localAddress]) => ({ name, localAddress })),
    peers: place.members
      .filter(({ uuid }) => uuid !== host.uuid)
      .map((peer) => ({
        uuid: peer.uuid,
        name: peer.name,
        addresses: Object.fromEntries(
          paths.flatMap(([path]) => {
            const direct = peer.pathAddresses[path];
            if (direct === undefined) return [];
            const relayed = place.endpoint?.(host, peer, path) ?? null;
            return [[path, relayed ?? { address: direct, port: peer.udpPort }]];
          }),
        ),
      })),
  };
}

/** A supporter first, the coordinator last, the others by name. */
function inOrder(members: readonly Member[]): readonly Member[] {
  return members.toSorted((a, b) => {
    if (a.isCoordinator !== b.isCoordinator) return a.isCoordinator ? 1 : -1;
    return a.name < b.name ? -1 : 1;
  });
}

export function targetsOf(
  place: PoolPlace,
  members: readonly Member[],
  poolKey: string,
): readonly HostTarget[] {
  return inOrder(members).map((member, index) => ({
    uuid: member.uuid,
    name: member.name,
    hostFileText: JSON.stringify(hostFileOf(place, member)),
    poolKey,
    udpPort: member.udpPort,
    isCanary: index === 0 && members.length > 1,
  }));
}

export function installPlan(hosts: readonly HostTarget[], release: Release): RolloutPlan {
  const { upload, verify, putRelease, hostFile, poolKey, firewall, link, unit, start, stop } =
    phases;
  return {
    kind: "install",
    hosts,
    release,
    versionOf: () => release.version,
    keepsFinished: false,
    stages: [
      { how: "together", phases: [upload, verify, putRelease] },
      { how: "together", phases: [stop, hostFile, poolKey, firewall, link, unit, start] },
      { how: "together", phases: [phases.heard] },
    ],
  };
}

export function upgradePlan(hosts: readonly HostTarget[], release: Release): RolloutPlan {
  const { upload, verify, putRelease, stop, hostFile, link, unit, start, healthy } = phases;
  return {
    kind: "upgrade",
    hosts,
    release,
    versionOf: () => release.version,
    keepsFinished: true,
    stages: [
      { how: "together", phases: [upload, verify, putRelease] },
      { how: "one-by-one", phases: [stop, hostFile, link, unit, start, healthy] },
    ],
  };
}

/** `versions`: what each host goes back to. */
export function rollbackPlan(
  hosts: readonly HostTarget[],
  versions: ReadonlyMap<string, string>,
): RolloutPlan {
  const { stop, link, unit, start, healthy } = phases;
  return {
    kind: "rollback",
    hosts,
    release: null,
    versionOf: (uuid) => versions.get(uuid) ?? "",
    keepsFinished: true,
    stages: [{ how: "one-by-one", phases: [stop, link, unit, start, healthy] }],
  };
}

export function removePlan(hosts: readonly HostTarget[]): RolloutPlan {
  return {
    kind: "remove",
    hosts,
    release: null,
    versionOf: () => "0",
    keepsFinished: true,
    stages: [{ how: "one-by-one", phases: [phases.removeAll, phases.gone] }],
  };
}
