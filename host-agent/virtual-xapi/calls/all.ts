/** Every call module of the node. Append a line for each new file. */
import type { CallModule } from "../call.ts";
import { advice } from "./advice.ts";
import { appliances } from "./appliances.ts";
import { haCalls } from "./ha-calls.ts";
import { hostEvacuate } from "./host-evacuate.ts";
import { hostLifecycle } from "./host-lifecycle.ts";
import { hostPower } from "./host-power.ts";
import { storage } from "./storage.ts";
import { vmFields } from "./vm-fields.ts";
import { vmHostOps } from "./vm-host-ops.ts";
import { vmMigrate } from "./vm-migrate.ts";
import { vmPower } from "./vm-power.ts";

export const callModules: readonly CallModule[] = [
  vmHostOps,
  vmPower,
  vmMigrate,
  vmFields,
  appliances,
  hostEvacuate,
  hostPower,
  hostLifecycle,
  storage,
  haCalls,
  advice,
];
