/** Operations on offer are not stored: a starting coordinator works them out for every object. */
import type { CallModule } from "../call.ts";
import { refreshHost, refreshPool } from "./host-rules.ts";
import { refreshVm } from "./vm-rules.ts";

/** VMs per slice, so that a large pool answers calls in between. */
const SLICE = 200;

export const advice: CallModule = {
  services: [
    {
      name: "operations on offer",
      runsOn: "coordinator",
      async run(host, coordinator) {
        if (coordinator === null) {
          return;
        }
        const ctx = coordinator();
        refreshPool(ctx);
        for (const ref of ctx.db.refs("host")) {
          refreshHost(ctx, ref);
        }
        const vms = [...ctx.db.refs("VM")];
        for (let at = 0; at < vms.length && !host.stopping.cancelled; at += SLICE) {
          for (const vm of vms.slice(at, at + SLICE)) {
            refreshVm(ctx, vm);
          }
          await host.ports.clock.sleep(1, host.stopping);
        }
      },
    },
  ],
};
