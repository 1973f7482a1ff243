/**
 * Which XAPI a host runs. Behaviour is decided by the full version, never by the product number:
 * one product release spans several XAPI versions with different safety properties.
 */
export interface XapiGeneration {
  /** Full version, e.g. `1.249.41` or `26.1.4`. */
  readonly version: string;
  readonly productVersion: string;
  readonly productBrand: string;
  /** `host.disable` has `auto_enable`, and the choice survives restarts (25.31). */
  readonly rememberedDisable: boolean;
  /** What a restarted coordinator says of hosts it has not heard of yet. */
  readonly unseenHost: "not-live" | "live-for-ever" | "live-for-a-while";
  /** `host.evacuate` takes a network (1.297) and a batch size (23.27). */
  readonly evacuateNetwork: boolean;
  readonly evacuateBatch: boolean;
  /** `event.from` waits a batch time before its first look, except for tasks alone (25.5). */
  readonly eventFromWaitsFirst: boolean;
  readonly messageDestroyMany: boolean;
  readonly messageDestroyAll: boolean;
  /** The datamodel has `xapi_build` in `host.software_version` (22.20). */
  readonly xapiBuildKey: boolean;
  /** The redo log of native HA needs about 4 GB (23.30). */
  readonly largeRedoLog: boolean;
  readonly rebootOnInternalShutdown: boolean;
}

/** Compares dotted versions number by number: negative, zero or positive. */
export function compareVersions(left: string, right: string): number {
  const a = left.split(".").map(Number);
  const b = right.split(".").map(Number);
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export function generationOf(
  version: string,
  product: { readonly brand: string; readonly version: string } = {
    brand: "XCP-ng",
    version: compareVersions(version, "22.0") < 0 ? "8.2.1" : "8.3.0",
  },
): XapiGeneration {
  const since = (first: string): boolean => compareVersions(version, first) >= 0;
  const unseenHost = since("24.32")
    ? "live-for-a-while"
    : since("24.20")
      ? "live-for-ever"
      : "not-live";
  return {
    version,
    productVersion: product.version,
    productBrand: product.brand,
    rememberedDisable: since("25.31"),
    unseenHost,
    evacuateNetwork: since("1.297"),
    evacuateBatch: since("23.27"),
    eventFromWaitsFirst: since("25.5"),
    messageDestroyMany: since("22.19"),
    messageDestroyAll: since("26.6"),
    xapiBuildKey: since("22.20"),
    largeRedoLog: since("23.30"),
    rebootOnInternalShutdown: since("25.16"),
  };
}

/** The two presets: what 8.2 and 8.3 installations run today. */
export const GENERATIONS = {
  "1.249": generationOf("1.249.41"),
  "26.1": generationOf("26.1.4"),
} as const;

export type GenerationName = keyof typeof GENERATIONS;
