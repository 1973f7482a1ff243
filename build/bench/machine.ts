import { readFileSync } from "node:fs";
import { arch, cpus, loadavg, platform, release, totalmem } from "node:os";

/** What a number was measured on; without it the number means nothing to anybody else. */
export interface MachineFacts {
  readonly cpu: string;
  readonly coreCount: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  readonly browser: string | null;
  readonly measuredAt: string;
  /**
   * runnable processes, mean of the last minute; well above `coreCount`, others were at work, too
   */
  readonly loadMean: number;
}

export function machineFacts(browser: string | null): MachineFacts {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim() ?? "unknown",
    coreCount: cores.length,
    memoryBytes: totalmem(),
    system: `${systemName()}, ${platform()} ${release()} ${arch()}`,
    node: process.version,
    browser,
    measuredAt: new Date().toISOString(),
    loadMean: Number((loadavg()[0] ?? 0).toFixed(1)),
  };
}

function systemName(): string {
  try {
    const text = readFileSync("/etc/os-release", "utf8");
    return /^PRETTY_NAME="?([^"\n]+)/mu.exec(text)?.[1] ?? platform();
  } catch {
    // Only Linux has that file.
    return platform();
  }
}
