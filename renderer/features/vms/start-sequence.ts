import type { Drafts, VmMap } from "./drafts.ts";

export interface StartStep {
  readonly order: number;
  readonly names: readonly string[];
  /** longest delay of this step: how long the next one waits */
  readonly waitS: number;
}

/**
 * The order in which agile VMs set to restart would start, drafts included: equal numbers together,
 * lower first, and the next waits for the longest delay. Negative numbers come last, as in XAPI.
 */
export const startSequence = (vms: VmMap, drafts: Drafts): StartStep[] => {
  const steps = new Map<number, { names: string[]; waitS: number }>();
  for (const vm of vms.values()) {
    const draft = drafts.get(vm.uuid);
    // XAPI restarts agile VMs only, whatever they are set to.
    if ((draft?.treatment ?? vm.treatment) !== "restart" || !vm.agility.agile) continue;
    const order = draft?.order ?? vm.order;
    const step = steps.get(order) ?? { names: [], waitS: 0 };
    step.names.push(vm.name);
    step.waitS = Math.max(step.waitS, draft?.startDelayS ?? vm.startDelayS);
    steps.set(order, step);
  }
  const rank = (order: number): number => (order < 0 ? Number.MAX_SAFE_INTEGER : order);
  return [...steps]
    .map(([order, step]) => ({ order, ...step }))
    .toSorted((a, b) => rank(a.order) - rank(b.order) || a.order - b.order);
};
