import { z } from "zod";
import { sshKeySchema } from "../../contract/install.ts";
import type { SshKey } from "../../contract/install.ts";
import type { StateStore } from "../ports.ts";

/*
 * SSH host keys that a person accepted, by address. A document that cannot be read is refused
 * whole.
 */

export interface SshTrust {
  find(address: string): SshKey | null;
  /** `isLasting` false: for the demo, whose keys end with it */
  trust(address: string, key: SshKey, isLasting: boolean): Promise<void>;
}

const documentName = "trusted-ssh-keys";
const documentSchema = z.object({
  version: z.literal(1),
  keys: z.record(z.string(), sshKeySchema),
});

const opened = new WeakMap<StateStore, Promise<SshTrust>>();

/** One per store, so that pools that share a host share what is known of its key. */
export function openSshTrust(store: StateStore): Promise<SshTrust> {
  const known = opened.get(store) ?? open(store);
  opened.set(store, known);
  return known;
}

async function open(store: StateStore): Promise<SshTrust> {
  const stored = await store.read(documentName);
  const isAbsent = stored === null || stored === undefined;
  const lasting = new Map(isAbsent ? [] : Object.entries(documentSchema.parse(stored).keys));
  const passing = new Map<string, SshKey>();
  let written: Promise<unknown> = Promise.resolve();
  return {
    find: (address) => passing.get(address) ?? lasting.get(address) ?? null,
    trust(address, key, isLasting) {
      if (!isLasting) {
        passing.set(address, key);
        return Promise.resolve();
      }
      lasting.set(address, key);
      const keys = Object.fromEntries(lasting);
      const next = written.then(() => store.write(documentName, { version: 1, keys }));
      written = next.catch(() => undefined);
      return next;
    },
  };
}
