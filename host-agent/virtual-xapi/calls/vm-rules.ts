/** Which operation a VM accepts now, and the exact error when it does not. */
import type { DbAccess } from "../call.ts";
import { compareVersions, type XapiGeneration } from "../generation.ts";
import {
  existing,
  isTrue,
  isLivePowerState,
  setOrEmpty,
  type ErrorList,
  type Scene,
} from "./scene.ts";

export type VmOperation =
  | "start"
  | "start_on"
  | "pause"
  | "unpause"
  | "clean_shutdown"
  | "clean_reboot"
  | "hard_shutdown"
  | "hard_reboot"
  | "shutdown"
  | "suspend"
  | "resume"
  | "resume_on"
  | "pool_migrate"
  | "power_state_reset";

type PowerState = "Halted" | "Paused" | "Running" | "Suspended";

/** Order matters: errors list the accepted states this way. */
const acceptedStates: Readonly<Record<string, readonly PowerState[]>> = {
  start: ["Halted"],
  start_on: ["Halted"],
  make_into_template: ["Halted"],
  changing_shadow_memory: ["Halted"],
  changing_NVRAM: ["Halted"],
  changing_static_range: ["Halted"],
  changing_VCPUs: ["Halted"],
  provision: ["Halted"],
  unpause: ["Paused"],
  resume: ["Suspended"],
  resume_on: ["Suspended"],
  clean_reboot: ["Running"],
  clean_shutdown: ["Running"],
  changing_VCPUs_live: ["Running"],
  pause: ["Running"],
  pool_migrate: ["Running"],
  send_sysrq: ["Running"],
  send_trigger: ["Running"],
  suspend: ["Running"],
  changing_dynamic_range: ["Halted", "Running"],
  clone: ["Halted"],
  copy: ["Halted"],
  destroy: ["Halted", "Suspended"],
  export: ["Halted", "Suspended"],
  hard_reboot: ["Paused", "Running"],
  checkpoint: ["Paused", "Suspended", "Running"],
  shutdown: ["Paused", "Suspended", "Running"],
  hard_shutdown: ["Paused", "Suspended", "Running"],
  migrate_send: ["Halted", "Suspended", "Running"],
  metadata_export: ["Halted", "Paused", "Suspended", "Running"],
  power_state_reset: ["Halted", "Paused", "Suspended", "Running"],
  revert: ["Halted", "Paused", "Suspended", "Running"],
  snapshot: ["Halted", "Paused", "Suspended", "Running"],
};

/** What clients see in `allowed_operations`, in the datamodel's order. */
const advisedOperations: readonly string[] = [
  "snapshot",
  "clone",
  "copy",
  "revert",
  "checkpoint",
  "provision",
  "start",
  "start_on",
  "pause",
  "unpause",
  "clean_shutdown",
  "clean_reboot",
  "hard_shutdown",
  "hard_reboot",
  "suspend",
  "resume",
  "resume_on",
  "pool_migrate",
  "migrate_send",
  "changing_dynamic_range",
  "changing_static_range",
  "changing_shadow_memory",
  "changing_VCPUs_live",
  "changing_NVRAM",
  "make_into_template",
  "export",
  "metadata_export",
  "destroy",
];

const templateOperations = new Set([
  "changing_dynamic_range",
  "changing_static_range",
  "changing_shadow_memory",
  "changing_VCPUs",
  "changing_NVRAM",
  "clone",
  "copy",
  "export",
  "metadata_export",
  "provision",
]);
const snapshotOperations = new Set([
  "revert",
  "clone",
  "copy",
  "export",
  "destroy",
  "hard_shutdown",
  "metadata_export",
]);
const controlDomainOperations = new Set([
  "metadata_export",
  "changing_dynamic_range",
  "changing_static_range",
  "changing_VCPUs",
  "start",
  "start_on",
]);
const movingOperations = new Set(["suspend", "checkpoint", "pool_migrate", "migrate_send"]);
const upgradeOperations = new Set([
  "pool_migrate",
  "clean_shutdown",
  "clean_reboot",
  "hard_shutdown",
  "hard_reboot",
  "start",
  "start_on",
  "shutdown",
  "suspend",
  "resume",
  "resume_on",
]);

interface Question {
  readonly scene: Scene;
  readonly vm: string;
  readonly op: string;
  /** True asks for guest features as well; false is an operator who forces. */
  readonly strict: boolean;
}

type Check = (question: Question) => ErrorList | null;

/**
 * The order of the checks is the order of precedence. The power state comes last of the four
 * general ones, before anything that depends on devices.
 */
const checks: readonly Check[] = [
  checkBlocked,
  checkConcurrent,
  checkTemplate,
  checkSnapshot,
  checkPowerState,
  checkMobile,
  checkControlDomain,
  checkGuestFeature,
  checkPassthrough,
  checkGraphics,
  checkUsb,
  checkUpgrade,
];

