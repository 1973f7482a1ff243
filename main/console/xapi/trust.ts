import { z } from "zod";
import { fingerprintSchema } from "../../contract/pool.ts";
import type { StateStore } from "../ports.ts";
import type { MemberAddress } from "./address.ts";

/**
 * Why a certificate is believed. `person`: someone compared the fingerprint. `pool-records`: the
 * coordinator of the pool, itself trusted, says so in its Certificate records. `seen-through-pool`:
 * it was there at the first look, at the address a trusted coordinator gives for its member; weaker
 * than the other two, kept apart so that it can be said. `demo`: the demo made it.
 */
type TrustOrigin = "person" | "pool-records" | "seen-through-pool" | "demo";

interface TrustEntry {
  readonly fingerprint: string;
  readonly origin: TrustOrigin;
  readonly atMs: number;
}

export interface TrustStore {
  find(address: MemberAddress): TrustEntry | null;
  /** replaces what was trusted at the address; the caller decides whether it may */
  trust(address: MemberAddress, entry: TrustEntry): Promise<void>;
  forget(addressTexts: readonly string[]): Promise<void>;
}

const documentName = "trusted-certificates";

const documentSchema = z.object({
  version: z.literal(1),
  certificates: z.record(
    z.string(),
    z.object({
      fingerprint: fingerprintSchema,
      origin: z.enum(["person", "pool-records", "seen-through-pool", "demo"]),
      atMs: z.number(),
    }),
  ),
});

/**
 * One fingerprint per address, kept over restarts, except those of the demo, whose certificates end
 * with it. A document that cannot be read is refused as a whole: starting with an empty one would
 * silently turn every changed certificate into a first use.
 */
export async function openTrust(store: StateStore): Promise<TrustStore> {
  const stored = await store.read(documentName);
  const isAbsent = stored === null || stored === undefined;
  const entries = new Map<string, TrustEntry>(
    isAbsent ? [] : Object.entries(documentSchema.parse(stored).certificates),
  );
  let written: Promise<void> = Promise.resolve();
  const write = (): Promise<void> => {
    const certificates = Object.fromEntries(
      [...entries].filter(([, entry]) => entry.origin !== "demo"),
    );
    const next = written.then(() => store.write(documentName, { version: 1, certificates }));
    // The next write must not fail because this one did; this one's caller hears of it.
    written = next.catch(() => undefined);
    return next;
  };
  return {
    find: (address) => entries.get(address.text) ?? null,
    trust(address, entry) {
      const known = entries.get(address.text);
      entries.set(address.text, entry);
      const isSame = known?.fingerprint === entry.fingerprint && known.origin === entry.origin;
      return isSame || entry.origin === "demo" ? Promise.resolve() : write();
    },
    forget(addressTexts) {
      const before = entries.size;
      for (const text of addressTexts) entries.delete(text);
      return entries.size === before ? Promise.resolve() : write();
    },
  };
}
