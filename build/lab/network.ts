import { must, script } from "./run.ts";
import { networks, type LabPlan, type Network, type PlannedHost } from "./plan.ts";

/*
 * A room of its own with two switches (bridges); each host has a network namespace and a cable to
 * each switch. Cuts are rules in the room, on the switch: a host's own firewall never shows them.
 * Everything here belongs to namespaces that end with the lab's processes. Only the operator's
 * link has an end outside, and it goes when its other end does.
 */

export interface Cut {
  /** host whose packets are lost, or null: every port's */
  readonly from: string | null;
  /** host that packets do not reach, or null: any */
  readonly to: string | null;
  readonly network: Network;
}

const room = "room";
const operatorPort = "operator";
const device: Readonly<Record<Network, string>> = { mgmt: "xenbr0", storage: "xenbr1" };

function portOf(host: string, network: Network): string {
  return `${host}-${network}`;
}

/** Makes the room, its switches and the way from this machine to the management network. */
export async function openRoom(plan: LabPlan, operatorDevice: string): Promise<void> {
  await script(`
    ip netns add ${room}
    ip -n ${room} link set lo up
    for name in ${networks.join(" ")}; do
      ip -n ${room} link add $name type bridge
      ip -n ${room} link set $name up
    done
    ip link add ${operatorDevice} type veth peer name ${operatorPort} netns ${room}
    ip -n ${room} link set ${operatorPort} master mgmt up
    ip addr add ${plan.operatorAddress}/24 dev ${operatorDevice}
    ip link set ${operatorDevice} up
  `);
}

/** A network card keeps its address over a loss of power; neighbours remember it. */
function cardAddress(address: string): string {
  const bytes = address.split(".").map((byte) => Number(byte).toString(16).padStart(2, "0"));
  return ["02", "00", ...bytes].join(":");
}

/** A blank network for a machine that is switched on: no sockets, no rules, cables still out. */
export async function makeHostNetwork(host: PlannedHost): Promise<void> {
  await removeHostNetwork(host.id);
  const cables = networks.map(
    (network) => `
      ip -n ${room} link add ${portOf(host.id, network)} type veth \\
        peer name ${device[network]} address ${cardAddress(host.addresses[network])} \\
        netns ${host.id}
      ip -n ${host.id} addr add ${host.addresses[network]}/24 dev ${device[network]}
      ip -n ${host.id} link set ${device[network]} up`,
  );
  await script(`
    ip netns add ${host.id}
    ip -n ${host.id} link set lo up
    ${cables.join("\n")}
  `);
}

/** Without an error when there is none. */
export async function removeHostNetwork(host: string): Promise<void> {
  const cables = networks.map(
    (network) => `ip -n ${room} link del ${portOf(host, network)} 2>/dev/null || true`,
  );
  await script(`${cables.join("\n")}\nip netns del ${host} 2>/dev/null || true`);
}

/** Puts both cables of a host into their switches. */
export async function plugIn(host: string): Promise<void> {
  const ports = networks.map(
    (network) => `ip -n ${room} link set ${portOf(host, network)} master ${network} up`,
  );
  await script(ports.join("\n"));
}

/** Takes both cables out, so that nothing a dying host still sends gets anywhere. */
export async function unplug(host: string): Promise<void> {
  const ports = networks.map(
    (network) =>
      `ip -n ${room} link set ${portOf(host, network)} nomaster down 2>/dev/null || true`,
  );
  await script(ports.join("\n"));
}

/** Makes these cuts the ones there are, in one step. */
export async function applyCuts(cuts: readonly Cut[]): Promise<void> {
  const rules = cuts.map(({ from, to, network }) => {
    const into = from === null ? "" : `iifname "${portOf(from, network)}" `;
    const out = to === null ? "" : `oifname "${portOf(to, network)}" `;
    return `    ${into}${out}drop`;
  });
  const table = `
table bridge lab {}
delete table bridge lab
table bridge lab {
  chain forward {
    type filter hook forward priority 0; policy accept;
${rules.join("\n")}
  }
}
`;
  await must("ip", ["netns", "exec", room, "nft", "-f", "-"], { input: table, timeoutMs: 10_000 });
}
