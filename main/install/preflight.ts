import type { Finding, PreflightReport } from "../contract/install.ts";
import type { Host } from "./host.ts";
import { preflightFindings } from "./findings.ts";
import type { HostFacts } from "./findings.ts";
import { gatherFacts } from "./gather.ts";
import { HostFailure } from "./shell.ts";

/* All hosts at once, everything found shown at once, nothing written. */

export interface PreflightHost {
  readonly uuid: string;
  readonly name: string;
  readonly address: string;
  /** addresses of this host on the heartbeat paths, by path name */
  readonly pathAddresses: Readonly<Record<string, string>>;
  readonly udpPort: number;
}

/** What XAPI says that matters to an install; null: XAPI could not be asked. */
export interface PoolFindings {
  readonly nativeHaEnabled: boolean;
  readonly haLizard: { readonly configured: boolean; readonly enabled: boolean };
  readonly replicationTraces: readonly string[];
}

export interface PreflightInput {
  readonly hosts: readonly PreflightHost[];
  readonly pool: PoolFindings | null;
  /** bytes an install needs under /opt */
  readonly neededBytes: number;
  readonly nowMs: () => number;
  /** a logged-in host; rejects with `HostFailure` */
  readonly withHost: <T>(uuid: string, work: (host: Host) => Promise<T>) => Promise<T>;
}

export async function preflight(input: PreflightInput): Promise<PreflightReport> {
  const gathered = await Promise.all(input.hosts.map((host) => gatherOne(input, host)));
  const offsets = gathered.flatMap((one) => (one.facts === null ? [] : [one.facts.clockOffsetMs]));
  const median = medianOf(offsets);
  const hosts = gathered.map(({ host, facts, failure }) => ({
    hostUuid: host.uuid,
    hostName: host.name,
    address: host.address,
    findings:
      facts === null
        ? [unreachable(failure)]
        : preflightFindings(facts, {
            input,
            udpPort: host.udpPort,
            medianOffsetMs: median,
            hostCount: offsets.length,
          }),
  }));
  const all = hosts.flatMap(({ findings }) => findings);
  const has = (state: Finding["state"]): boolean => all.some((one) => one.state === state);
  return {
    atMs: input.nowMs(),
    verdict: has("failed") ? "failed" : has("review") ? "review" : "passed",
    hosts,
    acknowledgeIds: hosts.flatMap(({ hostUuid, findings }) =>
      findings.filter(({ state }) => state === "review").map(({ id }) => `${hostUuid}/${id}`),
    ),
  };
}

interface Gathered {
  readonly host: PreflightHost;
  readonly facts: HostFacts | null;
  readonly failure: unknown;
}

async function gatherOne(input: PreflightInput, host: PreflightHost): Promise<Gathered> {
  const peers = input.hosts
    .filter(({ uuid }) => uuid !== host.uuid)
    .flatMap((peer) =>
      Object.entries(peer.pathAddresses).map(([path, address]) => ({
        path,
        peerName: peer.name,
        address,
      })),
    );
  try {
    const facts = await input.withHost(host.uuid, (opened) =>
      gatherFacts(opened, { peers, nowMs: input.nowMs }),
    );
    return { host, facts, failure: null };
  } catch (failure) {
    return { host, facts: null, failure };
  }
}

function unreachable(failure: unknown): Finding {
  const known = failure instanceof HostFailure ? failure : null;
  return {
    id: "ssh",
    state: "failed",
    title: "The console can log in",
    sentence: known?.message ?? "The console could not look at this host.",
    evidence: known?.detail ?? (failure instanceof Error ? failure.message : String(failure)),
    fix: known?.nextStep ?? "Look at the host, then look again.",
  };
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
