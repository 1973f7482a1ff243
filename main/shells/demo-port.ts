import type { DemoControl } from "../console/ports.ts";

/** One host of the running demo pool, for the line that programs read. */
export interface DemoHost {
  readonly name: string;
  readonly xapiUrl: string;
  readonly sshPort: number;
}

/** What the command line tells about the running demo pool; the coordinator comes first. */
export interface DemoFacts {
  readonly hosts: readonly DemoHost[];
  readonly user: string;
  readonly password: string;
}

/** The backend's demo port, and what the shell that owns it may know besides. */
export interface ShellDemo extends DemoControl {
  facts(): DemoFacts | null;
}
