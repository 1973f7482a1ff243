import { z } from "zod";
import { isAddress } from "../../contract/host-commands.ts";
import type { PoolRecords, XapiRecord } from "../pool-session.ts";
import type { StateStore } from "../ports.ts";
import { flagOf, listOf, nameOf, poolOf, textOf } from "../verdict/read.ts";

/** A host as the agents' part needs it; remembered, so that it works with the coordinator gone. */
export interface AgentMember {
  readonly uuid: string;
  readonly name: string;
  readonly address: string;
  readonly isCoordinator: boolean;
  /** one address on each network that every host has one on */
  readonly pathAddresses: Readonly<Record<string, string>>;
}

/** Empty while XAPI's records are not there. */
export function membersOf(records: PoolRecords): readonly AgentMember[] {
  const coordinator = textOf(poolOf(records)?.record, "master");
  const hosts = [...records.all("host")];
  const networks = hosts.map(([, host]) => addressesOf(records, host));
  const shared = [...(networks[0] ?? new Map<string, string>()).keys()].filter((network) =>
    networks.every((one) => one.has(network)),
  );
  const names = pathNames(records, shared);
  return hosts.map(([ref, host], index) => ({
    uuid: textOf(host, "uuid"),
    name: nameOf(host),
    address: textOf(host, "address"),
    isCoordinator: ref === coordinator,
    pathAddresses: Object.fromEntries(
      shared.slice(0, pathsMax).map((network) => {
        const address = networks[index]?.get(network) ?? "";
        return [names.get(network) ?? "management", address];
      }),
    ),
  }));
}

const pathsMax = 8;

/** Address by network, the management one first. */
function addressesOf(records: PoolRecords, host: XapiRecord): ReadonlyMap<string, string> {
  const pifs = listOf(host, "PIFs")
    .map((ref) => records.get("PIF", ref))
    .filter((pif) => pif !== undefined && flagOf(pif, "currently_attached"))
    .toSorted((a, b) => Number(flagOf(b, "management")) - Number(flagOf(a, "management")));
  const found = new Map<string, string>();
  for (const pif of pifs) {
    const address = textOf(pif, "IP");
    const isManagement = flagOf(pif, "management");
    const network = isManagement ? management : textOf(pif, "network");
    if (isAddress(address) && !found.has(network)) found.set(network, address);
  }
  const own = textOf(host, "address");
  // Without a record of its interface the host is still reached where XAPI says that it is.
  if (!found.has(management) && isAddress(own)) return new Map([[management, own], ...found]);
  return found;
}

const management = "management";

function pathNames(records: PoolRecords, networks: readonly string[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const network of networks) {
    const label = network === management ? management : nameOf(records.get("network", network));
    const isTaken = [...names.values()].includes(label);
    names.set(network, isTaken ? `${label} ${names.size + 1}` : label);
  }
  return names;
}

const documentName = "agent-hosts";

const documentSchema = z.object({
  version: z.literal(1),
  pools: z.record(
    z.string(),
    z.array(
      z.object({
        uuid: z.string(),
        name: z.string(),
        address: z.string(),
        isCoordinator: z.boolean(),
        pathAddresses: z.record(z.string(), z.string()),
      }),
    ),
  ),
});

/** Who was in the pool when XAPI was last seen. */
export interface MemberMemory {
  read(poolUuid: string): Promise<readonly AgentMember[]>;
  write(poolUuid: string, members: readonly AgentMember[]): Promise<void>;
}

export function memberMemory(store: StateStore): MemberMemory {
  let written: Promise<unknown> = Promise.resolve();
  const all = async (): Promise<z.infer<typeof documentSchema>["pools"]> => {
    const parsed = documentSchema.safeParse(await store.read(documentName));
    // What cannot be read is only a memory: XAPI says it again.
    return parsed.success ? parsed.data.pools : {};
  };
  return {
    read: async (poolUuid) => (await all())[poolUuid] ?? [],
    write(poolUuid, members) {
      const next = written.then(async () => {
        const pools = { ...(await all()), [poolUuid]: members };
        await store.write(documentName, { version: 1, pools });
      });
      written = next.catch(() => undefined);
      return next;
    },
  };
}
