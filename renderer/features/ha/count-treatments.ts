import type { Treatment, VmSummary } from "../../../main/contract/pool.ts";

/** How many VMs are set to each treatment. */
export const countTreatments = (vms: Iterable<VmSummary>): Record<Treatment, number> => {
  const counts = { restart: 0, "best-effort": 0, unprotected: 0 };
  for (const vm of vms) counts[vm.treatment] += 1;
  return counts;
};

/** Running VMs that XAPI would leave off. */
export const countRunningUnprotected = (vms: Iterable<VmSummary>): number => {
  let count = 0;
  for (const vm of vms) {
    if (vm.powerState === "Running" && vm.treatment === "unprotected") count += 1;
  }
  return count;
};
