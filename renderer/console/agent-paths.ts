import type { AgentHost } from "../../main/contract/agents.ts";

export type Path = NonNullable<AgentHost["status"]>["paths"][number];

type PathMark = "verdict-unknown" | `path-${Path["state"]}`;

/** Old words of an agent say nothing about now. */
export const pathMark = (path: Path, isStale: boolean): PathMark =>
  isStale ? "verdict-unknown" : `path-${path.state}`;

/** "0.4 s", "12 s"; null when nothing was ever heard. */
export const beatAge = (path: Path): string | null => {
  if (path.lastBeatAgeMs === null) return null;
  return `${(path.lastBeatAgeMs / 1000).toFixed(1)} s`;
};

/** How much of the time until suspicion is used up, 0 to 1; all of it when nothing is heard. */
export const usedMargin = (path: Path): number => {
  if (path.lastBeatAgeMs === null || path.state === "never-heard") return 1;
  return Math.min(1, Math.max(0, path.lastBeatAgeMs / path.suspectAfterMs));
};

export const marginWords = (path: Path): string => {
  if (path.marginMs === null) return "nothing heard";
  const leftS = (Math.max(0, path.marginMs) / 1000).toFixed(1);
  return `${leftS} s of ${(path.suspectAfterMs / 1000).toFixed(1)} s left`;
};
