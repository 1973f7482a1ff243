import { lstatSync, readlinkSync } from "node:fs";
import { join, posix } from "node:path";

/** A path that a host does not have or does not give out; `code` as Node names it. */
class PathRefused extends Error {
  override readonly name = "PathRefused";
  readonly code: "ENOENT" | "EINVAL" | "ELOOP";

  constructor(code: PathRefused["code"]) {
    super(code);
    this.code = code;
  }
}

const linkHopsMax = 16;
const pathLengthMax = 1_024;

/**
 * The folder that is a virtual host's root. Every path is walked here step by step, links too, so
 * that `..` ends at this root and a link to `/etc` leads to the `etc` in here, as in a chroot.
 */
export class HostRoot {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** The real path behind a host's path, the last link followed. Throws `PathRefused`. */
  follow(path: string): string {
    return this.#real(path, true);
  }

  /** The same with the last link itself meant, not what it leads to. Throws `PathRefused`. */
  entry(path: string): string {
    return this.#real(path, false);
  }

  /** As the host writes it: absolute, without dots. */
  normalise(path: string): string {
    if (path.includes("\0") || path.length > pathLengthMax) throw new PathRefused("EINVAL");
    return posix.join("/", path).replace(/(?<=.)\/$/u, "");
  }

  #real(path: string, followLast: boolean): string {
    let left = stepsOf(this.normalise(path));
    let done: string[] = [];
    for (let hops = 0; left.length > 0;) {
      const [step = "", ...rest] = left;
      const target = step === ".." ? null : this.#linkAt([...done, step]);
      left = rest;
      if (step === "..") {
        done = done.slice(0, -1);
      } else if (target === null || (rest.length === 0 && !followLast)) {
        done = [...done, step];
      } else {
        hops += 1;
        if (hops > linkHopsMax) throw new PathRefused("ELOOP");
        if (target.startsWith("/")) done = [];
        left = [...stepsOf(target), ...rest];
      }
    }
    return join(this.folder, ...done);
  }

  #linkAt(steps: readonly string[]): string | null {
    const real = join(this.folder, ...steps);
    const found = lstatSync(real, { throwIfNoEntry: false });
    return found?.isSymbolicLink() === true ? readlinkSync(real) : null;
  }
}

function stepsOf(path: string): readonly string[] {
  return path.split("/").filter((step) => step !== "" && step !== ".");
}
