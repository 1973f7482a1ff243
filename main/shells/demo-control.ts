import type { DemoAccess } from "../console/ports.ts";
import type { DemoFacts, ShellDemo } from "./demo-port.ts";

export function demoControl(): ShellDemo {
  throw new Error("The demo pool is not there yet.");
}
export type Pending = DemoAccess | DemoFacts;
