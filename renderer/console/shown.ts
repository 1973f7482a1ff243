import type { Connection, HostSummary, PoolSummary } from "../../main/contract/pool.ts";

type PoolVerdict = PoolSummary["verdict"];
type RebootVerdict = HostSummary["verdict"]["verdict"];

/** Old facts are shown, but no verdict stands on them. */
export const isBelievable = (connection: Connection): boolean => connection.status === "live";

export const shownPoolVerdict = (connection: Connection, pool: PoolSummary | null): PoolVerdict =>
  pool !== null && isBelievable(connection) ? pool.verdict : "unknown";

export const shownRebootVerdict = (connection: Connection, host: HostSummary): RebootVerdict =>
  isBelievable(connection) ? host.verdict.verdict : "unknown";

/** Coordinator first, then by name as a person would sort it. */
export const sortHosts = (hosts: Iterable<HostSummary>): HostSummary[] =>
  [...hosts].toSorted((a, b) => {
    if (a.role !== b.role) return a.role === "coordinator" ? -1 : 1;
    return collator.compare(a.name, b.name);
  });

/** "host2" before "host10". Shared, because building one is slow. */
export const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
