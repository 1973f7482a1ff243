import type { SrSummary } from "../../../main/contract/pool.ts";
import { collator } from "../../console/shown.ts";

/** Trouble first, then shared, then by name. */
export const orderSrs = (srs: readonly SrSummary[]): SrSummary[] =>
  srs.toSorted((a, b) => {
    const troubled =
      Number(b.unpluggedHostNames.length > 0) - Number(a.unpluggedHostNames.length > 0);
    if (troubled !== 0) return troubled;
    if (a.shared !== b.shared) return a.shared ? -1 : 1;
    return collator.compare(a.name, b.name);
  });
