import type { ConsoleError } from "../../main/contract/errors.ts";
import type {
  Connection,
  HostSummary,
  PoolFactsItem,
  PoolSummary,
  SrSummary,
  VmSummary,
} from "../../main/contract/pool.ts";
import type { Run } from "../../main/contract/run.ts";

export type ByUuid<Row> = ReadonlyMap<string, Row>;

/**
 * The picture of one pool in the window. A row object is replaced only when that row changed, and a
 * map only when one of its rows did, so that a table of 5,000 rows repaints what moved and no more.
 */
export interface PoolFacts {
  readonly status: "loading" | "ready" | "failed";
  readonly error: ConsoleError | null;
  readonly atMs: number;
  readonly connection: Connection;
  readonly pool: PoolSummary | null;
  readonly hosts: ByUuid<HostSummary>;
  readonly vms: ByUuid<VmSummary>;
  readonly srs: ByUuid<SrSummary>;
  readonly run: Run | null;
}

export const noFacts: PoolFacts = {
  status: "loading",
  error: null,
  atMs: 0,
  connection: { status: "disconnected" },
  pool: null,
  hosts: new Map(),
  vms: new Map(),
  srs: new Map(),
  run: null,
};

interface Changes<Row> {
  readonly upsert: readonly Row[];
  readonly removeUuids: readonly string[];
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Rows that did not change keep their object, and an unchanged set keeps its map. */
const replaced = <Row extends { readonly uuid: string }>(
  before: ByUuid<Row>,
  rows: readonly Row[],
): ByUuid<Row> => {
  let isChanged = rows.length !== before.size;
  const after = new Map<string, Row>();
  for (const row of rows) {
    const old = before.get(row.uuid);
    const keep = old !== undefined && same(old, row);
    isChanged ||= !keep;
    after.set(row.uuid, keep ? old : row);
  }
  return isChanged ? after : before;
};

const changed = <Row extends { readonly uuid: string }>(
  before: ByUuid<Row>,
  changes: readonly Changes<Row>[],
): ByUuid<Row> => {
  if (changes.every((change) => change.upsert.length + change.removeUuids.length === 0)) {
    return before;
  }
  const after = new Map(before);
  for (const change of changes) {
    for (const uuid of change.removeUuids) after.delete(uuid);
    for (const row of change.upsert) after.set(row.uuid, row);
  }
  return after;
};

type Patch = Extract<PoolFactsItem, { kind: "patch" }>;

const patched = (facts: PoolFacts, patches: readonly Patch[]): PoolFacts => {
  const given = <K extends keyof Patch>(key: K): NonNullable<Patch[K]>[] =>
    patches.flatMap((patch) => (patch[key] == null ? [] : [patch[key] as NonNullable<Patch[K]>]));
  const run = patches.findLast((patch) => patch.run !== undefined)?.run;
  return {
    ...facts,
    atMs: patches.at(-1)?.atMs ?? facts.atMs,
    connection: given("connection").at(-1) ?? facts.connection,
    pool: given("pool").at(-1) ?? facts.pool,
    hosts: changed(facts.hosts, given("hosts")),
    vms: changed(facts.vms, given("vms")),
    srs: changed(facts.srs, given("srs")),
    run: run === undefined ? facts.run : run,
  };
};

/** Items in the order they came; everything before the last snapshot is void. */
export const applyItems = (facts: PoolFacts, items: readonly PoolFactsItem[]): PoolFacts => {
  const snapshotAt = items.findLastIndex((item) => item.kind === "snapshot");
  const snapshot = items[snapshotAt];
  const patches = items.slice(snapshotAt + 1).filter((item) => item.kind === "patch");
  if (snapshot === undefined || snapshot.kind !== "snapshot") return patched(facts, patches);
  const base: PoolFacts = {
    status: "ready",
    error: null,
    atMs: snapshot.atMs,
    connection: snapshot.connection,
    pool: snapshot.pool,
    hosts: replaced(facts.hosts, snapshot.hosts),
    vms: replaced(facts.vms, snapshot.vms),
    srs: replaced(facts.srs, snapshot.srs),
    run: snapshot.run,
  };
  return patches.length === 0 ? base : patched(base, patches);
};
