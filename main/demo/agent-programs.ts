import { spawn, type ChildProcess } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import type { StdioOptions } from "node:child_process";
import type { HostRoot } from "../../host-agent/xapi-host/host-root.ts";
import type { Undertaker } from "./undertaker-pipe.ts";

export interface AgentProgramsOptions {
  readonly root: HostRoot;
  /** what every verb is told besides: where this virtual host's hypervisor and XAPI are */
  readonly standIns: readonly string[];
  readonly undertaker: Pick<Undertaker, "began" | "ended">;
}

/**
 * The only processes a demo host's SSH can start: a file that was uploaded to it, executed as it
 * is, without a shell, with an empty environment and the host's folder as its root.
 */
export class AgentPrograms {
  readonly #options: AgentProgramsOptions;
  readonly #running = new Set<ChildProcess>();

  constructor(options: AgentProgramsOptions) {
    this.#options = options;
  }

  /** Null when the host has no such program. `args` come from the list of commands. */
  start(program: string, args: readonly string[], stdio: StdioOptions): ChildProcess | null {
    const { root, standIns, undertaker } = this.#options;
    const file = this.#executable(program);
    if (file === null) return null;
    const child = spawn(file, [...args, "--root", root.folder, ...standIns], {
      cwd: root.folder,
      env: {},
      // A group of its own: the terminal's Ctrl-C is for the pool's owner.
      detached: true,
      stdio,
    });
    this.#running.add(child);
    const { pid } = child;
    if (pid !== undefined) undertaker.began(pid);
    const over = (): void => {
      if (this.#running.delete(child) && pid !== undefined) undertaker.ended(pid);
    };
    child.once("exit", over);
    // A file that is no program at all.
    child.once("error", over);
    return child;
  }

  /** What the loss of power does to them. Resolves when none is left. */
  async killAll(): Promise<void> {
    const ends = [...this.#running].map(
      (child) =>
        new Promise<void>((resolve) => {
          child.once("exit", () => resolve());
          child.once("error", () => resolve());
          child.kill("SIGKILL");
        }),
    );
    await Promise.all(ends);
  }

  #executable(program: string): string | null {
    try {
      const file = this.#options.root.follow(program);
      accessSync(file, constants.X_OK);
      return statSync(file).isFile() ? file : null;
    } catch {
      // Not there, or not made executable.
      return null;
    }
  }
}
