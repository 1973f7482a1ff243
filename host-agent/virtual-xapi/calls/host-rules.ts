/** Which operation a host accepts now, and the exact error when it does not. */
import { isAtLeast } from "../datamodel/releases.ts";
import { isHaOn, type ErrorList, type Scene } from "./scene.ts";
import { otherOperation } from "./vm-rules.ts";

type HostScene = Pick<Scene, "db" | "generation">;

const creating = new Set(["provision", "vm_resume", "vm_migrate"]);
const removing = new Set(["evacuate", "reboot", "shutdown"]);
const needDisabled = new Set(["reboot", "shutdown", "apply_updates"]);

const hostOperations: readonly (readonly [op: string, since: string])[] = [
  ["provision", ""],
  ["evacuate", ""],
  ["shutdown", ""],
  ["reboot", ""],
  ["power_on", ""],
  ["vm_start", ""],
  ["vm_resume", ""],
  ["vm_migrate", ""],
  ["apply_updates", "1.303.0"],
  ["enable", "22.26.0"],
];

/** Operations that exclude others while they run, by the running one. */
const excluded: Readonly<Record<string, readonly string[]>> = {
  reboot: ["reboot", "shutdown", "apply_updates", "vm_start"],
  shutdown: ["reboot", "shutdown", "apply_updates", "vm_start"],
  apply_updates: ["reboot", "shutdown", "enable"],
  provision: ["provision"],
};

function concurrencyError(scene: HostScene, host: string, op: string): ErrorList | null {
  const running = Object.entries(scene.db.map("host", host, "current_operations"));
  const conflict = running.find(
    ([, other]) =>
      (creating.has(op) && removing.has(other)) ||
      (removing.has(op) && creating.has(other)) ||
      (excluded[other] ?? []).includes(op),
  );
  return conflict === undefined
    ? null
    : otherOperation(scene.generation, "host", host, { [conflict[0]]: conflict[1] });
}

function powerOnError({ db }: HostScene, host: string): ErrorList | null {
  const metrics = db.find("host_metrics", db.str("host", host, "metrics"));
  if (metrics?.["live"] === true) {
    return ["HOST_IS_LIVE", host];
  }
  return db.str("host", host, "power_on_mode") === "" ? ["HOST_POWER_ON_MODE_DISABLED"] : null;
}

/** The first error of an operation on a host, or null when it may begin. */
export function hostOperationError(scene: HostScene, host: string, op: string): ErrorList | null {
  const busy = op === "power_on" ? null : concurrencyError(scene, host, op);
  if (busy !== null) {
    return busy;
  }
  if (needDisabled.has(op) && scene.db.bool("host", host, "enabled")) {
    return ["HOST_NOT_DISABLED"];
  }
  return op === "power_on" ? powerOnError(scene, host) : null;
}

/**
 * Recomputes `allowed_operations` of a host. Call it whenever enabled, live or an operation
 * changed.
 */
export function refreshHost(scene: HostScene, host: string): void {
  if (!scene.db.has("host", host)) {
    return;
  }
  const allowed = hostOperations
    .filter(([, since]) => isAtLeast(scene.generation.version, since))
    .map(([op]) => op)
    .filter((op) => hostOperationError(scene, host, op) === null);
  scene.db.update("host", host, { allowed_operations: allowed });
}

const poolOperations: readonly (readonly [op: string, since: string])[] = [
  ["ha_enable", ""],
  ["ha_disable", ""],
  ["cluster_create", ""],
  ["designate_new_master", "1.290.0"],
];

export function poolOperationError(scene: Scene, op: string): ErrorList | null {
  const { db, poolRef } = scene;
  const running = db.map("pool", poolRef, "current_operations");
  const first = Object.entries(running)[0];
  if (first !== undefined) {
    if (first[1] === "ha_enable") {
      return ["HA_ENABLE_IN_PROGRESS"];
    }
    if (first[1] === "ha_disable") {
      return ["HA_DISABLE_IN_PROGRESS"];
    }
    return otherOperation(scene.generation, "pool", poolRef, { [first[0]]: first[1] });
  }
  const isOn = isHaOn(scene);
  if (op === "ha_disable") {
    return isOn ? null : ["HA_NOT_ENABLED"];
  }
  return isOn ? ["HA_IS_ENABLED"] : null;
}

/** Recomputes `allowed_operations` of the pool. */
export function refreshPool(scene: Scene): void {
  const allowed = poolOperations
    .filter(([, since]) => isAtLeast(scene.generation.version, since))
    .map(([op]) => op)
    .filter((op) => poolOperationError(scene, op) === null);
  scene.db.update("pool", scene.poolRef, { allowed_operations: allowed });
}
