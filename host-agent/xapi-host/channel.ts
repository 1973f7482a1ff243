import type { HardwareFaults } from "./settings.ts";

/** What the launcher, which plays the hardware and the service manager, tells a host process. */
export type ToHost =
  | { readonly type: "faults"; readonly dir: string; readonly faults: HardwareFaults }
  /** a service stop: end cleanly */
  | { readonly type: "stop"; readonly dir: string }
  | { readonly type: "peer-powered-on"; readonly id: number; readonly isAccepted: boolean }
  /** The rest is for processes with several hosts, where a signal would hit all of them. */
  | { readonly type: "start"; readonly dir: string }
  | { readonly type: "kill"; readonly dir: string }
  | { readonly type: "freeze"; readonly dir: string }
  | { readonly type: "thaw"; readonly dir: string };

/** What a host process tells the launcher. */
export type FromHost =
  | { readonly type: "listening"; readonly dir: string }
  | { readonly type: "power"; readonly dir: string; readonly action: PowerAction }
  /** the watchdog is fed until then, or disarmed (null); it is the machine's and outlives XAPI */
  | { readonly type: "watchdog"; readonly dir: string; readonly timeoutMs: number | null }
  | { readonly type: "power-on-peer"; readonly id: number; readonly hostUuid: string }
  /** in a process with several hosts: one of them has ended as its process would have */
  | { readonly type: "exited"; readonly dir: string; readonly code: number };

export type PowerAction = "reboot" | "halt" | "fence" | "restart-toolstack";

export interface Launcher {
  tell(message: FromHost): void;
  /** Whether the board controller of that host took the command. */
  powerOnPeer(hostUuid: string): Promise<boolean>;
}
