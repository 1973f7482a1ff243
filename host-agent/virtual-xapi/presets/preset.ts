/** What a preset is: a pool at rest, and the state of the machines that belongs to it. */
import type { AttachedDisk, Dice, DomainSpec } from "../ports.ts";
import type { XapiGeneration } from "../generation.ts";
import type { XapiRecord } from "../value.ts";

export type PresetName = "two" | "two-8.2" | "three" | "four" | "sixteen" | "large";

export type Tables = Readonly<Record<string, Readonly<Record<string, XapiRecord>>>>;

/** Where the caller's machines are; as many as the preset has hosts, the coordinator first. */
export interface PresetPlace {
  /** management address as XAPI writes it, without a port */
  readonly address: string;
  /** on the storage network; one of the preset's own otherwise */
  readonly storageAddress?: string;
  /**
   * SHA-256 of the host's TLS certificate, upper-case pairs with colons; absent: no record of it
   */
  readonly certificateFingerprint?: string;
}

export interface PresetOptions {
  readonly dice: Dice;
  /** milliseconds since the epoch; every date in the pool lies before it */
  readonly nowMs: number;
  readonly places: readonly PresetPlace[];
}

/** One machine of the pool: what its firmware, its hypervisor and its storage cables say. */
export interface PresetHost {
  readonly ref: string;
  readonly uuid: string;
  readonly name: string;
  readonly address: string;
  readonly memoryBytes: number;
  readonly dom0MemoryBytes: number;
  /** milliseconds since the epoch */
  readonly bootedAtMs: number;
  /** guests that run here; the database says the same */
  readonly domains: readonly DomainSpec[];
  readonly attachedDisks: readonly AttachedDisk[];
  /** SRs it is cabled to */
  readonly srUuids: readonly string[];
}

export interface PoolPreset {
  readonly name: PresetName;
  readonly generation: XapiGeneration;
  /** class to reference to record, every field of the generation present, relations filled in */
  readonly tables: Tables;
  /** the coordinator first */
  readonly hosts: readonly PresetHost[];
  /** references that lead nowhere on purpose, as real pools have them */
  readonly danglingRefs: readonly string[];
}
