import type { KnownPool } from "../contract/pool.ts";
import { PoolFacts } from "./facts/pool-facts.ts";
import { createHa } from "./ha/ha.ts";
import type { Ha } from "./ha/ha.ts";
import type { StoredPool } from "./known-pools.ts";
import type { PoolRecords } from "./pool-session.ts";
import type { ConsolePorts } from "./ports.ts";
import { consoleError } from "./problem.ts";
import { createReboots } from "./reboot/reboots.ts";
import type { Reboots } from "./reboot/reboots.ts";
import { parseAddress } from "./xapi/address.ts";
import type { AddressMap, MemberAddress } from "./xapi/address.ts";
import { describePoolError } from "./xapi/errors.ts";
import type { Credentials } from "./xapi/login.ts";
import type { Member } from "./xapi/members.ts";
import { namesFrom } from "./xapi/names.ts";
import { PoolLink } from "./xapi/pool-link.ts";
import type { OpenedSession } from "./xapi/pool-link.ts";
import type { LinkTiming } from "./xapi/timing.ts";
import type { TrustStore } from "./xapi/trust.ts";

export interface PoolEntryOptions {
  readonly ports: ConsolePorts;
  readonly trust: TrustStore;
  readonly timing: LinkTiming;
  readonly stored: StoredPool;
  readonly isDemo: boolean;
  readonly addressMap: AddressMap;
  /** connection, mark, counts or members changed */
  readonly onChange: () => void;
}

/** Everything that belongs to one pool the console knows. */
export interface PoolEntry {
  readonly poolId: string;
  readonly isDemo: boolean;
  readonly addressMap: AddressMap;
  readonly link: PoolLink;
  readonly facts: PoolFacts;
  readonly ha: Ha;
  readonly reboots: Reboots;
  /** (Re)connects, with a session that was opened already or by looking for the coordinator. */
  start(credentials: Credentials, opened: OpenedSession | null): void;
  addAddress(address: MemberAddress): void;
  stored(): StoredPool;
  known(): KnownPool;
}

export function createPoolEntry(options: PoolEntryOptions): PoolEntry {
  const { ports, trust, timing, stored, onChange } = options;
  let members: readonly Member[] = stored.members.map(({ address, name }) => ({
    address: parseAddress(address),
    name,
  }));
  const facts: PoolFacts = new PoolFacts({
    clock: ports.clock,
    records: () => link.records(),
    connection: () => link.connection(),
    freshAtMs: () => link.freshAtMs(),
    run: () => reboots.current(),
  });
  const link: PoolLink = new PoolLink({
    poolId: stored.poolId,
    poolUuid: stored.poolUuid,
    members,
    addressMap: options.addressMap,
    trust,
    clock: ports.clock,
    timing,
    onFacts: facts,
    onMembers: (next) => {
      members = next;
      onChange();
    },
    onUnexpected: (error) => process.emitWarning(error instanceof Error ? error : String(error)),
  });
  const ha = createHa({ session: link, explain });
  const reboots = createReboots({
    session: link,
    clock: ports.clock,
    owner: ports.owner,
    explain,
  });
  reboots.onChange(() => facts.runChanged());
  link.onChange(onChange);
  let user = stored.user;
  const current = (): StoredPool => ({
    ...stored,
    user,
    name: facts.mark().name ?? stored.name,
    members: members.map(({ address, name }) => ({ address: address.text, name })),
  });
  return {
    poolId: stored.poolId,
    isDemo: options.isDemo,
    addressMap: options.addressMap,
    link,
    facts,
    ha,
    reboots,
    start(credentials, opened) {
      user = credentials.user;
      link.start(credentials, opened);
    },
    addAddress(address) {
      if (members.some((member) => member.address.text === address.text)) return;
      members = [...members, { address, name: null }];
      link.addAddress(address);
    },
    stored: current,
    known() {
      const { name } = current();
      const { mark, hostCount, vmCount } = facts.mark();
      return {
        poolId: stored.poolId,
        name,
        user,
        addresses: members.map((member) => member.address.text),
        isDemo: options.isDemo,
        connection: link.connection(),
        mark,
        hostCount,
        vmCount,
      };
    },
  };
}

function explain(failure: unknown, records: PoolRecords) {
  const described = describePoolError(failure, namesFrom(records));
  if (described !== null) return described;
  process.emitWarning(failure instanceof Error ? failure : String(failure));
  return consoleError(
    "internal",
    "The console failed at this in a way nobody foresaw.",
    "Look at the current state of the pool before doing it again.",
  );
}
