import type { SafeStorage } from "electron";
import { describe, expect, test } from "vitest";
import { keychainSecrets } from "./electron-secrets.ts";
import { memoryState } from "./memory-stores.ts";

type Backend = ReturnType<SafeStorage["getSelectedStorageBackend"]>;

/** A keychain whose key can be lost: it opens only what it sealed itself. */
function keychain(backend: Backend, isAvailable = true) {
  let key = 1;
  return {
    loseKey: () => (key += 1),
    isAsyncEncryptionAvailable: () => Promise.resolve(isAvailable),
    getSelectedStorageBackend: () => backend,
    encryptStringAsync: (text: string) =>
      Promise.resolve(Buffer.from(`${key}:${Buffer.from(text).toString("hex")}`)),
    decryptStringAsync: (sealed: Buffer) => {
      const [usedKey, text = ""] = sealed.toString().split(":");
      if (usedKey !== String(key)) return Promise.reject(new Error("cannot decrypt"));
      return Promise.resolve({
        shouldReEncrypt: false,
        result: Buffer.from(text, "hex").toString(),
      });
    },
  };
}

describe("passwords in the keychain", () => {
  test("come back after a restart and are never written in the clear", async () => {
    const store = memoryState();
    const chain = keychain("kwallet6");
    const secrets = await keychainSecrets(chain, store, "linux", () => undefined);
    await secrets.set("pool", "swordfish");
    await secrets.set("other", "x");
    await secrets.delete("other");
    expect(secrets.persistent).toBe(true);
    const again = await keychainSecrets(chain, store, "linux", () => undefined);
    expect(await again.get("pool")).toBe("swordfish");
    expect(await again.get("other")).toBeNull();
    expect(JSON.stringify(await store.read("secrets"))).not.toContain("swordfish");
  });

  test("are asked for again when the key is lost", async () => {
    const chain = keychain("gnome_libsecret");
    const secrets = await keychainSecrets(chain, memoryState(), "linux", () => undefined);
    await secrets.set("pool", "swordfish");
    chain.loseKey();
    expect(await secrets.get("pool")).toBeNull();
  });

  test.each([
    ["basic_text", true],
    ["unknown", true],
    ["gnome_libsecret", false],
  ] as const)("end with the program on Linux with %s, available %s", async (backend, available) => {
    const store = memoryState();
    const logged: string[] = [];
    const chain = keychain(backend, available);
    const secrets = await keychainSecrets(chain, store, "linux", (line) => logged.push(line));
    await secrets.set("pool", "swordfish");
    expect(secrets.persistent).toBe(false);
    expect(await secrets.get("pool")).toBe("swordfish");
    expect(await store.read("secrets")).toBeNull();
    expect(logged.join()).toContain("in memory only");
  });

  test("do not ask for the backend's name elsewhere", async () => {
    const chain = keychain("basic_text");
    const secrets = await keychainSecrets(chain, memoryState(), "darwin", () => undefined);
    expect(secrets.persistent).toBe(true);
  });
});
