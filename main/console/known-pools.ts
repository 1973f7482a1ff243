import { z } from "zod";
import type { StateStore } from "./ports.ts";

/** A pool as it is remembered between starts. Nothing in it is a secret. */
export interface StoredPool {
  readonly poolId: string;
  readonly poolUuid: string;
  readonly name: string;
  readonly user: string;
  readonly members: readonly StoredMember[];
}

interface StoredMember {
  readonly address: string;
  /** null: an address that somebody typed */
  readonly name: string | null;
}

const documentName = "known-pools";

const documentSchema = z.object({
  version: z.literal(1),
  pools: z.array(
    z.object({
      poolId: z.string(),
      poolUuid: z.string(),
      name: z.string(),
      user: z.string(),
      members: z.array(z.object({ address: z.string(), name: z.string().nullable() })),
    }),
  ),
});

export async function readKnownPools(store: StateStore): Promise<readonly StoredPool[]> {
  const stored = await store.read(documentName);
  if (stored === null || stored === undefined) return [];
  return documentSchema.parse(stored).pools;
}

/** Writes one after another, each time the newest list. */
export function knownPoolsWriter(
  store: StateStore,
  pools: () => readonly StoredPool[],
): () => Promise<void> {
  let written: Promise<void> = Promise.resolve();
  let before = "";
  return () => {
    const document = { version: 1, pools: pools() };
    const text = JSON.stringify(document);
    if (text === before) return written;
    before = text;
    const next = written.then(() => store.write(documentName, document));
    // The next write must not fail because this one did; this one's caller hears of it.
    written = next.catch(() => undefined);
    return next;
  };
}
