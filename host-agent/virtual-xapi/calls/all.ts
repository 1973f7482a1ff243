/** Every call module of the node. Append a line for each new file. */
import type { CallModule } from "../call.ts";

export const callModules: readonly CallModule[] = [];
