/**
 * `pool.conf`: this host's role, one line. The only authority over what a starting XAPI becomes.
 */
import type { Disk } from "../ports.ts";

export type PoolRole =
  | { readonly type: "coordinator" }
  | { readonly type: "supporter"; readonly address: string }
  | { readonly type: "broken" };

const FILE = "pool.conf";

function parseRole(text: string | undefined): PoolRole {
  const line = (text ?? "").trim();
  if (line === "master") return { type: "coordinator" };
  const address = /^slave:(.+)$/u.exec(line)?.[1];
  return address === undefined ? { type: "broken" } : { type: "supporter", address };
}

function formatRole(role: PoolRole): string {
  switch (role.type) {
    case "coordinator":
      return "master";
    case "supporter":
      return `slave:${role.address}`;
    case "broken":
      return "broken";
  }
}

export function readRole(disk: Disk): PoolRole {
  return parseRole(disk.read(FILE));
}

/** Takes effect at the next start. Throws `DiskFull`. */
export function writeRole(disk: Disk, role: PoolRole): void {
  disk.write(FILE, formatRole(role));
}
