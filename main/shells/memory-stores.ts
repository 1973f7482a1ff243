import type { SecretStore, StateStore } from "../console/ports.ts";

/** Passwords that end with the process. */
export function memorySecrets(): SecretStore {
  const secrets = new Map<string, string>();
  return {
    persistent: false,
    get: (key) => Promise.resolve(secrets.get(key) ?? null),
    set: (key, secret) => {
      secrets.set(key, secret);
      return Promise.resolve();
    },
    delete: (key) => {
      secrets.delete(key);
      return Promise.resolve();
    },
  };
}

/** Documents that end with the process: a demo leaves no trace and shows no real pool. */
export function memoryState(): StateStore {
  const documents = new Map<string, string>();
  return {
    read: (name) => {
      const text = documents.get(name);
      return Promise.resolve(text === undefined ? null : JSON.parse(text));
    },
    write: (name, value) => {
      documents.set(name, JSON.stringify(value));
      return Promise.resolve();
    },
  };
}
