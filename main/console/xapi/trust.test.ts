import { expect, it } from "vitest";
import type { StateStore } from "../ports.ts";
import { parseAddress } from "./address.ts";
import { openTrust } from "./trust.ts";

const one = Array.from({ length: 32 }, () => "AA").join(":");
const other = Array.from({ length: 32 }, () => "BB").join(":");
const xcp1 = parseAddress("xcp1.lan");

function oneDocument(): StateStore & { text: string | null } {
  const store = {
    text: null as string | null,
    read: () => Promise.resolve(store.text === null ? null : (JSON.parse(store.text) as unknown)),
    write: (_name: string, value: unknown) => {
      store.text = JSON.stringify(value);
      return Promise.resolve();
    },
  };
  return store;
}

it("what a person accepted is there after a restart, per address and port", async () => {
  const store = oneDocument();
  const trust = await openTrust(store);
  await trust.trust(xcp1, { fingerprint: one, origin: "person", atMs: 5 });
  const again = await openTrust(store);
  expect(again.find(xcp1)).toEqual({ fingerprint: one, origin: "person", atMs: 5 });
  expect(again.find(parseAddress("xcp1.lan:8443"))).toBeNull();
  await again.forget(["xcp1.lan"]);
  expect((await openTrust(store)).find(xcp1)).toBeNull();
});

it("the demo's certificates end with the process", async () => {
  const store = oneDocument();
  const trust = await openTrust(store);
  await trust.trust(xcp1, { fingerprint: other, origin: "demo", atMs: 5 });
  expect(trust.find(xcp1)?.fingerprint).toBe(other);
  expect((await openTrust(store)).find(xcp1)).toBeNull();
});

it("a document that cannot be read is refused: an empty one would make every change a first use", async () => {
  const store = oneDocument();
  store.text = '{"version":1,"certificates":{"xcp1.lan":{"fingerprint":"?"}}}';
  await expect(openTrust(store)).rejects.toThrow();
});
