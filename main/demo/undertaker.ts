/**
 * Outlives the process that started the demo pool by a moment. It holds the other end of a pipe;
 * when the pipe closes, for whatever reason, it ends the processes it was told of (stopped ones
 * too, which cannot notice anything themselves) and removes the pool's folder.
 *
 * Lines on standard input: `+PID` a process began, `-PID` it ended.
 */
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";

const folder = process.argv[2] ?? "";
const pids = new Set<number>();
const removeAttempts = 20;

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const pid = Number(line.slice(1));
  if (line.startsWith("+")) pids.add(pid);
  if (line.startsWith("-")) pids.delete(pid);
});
lines.on("close", () => {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It went by itself.
    }
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: removeAttempts, retryDelay: 50 });
});
// The terminal's Ctrl-C is for the pool's owner; this one leaves when the owner has left.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("SIGHUP", () => {});
