import { isIP } from "node:net";
import { problem } from "../problem.ts";

/**
 * Where a member listens, as XAPI and people name it; `text` is the key under which it is trusted.
 */
export interface MemberAddress {
  /** name or IP, IPv6 without brackets */
  readonly host: string;
  readonly port: number;
  /**
   * "10.0.0.1" on the usual port, otherwise "10.0.0.1:8443"; IPv6 in brackets where a port follows
   */
  readonly text: string;
}

/** "10.77.0.1:443" to "127.0.0.1:40001": for pools whose addresses are not reachable as such. */
export type AddressMap = Readonly<Record<string, string>>;

const usualPort = 443;
const hostName = /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/iu;

/** Reads host, host:port, [IPv6]:port, IPv6 or an https URL. Throws a problem for anything else. */
export function parseAddress(text: string): MemberAddress {
  const bare = text.trim().replace(/\/+$/u, "");
  if (/^http:\/\//iu.test(bare)) {
    throw problem(
      "bad-address",
      "The address starts with http://, which would send the password in clear text.",
      "Use the host name or https:// instead.",
    );
  }
  const rest = bare.replace(/^https:\/\//iu, "");
  if (isIP(rest) === 6) return memberAddress(rest, usualPort);
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:/?#@\s[\]]+))(?::(\d{1,5}))?$/iu.exec(rest);
  const host = match?.[1] ?? match?.[2] ?? "";
  const port = match?.[3] === undefined ? usualPort : Number(match[3]);
  const isHost = match?.[1] === undefined ? hostName.test(host) : isIP(host) === 6;
  if (!isHost || port < 1 || port > 65_535) {
    throw problem(
      "bad-address",
      `"${text.trim().slice(0, 80)}" is not an address of a host.`,
      "Give a host name or an IP address, with :port when it is not 443.",
    );
  }
  return memberAddress(host, port);
}

export function memberAddress(host: string, port: number): MemberAddress {
  const lower = host.toLowerCase();
  const bracketed = isIP(lower) === 6 ? `[${lower}]` : lower;
  return { host: lower, port, text: port === usualPort ? lower : `${bracketed}:${port}` };
}

/** Where to dial for an address: itself, unless the map says otherwise. */
export function dialed(address: MemberAddress, map: AddressMap): { host: string; port: number } {
  const key = `${address.host}:${address.port}`;
  const mapped = Object.hasOwn(map, key) ? map[key] : undefined;
  if (mapped === undefined) return { host: address.host, port: address.port };
  const to = parseAddress(mapped);
  return { host: to.host, port: to.port };
}

/** For `xen-api` and for HTTP: always with the port. */
export function addressUrl(address: MemberAddress): string {
  const host = isIP(address.host) === 6 ? `[${address.host}]` : address.host;
  return `https://${host}:${address.port}/`;
}
