import type { BundleSource } from "../../install/bundle.ts";
import type { RolloutTiming } from "../../install/phase.ts";
import type { SshKey } from "../../contract/install.ts";
import type { DemoAccess } from "../ports.ts";

/** What the agents' part needs of a shell; each shell and test supplies its own. */
export interface AgentPorts {
  /** null: this console ships without an agent */
  readonly bundle: BundleSource | null;
  /** SSH_AUTH_SOCK of the person, where there is one */
  readonly agentSocket?: string;
  /** on the hosts; 7694 when left out */
  readonly udpPort?: number;
  /** shorter in tests */
  readonly timing?: RolloutTiming;
}

export type Relay = (
  from: string,
  to: string,
  path: string,
) => { readonly address: string; readonly port: number } | null;

/** The places of the demo's hosts: its agents reach each other over cables that can be cut. */
export function demoPlaces({ user, password, hosts }: DemoAccess): AgentPlaces {
  const endpoint = (uuid: string, path: string) =>
    hosts.find((one) => one.uuid === uuid)?.paths.find(({ name }) => name === path)?.peerEndpoint;
  return {
    login: { user, password },
    hosts: Object.fromEntries(
      hosts.map(({ uuid, ssh, sshKey, udpPort, paths }) => [
        uuid,
        {
          ssh,
          key: sshKey,
          root: null,
          udpPort,
          pathAddresses: Object.fromEntries(
            paths.map(({ name, localAddress }) => [name, localAddress]),
          ),
        },
      ]),
    ),
    relay(_from, to, path) {
      const found = endpoint(to, path);
      return found === undefined ? null : { address: found.host, port: found.port };
    },
  };
}

/** How hosts are reached where their addresses are not reachable as such: the demo, and trials. */
export interface AgentPlaces {
  readonly login: { readonly user: string; readonly password: string } | null;
  readonly hosts: Readonly<
    Record<
      string,
      {
        readonly ssh: { readonly host: string; readonly port: number };
        readonly key: SshKey | null;
        /** trial root; null where the SSH server maps it itself */
        readonly root: string | null;
        readonly udpPort: number;
        /** its address on each path; what XAPI says when left out */
        readonly pathAddresses?: Readonly<Record<string, string>>;
      }
    >
  >;
  /** where `from` sends to reach `to` on a path (host uuids); null: the peer's own address */
  readonly relay?: Relay;
}
