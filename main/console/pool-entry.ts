import type { KnownPool } from "../contract/pool.ts";
import { PoolAgents } from "./agents/pool-agents.ts";
import type { AgentPlaces } from "./agents/ports.ts";
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
  readonly agentPlaces: AgentPlaces | null;
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
  readonly agents: PoolAgents;
  /** (Re)connects, with a session that was opened already or by looking for the coordinator. */
  start(credentials: Credentials, opened: OpenedSession | null): void;
  addAddress(address: MemberAddress): void;
  stored(): StoredPool;
  known(): KnownPool;
}

export function createPoolEntry(options: PoolEntryOptions): PoolEntry {
  const { ports, stored } = options;
  const { poolId } = stored;
  const remembered = new Remembered(stored);
  const facts: PoolFacts = new PoolFacts({
    clock: ports.clock,
    records: () => link.records(),
    connection: () => link.connection(),
    freshAtMs: () => link.freshAtMs(),
    run: () => reboots.current(),
  });
  const link = makeLink(options, remembered, facts);
  const ha = createHa({ session: link, explain });
  const { clock, owner } = ports;
  const reboots = createReboots({ session: link, clock, owner, explain });
  reboots.onChange(() => facts.runChanged());
  const { agentPlaces: places } = options;
  const { poolUuid } = stored;
  const agents = new PoolAgents({ poolId, poolUuid, session: link, ports, explain, places });
  link.onChange(options.onChange);
  return {
    poolId,
    isDemo: options.isDemo,
    addressMap: options.addressMap,
    link,
    facts,
    ha,
    reboots,
    agents,
    start(credentials, opened) {
      remembered.user = credentials.user;
      link.start(credentials, opened);
    },
    addAddress(address) {
      remembered.add(address);
      link.addAddress(address);
    },
    stored: () => remembered.stored(facts.mark().name),
    known() {
      const { name, mark, hostCount, vmCount } = facts.mark();
      const { user, members, ...shown } = remembered.stored(name);
      return {
        poolId,
        name: shown.name,
        user,
        addresses: members.map((member) => member.address),
        isDemo: options.isDemo,
        connection: link.connection(),
        mark,
        hostCount,
        vmCount,
      };
    },
  };
}

/** What of a pool outlives its connection. */
class Remembered {
  readonly #first: StoredPool;
  user: string;
  members: readonly Member[];

  constructor(first: StoredPool) {
    this.#first = first;
    this.user = first.user;
    this.members = first.members.map(({ address, name }) => ({
      address: parseAddress(address),
      name,
    }));
  }

  add(address: MemberAddress): void {
    if (this.members.some((member) => member.address.text === address.text)) return;
    this.members = [...this.members, { address, name: null }];
  }

  stored(name: string | null): StoredPool {
    return {
      ...this.#first,
      name: name ?? this.#first.name,
      user: this.user,
      members: this.members.map((member) => ({
        address: member.address.text,
        name: member.name,
      })),
    };
  }
}

function makeLink(
  { ports, trust, timing, stored, addressMap, onChange }: PoolEntryOptions,
  remembered: Remembered,
  facts: PoolFacts,
): PoolLink {
  return new PoolLink({
    poolId: stored.poolId,
    poolUuid: stored.poolUuid,
    members: remembered.members,
    addressMap,
    trust,
    clock: ports.clock,
    timing,
    onFacts: facts,
    onMembers(members) {
      remembered.members = members;
      onChange();
    },
    onUnexpected: (error) => process.emitWarning(error instanceof Error ? error : String(error)),
  });
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