function checkBlocked({ scene, vm, op }: Question): ErrorList | null {
  const reason = scene.db.map("VM", vm, "blocked_operations")[op];
  return reason === undefined ? null : ["OPERATION_BLOCKED", vm, reason];
}

function isAllowedBeside(op: string, running: readonly string[]): boolean {
  if (op === "hard_shutdown") {
    return !running.includes("hard_shutdown");
  }
  if (op === "hard_reboot") {
    return !running.some((other) => other === "hard_shutdown" || other === "hard_reboot");
  }
  const copies = ["clone", "copy", "export"];
  const snapshots = ["snapshot", "checkpoint"];
  return [copies, snapshots].some(
    (group) => group.includes(op) && running.every((other) => group.includes(other)),
  );
}

/** `OTHER_OPERATION_IN_PROGRESS` in the shape of the version; 25.27 added the running task. */
export function otherOperation(
  generation: XapiGeneration,
  cls: string,
  ref: string,
  operations: Readonly<Record<string, string>>,
): ErrorList {
  const list = (items: readonly string[]): string =>
    items.length === 1 ? (items[0] ?? "") : `{${items.join(",")}}`;
  const names = list(Object.values(operations));
  return compareVersions(generation.version, "25.27") >= 0
    ? ["OTHER_OPERATION_IN_PROGRESS", cls, ref, names, list(Object.keys(operations))]
    : ["OTHER_OPERATION_IN_PROGRESS", `${cls}.${names}`, ref];
}

function checkConcurrent({ scene, vm, op }: Question): ErrorList | null {
  const running = scene.db.map("VM", vm, "current_operations");
  const names = Object.values(running);
  return names.length === 0 || isAllowedBeside(op, names)
    ? null
    : otherOperation(scene.generation, "VM", vm, running);
}

function isDefaultTemplate(db: DbAccess, vm: string): boolean {
  return (
    db.find("VM", vm)?.["is_default_template"] === true ||
    isTrue(db.map("VM", vm, "other_config")["default_template"])
  );
}

function checkTemplate({ scene: { db }, vm, op }: Question): ErrorList | null {
  if (!db.bool("VM", vm, "is_a_template") || db.bool("VM", vm, "is_a_snapshot")) {
    return op === "provision" ? ["ONLY_PROVISION_TEMPLATE"] : null;
  }
  const removable = (op === "destroy" || op === "migrate_send") && !isDefaultTemplate(db, vm);
  return removable || templateOperations.has(op) ? null : ["VM_IS_TEMPLATE", vm, op];
}

function checkSnapshot({ scene: { db }, vm, op }: Question): ErrorList | null {
  if (!db.bool("VM", vm, "is_a_snapshot")) {
    return op === "revert" ? ["ONLY_REVERT_SNAPSHOT"] : null;
  }
  return snapshotOperations.has(op) ? null : ["VM_IS_SNAPSHOT", vm, op];
}

function checkPowerState({ scene: { db }, vm, op }: Question): ErrorList | null {
  const actual = db.str("VM", vm, "power_state") as PowerState;
  const accepted = acceptedStates[op] ?? [];
  return accepted.includes(actual)
    ? null
    : [
        "VM_BAD_POWER_STATE",
        vm,
        accepted.map((state) => state.toLowerCase()).join(", "),
        actual.toLowerCase(),
      ];
}

function checkMobile({ scene: { db }, vm, op, strict }: Question): ErrorList | null {
  if (!strict || !movingOperations.has(op)) {
    return null;
  }
  const platform = db.map("VM", vm, "platform");
  const fixed = isTrue(platform["nomigrate"]) || isTrue(platform["nested-virt"]);
  return fixed ? ["VM_IS_IMMOBILE", vm] : null;
}

function checkControlDomain({ scene: { db }, vm, op }: Question): ErrorList | null {
  return db.bool("VM", vm, "is_control_domain") && !controlDomainOperations.has(op)
    ? ["OPERATION_NOT_ALLOWED", "This operation is not allowed on a control domain"]
    : null;
}

/** Whether the running guest answers polite requests: its drivers tell, or it is paravirtual. */
function hasFullSupport(db: DbAccess, vm: string): boolean {
  const metrics = db.find("VM_metrics", db.str("VM", vm, "metrics"));
  if (String(metrics?.["current_domain_type"] ?? "").startsWith("pv")) {
    return true;
  }
  const guest = db.find("VM_guest_metrics", db.str("VM", vm, "guest_metrics"));
  const drivers = guest?.["PV_drivers_version"];
  return (
    guest?.["PV_drivers_detected"] === true || (typeof drivers === "object" && "major" in drivers)
  );
}

