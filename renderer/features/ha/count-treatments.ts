import type { Treatment, VmSummary } from "../../../main/contract/pool.ts";

/** How many VMs are set to each treatment. */
export const countTreatments = (vms: Iterable<VmSummary>): Record<Treatment, number> => {
  const counts = { restart: 0, "best-effort": 0, unprotected: 0 };
  for (const vm of vms) counts[vm.treatment] += 1;
  return counts;
};
