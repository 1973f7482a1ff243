import type { SafeStorage } from "electron";
import type { SecretStore, StateStore } from "../console/ports.ts";
import { memorySecrets } from "./memory-stores.ts";

type Keychain = Pick<
  SafeStorage,
  | "isAsyncEncryptionAvailable"
  | "getSelectedStorageBackend"
  | "encryptStringAsync"
  | "decryptStringAsync"
>;

const DOCUMENT = "secrets";

/**
 * Passwords encrypted with a key of the system's keychain. On Linux without one, Electron encrypts
 * with a password that is the same everywhere: that is no protection, so nothing is written then
 * and the window says that passwords end with the program.
 */
export async function keychainSecrets(
  keychain: Keychain,
  store: StateStore,
  platform: NodeJS.Platform,
  log: (sentence: string) => void,
): Promise<SecretStore> {
  if (!(await hasRealKeychain(keychain, platform))) {
    log("No keychain is available on this system: passwords are kept in memory only.");
    return memorySecrets();
  }
  const readAll = async (): Promise<Record<string, string>> => textsIn(await store.read(DOCUMENT));
  return {
    persistent: true,
    get: async (key) => {
      const sealed = (await readAll())[key];
      if (sealed === undefined) return null;
      try {
        const opened = await keychain.decryptStringAsync(Buffer.from(sealed, "base64"));
        return opened.result;
      } catch {
        // Another key than then: the person is asked again.
        return null;
      }
    },
    set: async (key, secret) => {
      const sealed = await keychain.encryptStringAsync(secret);
      await store.write(DOCUMENT, { ...(await readAll()), [key]: sealed.toString("base64") });
    },
    delete: async (key) => {
      const { [key]: _gone, ...rest } = await readAll();
      await store.write(DOCUMENT, rest);
    },
  };
}

function textsIn(document: unknown): Record<string, string> {
  if (typeof document !== "object" || document === null) return {};
  return Object.fromEntries(
    Object.entries(document).filter((entry): entry is [string, string] => {
      return typeof entry[1] === "string";
    }),
  );
}

async function hasRealKeychain(keychain: Keychain, platform: NodeJS.Platform): Promise<boolean> {
  if (!(await keychain.isAsyncEncryptionAvailable())) return false;
  if (platform !== "linux") return true;
  const backend = keychain.getSelectedStorageBackend();
  return backend !== "basic_text" && backend !== "unknown";
}
