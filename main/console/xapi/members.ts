import { XapiFailure } from "../pool-session.ts";
import type { PoolRecords, XapiRecord } from "../pool-session.ts";
import type { Clock } from "../ports.ts";
import { nameOf, textOf } from "../verdict/read.ts";
import { memberAddress } from "./address.ts";
import type { AddressMap, MemberAddress } from "./address.ts";
import { lookAt } from "./pinned-agent.ts";
import type { LinkTiming } from "./timing.ts";
import type { TrustStore } from "./trust.ts";

/** A member of a pool as it is remembered for the next start. */
export interface Member {
  readonly address: MemberAddress;
  /** the host's name; null for an address that somebody typed and no host record has */
  readonly name: string | null;
}

/** All hosts with an address, the coordinator first. */
export function membersOf(records: PoolRecords, port: number): Member[] {
  const coordinatorRef = [...records.all("pool").values()]
    .map((pool) => textOf(pool, "master"))
    .at(0);
  const members: Member[] = [];
  for (const [ref, host] of records.all("host")) {
    const address = textOf(host, "address");
    if (address === "") continue;
    const member = { address: memberAddress(address, port), name: nameOf(host) };
    if (ref === coordinatorRef) members.unshift(member);
    else members.push(member);
  }
  return members;
}

export interface VouchOptions {
  readonly records: PoolRecords;
  readonly port: number;
  readonly call: (method: string, args: readonly unknown[]) => Promise<unknown>;
  readonly trust: TrustStore;
  readonly addressMap: AddressMap;
  readonly timing: LinkTiming;
  readonly clock: Clock;
}

/**
 * Members must be trusted before they are needed: at the moment of a failover nobody is there to
 * compare fingerprints. While a trusted coordinator answers, its own records of the members'
 * certificates are taken; where it keeps none, what the member shows now. What a person accepted is
 * never replaced here.
 */
export async function vouchForMembers(options: VouchOptions): Promise<void> {
  const { records, port, trust, clock } = options;
  const members = [...records.all("host")].filter(([, host]) => textOf(host, "address") !== "");
  const open = members.flatMap(([ref, host]) => {
    const address = memberAddress(textOf(host, "address"), port);
    const origin = trust.find(address)?.origin;
    return origin === "person" || origin === "demo" ? [] : [{ ref, address, origin }];
  });
  if (open.length === 0) return;
  const recorded = await recordedFingerprints(options);
  await Promise.all(
    open.map(async ({ ref, address, origin }) => {
      const fingerprint = recorded.get(ref);
      if (fingerprint !== undefined) {
        await trust.trust(address, { fingerprint, origin: "pool-records", atMs: clock.wallMs() });
        return;
      }
      if (origin !== undefined) return;
      const shown = await lookAt(address, options.addressMap, options.timing.connectMs).catch(
        // A member that does not answer now stays untrusted until it does.
        () => null,
      );
      if (shown === null) return;
      await trust.trust(address, {
        fingerprint: shown.fingerprint,
        origin: "seen-through-pool",
        atMs: clock.wallMs(),
      });
    }),
  );
}

const fingerprintPattern = /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/u;

/** By host reference. Empty where this XAPI keeps no such records. */
async function recordedFingerprints(options: VouchOptions): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  let answer: unknown;
  try {
    answer = await options.call("Certificate.get_all_records", []);
  } catch (error) {
    // Too old a XAPI, or a user who may not read them: the weaker way remains.
    if (error instanceof XapiFailure) return found;
    throw error;
  }
  for (const record of Object.values(answer as Record<string, XapiRecord>)) {
    const type = textOf(record, "type");
    if (type !== "" && type !== "host") continue;
    const text = textOf(record, "fingerprint_sha256") || textOf(record, "fingerprint");
    const fingerprint = text.toUpperCase();
    if (fingerprintPattern.test(fingerprint)) found.set(textOf(record, "host"), fingerprint);
  }
  return found;
}