const neededFeatures: Readonly<Record<string, readonly string[]>> = {
  suspend: ["feature-suspend"],
  checkpoint: ["feature-suspend"],
  pool_migrate: ["feature-suspend"],
  migrate_send: ["feature-suspend"],
  clean_shutdown: ["feature-shutdown", "feature-poweroff"],
  clean_reboot: ["feature-shutdown", "feature-reboot"],
  changing_VCPUs_live: ["feature-vcpu-hotplug"],
};

function checkGuestFeature({ scene: { db }, vm, op, strict }: Question): ErrorList | null {
  const needed = neededFeatures[op];
  if (needed === undefined || !isLivePowerState(db.str("VM", vm, "power_state"))) {
    return null;
  }
  const guest = db.find("VM_guest_metrics", db.str("VM", vm, "guest_metrics"));
  const other = (guest?.["other"] ?? {}) as Readonly<Record<string, string>>;
  const reason = other["data-cant-suspend-reason"];
  if (movingOperations.has(op) && reason !== undefined) {
    return ["VM_NON_SUSPENDABLE", vm, reason];
  }
  const supported =
    !strict || hasFullSupport(db, vm) || needed.some((feature) => other[feature] === "1");
  return supported ? null : ["VM_LACKS_FEATURE", vm];
}

function checkPassthrough({ scene: { db }, vm, op }: Question): ErrorList | null {
  const devices = setOrEmpty(db, "VM", vm, "attached_PCIs");
  return movingOperations.has(op) && devices.length > 0 ? ["VM_HAS_PCI_ATTACHED", vm] : null;
}

function checkGraphics({ scene: { db }, vm, op }: Question): ErrorList | null {
  const cards = setOrEmpty(db, "VM", vm, "VGPUs");
  return movingOperations.has(op) && cards.length > 0 ? ["VM_HAS_VGPU", vm] : null;
}

function checkUsb({ scene: { db }, vm, op }: Question): ErrorList | null {
  const moving = movingOperations.has(op) || op === "snapshot";
  return moving && setOrEmpty(db, "VM", vm, "VUSBs").length > 0 ? ["VM_HAS_VUSBS", vm] : null;
}

function checkUpgrade({ scene, op }: Question): ErrorList | null {
  const config = scene.db.map("pool", scene.poolRef, "other_config");
  const upgrading = "rolling_upgrade_in_progress" in config;
  return upgrading && !upgradeOperations.has(op) ? ["NOT_SUPPORTED_DURING_UPGRADE"] : null;
}

/** The first error of an operation on a VM, or null when it may begin. Throws `HANDLE_INVALID`. */
export function vmOperationError(
  scene: Scene,
  vm: string,
  op: string,
  strict = true,
): ErrorList | null {
  for (const check of checks) {
    const error = check({ scene, vm, op, strict });
    if (error !== null) {
      return error;
    }
  }
  return null;
}

/** Recomputes `allowed_operations` of a VM and of its appliance. */
export function refreshVm(scene: Scene, vm: string): void {
  const { db } = scene;
  if (!db.has("VM", vm)) {
    return;
  }
  const allowed = advisedOperations.filter((op) => vmOperationError(scene, vm, op) === null);
  db.update("VM", vm, { allowed_operations: allowed });
  const appliance = db.str("VM", vm, "appliance");
  if (db.has("VM_appliance", appliance)) {
    refreshAppliance(scene, appliance);
  }
}

const applianceOperations = ["start", "clean_shutdown", "hard_shutdown", "shutdown"] as const;

const applianceNeeds: Readonly<Record<string, readonly [(state: string) => boolean, string]>> = {
  start: [(state) => state === "Halted", "There are no halted VMs in this appliance."],
  clean_shutdown: [(state) => state === "Running", "There are no running VMs in this appliance."],
  hard_shutdown: [(state) => state !== "Halted", "All VMs in this appliance are halted."],
  shutdown: [(state) => state !== "Halted", "All VMs in this appliance are halted."],
};

export function applianceOperationError(
  scene: Scene,
  appliance: string,
  op: string,
): ErrorList | null {
  const { db } = scene;
  const running = db.map("VM_appliance", appliance, "current_operations");
  const first = Object.entries(running)[0];
  if (first !== undefined) {
    return otherOperation(scene.generation, "VM_appliance", appliance, { [first[0]]: first[1] });
  }
  const vms = existing(db, "VM", db.set("VM_appliance", appliance, "VMs"));
  if (vms.length === 0) {
    return ["OPERATION_NOT_ALLOWED", "Appliance has no VMs."];
  }
  const need = applianceNeeds[op];
  const met = need === undefined || vms.some((vm) => need[0](db.str("VM", vm, "power_state")));
  return met ? null : ["OPERATION_NOT_ALLOWED", need[1]];
}

export function refreshAppliance(scene: Scene, appliance: string): void {
  const allowed = applianceOperations.filter(
    (op) => applianceOperationError(scene, appliance, op) === null,
  );
  scene.db.update("VM_appliance", appliance, { allowed_operations: allowed });
}
