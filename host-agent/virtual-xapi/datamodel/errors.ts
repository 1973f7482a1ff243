/** Error codes: which a call documents, and what their parameters are called. */
import { errorRows } from "./generated-errors.ts";

/** Codes that the datamodel documents for a method such as `VM.start`; others may come as well. */
export function documentedErrors(method: string): readonly string[] {
  return errorRows[method] ?? [];
}

/**
 * Parameter names by code, for the codes that nodes raise. The datamodel file has no such names. A
 * name that ends in `…` stands for any number.
 */
const rows: Readonly<Record<string, string>> = {
  CANNOT_CONTACT_HOST: "host",
  CANNOT_CREATE_STATE_FILE: "",
  CANNOT_EVACUATE_HOST: "errors",
  CANNOT_RESET_CONTROL_DOMAIN: "vm",
  DOMAIN_EXISTS: "vm",
  HANDLE_INVALID: "class ref",
  HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED: "network",
  HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED: "sr",
  HA_DISABLE_IN_PROGRESS: "",
  HA_ENABLE_IN_PROGRESS: "",
  HA_FAILED_TO_FORM_LIVESET: "",
  HA_HOST_CANNOT_ACCESS_STATEFILE: "",
  HA_HOST_IS_ARMED: "host",
  HA_IS_ENABLED: "",
  HA_LOST_STATEFILE: "",
  HA_NOT_ENABLED: "",
  HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN: "",
  HA_POOL_IS_ENABLED_BUT_HOST_IS_DISABLED: "",
  HOST_DISABLED: "host",
  HOST_EVACUATE_IN_PROGRESS: "host",
  HOST_EVACUATE_VM_NOT_HA_PROTECTED: "vm",
  HOST_HAS_RESIDENT_VMS: "host",
  HOST_IS_LIVE: "host",
  HOST_NOT_DISABLED: "",
  /** A boot check gives both figures, an evacuation only the VM. */
  HOST_NOT_ENOUGH_FREE_MEMORY: "needed-or-vm available…",
  HOST_NOT_ENOUGH_PCPUS: "vcpus pcpus",
  HOST_NOT_LIVE: "",
  HOST_OFFLINE: "host",
  HOST_POWER_ON_MODE_DISABLED: "",
  INTERNAL_ERROR: "message",
  INVALID_VALUE: "field value",
  LICENCE_RESTRICTION: "feature",
  MAP_DUPLICATE_KEY: "class field uuid key",
  MEMORY_CONSTRAINT_VIOLATION: "constraint",
  NOT_SUPPORTED_DURING_UPGRADE: "",
  NO_HOSTS_AVAILABLE: "vm…",
  ONLY_PROVISION_TEMPLATE: "",
  ONLY_REVERT_SNAPSHOT: "",
  OPERATION_BLOCKED: "ref reason",
  OPERATION_NOT_ALLOWED: "reason",
  OPERATION_PARTIALLY_FAILED: "operation vm…",
  /** Before 25.27 the class and the operation were one parameter and no task was named. */
  OTHER_OPERATION_IN_PROGRESS: "class ref operation… task…",
  PIF_HAS_NO_NETWORK_CONFIGURATION: "pif",
  PIF_NOT_PRESENT: "host network",
  REQUIRED_PIF_IS_UNPLUGGED: "pif…",
  SR_BACKEND_FAILURE_46: "status stdout stderr",
  SR_BACKEND_FAILURE_47: "status stdout stderr",
  SR_HAS_NO_PBDS: "sr",
  SR_OPERATION_NOT_SUPPORTED: "sr",
  SR_SOURCE_SPACE_INSUFFICIENT: "sr",
  TASK_CANCELLED: "task",
  VDI_IN_USE: "vdi…",
  VM_BAD_POWER_STATE: "vm expected actual",
  VM_HAS_PCI_ATTACHED: "vm",
  VM_HAS_VGPU: "vm",
  VM_HAS_VUSBS: "vm",
  VM_HOST_INCOMPATIBLE_VERSION_MIGRATE: "host vm",
  VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION: "host host_versions vm vm_version",
  VM_HVM_REQUIRED: "vm",
  VM_INCOMPATIBLE_WITH_THIS_HOST: "vm host reason",
  VM_IS_IMMOBILE: "vm",
  VM_IS_SNAPSHOT: "vm operation",
  VM_IS_TEMPLATE: "vm operation",
  VM_LACKS_FEATURE: "vm",
  VM_MIGRATE_FAILED: "vm source destination reason",
  VM_NON_SUSPENDABLE: "vm reason",
  VM_NO_SUSPEND_SR: "vm",
  VM_REQUIRES_GPU: "vm gpu_group",
  VM_REQUIRES_IOMMU: "host",
  VM_REQUIRES_NETWORK: "vm network",
  VM_REQUIRES_SR: "vm sr",
  VM_SHUTDOWN_TIMEOUT: "vm timeout",
  XAPI_HOOK_FAILED: "hook reason stdout exit_code",
  XENAPI_MISSING_PLUGIN: "name",
  XENAPI_PLUGIN_FAILURE: "status stdout stderr",
};

/** Names of a code's parameters, or undefined for a code that no call of `calls/` raises. */
export function errorParams(code: string): readonly string[] | undefined {
  const row = rows[code];
  return row === undefined ? undefined : row.split(" ").filter((name) => name !== "");
}
