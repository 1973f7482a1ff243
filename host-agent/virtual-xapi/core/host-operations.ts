/** Which operations a host's record offers. Advisory: the calls themselves check again. */
import type { DbAccess } from "../call.ts";

const EXCLUSIVE = ["shutdown", "reboot"];

export function updateHostOperations(db: DbAccess, hostRef: string): void {
  const host = db.find("host", hostRef);
  if (host === undefined) return;
  const enabled = host["enabled"] === true;
  const metrics = String(host["metrics"]);
  const live = db.find("host_metrics", metrics)?.["live"] === true;
  const running = Object.values(db.map("host", hostRef, "current_operations"));
  const leaving = running.some((operation) => EXCLUSIVE.includes(operation));
  const offered = [
    ["provision", true],
    ["evacuate", true],
    ["shutdown", !enabled],
    ["reboot", !enabled],
    ["power_on", !live && host["power_on_mode"] !== ""],
    ["vm_start", true],
    ["vm_resume", true],
    ["vm_migrate", true],
    ["apply_updates", !enabled],
    ["enable", !enabled],
  ] as const;
  const allowed = offered.filter(([name, offer]) => offer && !running.includes(name) && !leaving);
  db.update("host", hostRef, { allowed_operations: allowed.map(([name]) => name) });
}
