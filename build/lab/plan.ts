import { readFileSync } from "node:fs";
import type { LabPaths } from "./paths.ts";

export type Network = "mgmt" | "storage";
export const networks: readonly Network[] = ["mgmt", "storage"];

export interface PlannedHost {
  /** h1 to h4; the coordinator is h1 */
  readonly id: string;
  readonly name: string;
  readonly uuid: string;
  readonly controlDomainUuid: string;
  readonly addresses: Readonly<Record<Network, string>>;
}

/** What a lab consists of, decided before anything starts. */
export interface LabPlan {
  readonly name: string;
  readonly hosts: readonly PlannedHost[];
  /** this machine's own address on the management network */
  readonly operatorAddress: string;
  /** the folder with the Debian that all hosts share */
  readonly image: string;
  readonly hostDiskMib: number;
}

export function readPlan(paths: LabPaths): LabPlan {
  return JSON.parse(readFileSync(paths.planFile, "utf8")) as LabPlan;
}

/** By its short name or its own. Throws a sentence when there is none. */
export function findHost(plan: LabPlan, wanted: string): PlannedHost {
  const found = plan.hosts.find(({ id, name }) => id === wanted || name === wanted);
  if (found !== undefined) return found;
  const known = plan.hosts.map(({ id, name }) => `${id} (${name})`).join(", ");
  throw new Refusal(`The lab has no host ${wanted}. There are: ${known}.`);
}

/** Something a person can act on, said in one sentence. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}
