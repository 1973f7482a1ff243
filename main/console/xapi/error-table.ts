/**
 * XAPI's failure codes in words. `a(0)` is the first parameter with names instead of references;
 * `cap` starts a sentence with it. Parameters as in the reference of XAPI's errors.
 */
export interface ErrorRow {
  readonly sentence: (a: Param) => string;
  readonly nextStep: string | ((a: Param) => string);
  /** the same call may work later although nobody changed anything */
  readonly retryable?: true;
}

/** Parameter by position; `otherwise` when XAPI sent fewer. */
export type Param = (position: number, otherwise?: string) => string;

function cap(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const waitAndRetry = "Wait a moment and try again.";
const report = "Look at /var/log/xensource.log of the coordinator for what led to it.";
const otherHost = "Choose another host, or mend this one first.";
const haOff = "Disable native HA, or let the wizard do it and put it back.";
const bootWait = "Wait until its XAPI has started; the console keeps trying.";

const connection: Record<string, ErrorRow> = {
  SESSION_AUTHENTICATION_FAILED: {
    sentence: () => "The pool refused the user name or the password.",
    nextStep: "Check both and enter the password again.",
  },
  SESSION_INVALID: {
    sentence: () => "The session at the pool has ended.",
    nextStep: "The console logs in again by itself; try again once it is live.",
    retryable: true,
  },
  SESSION_NOT_REGISTERED: {
    sentence: () => "The session at the pool lost its subscription to events.",
    nextStep: "The console subscribes again by itself.",
    retryable: true,
  },
  HOST_IS_SLAVE: {
    sentence: (a) => `This host is a supporter; its coordinator is ${a(0, "another host")}.`,
    nextStep: (a) => `Connect to ${a(0, "the coordinator")}.`,
    retryable: true,
  },
  HOST_STILL_BOOTING: {
    sentence: () => "The host is still starting.",
    nextStep: bootWait,
    retryable: true,
  },
  HOST_HAS_NO_MANAGEMENT_IP: {
    sentence: () => "The host has no management address, so its XAPI waits in emergency mode.",
    nextStep: "Check its management network and DHCP at the host's own console.",
    retryable: true,
  },
  HOST_ITS_OWN_SLAVE: {
    sentence: () => "The host believes that it is a supporter of itself.",
    nextStep: "Correct /etc/xensource/pool.conf on the host and restart its toolstack.",
  },
  HOST_MASTER_CANNOT_TALK_BACK: {
    sentence: (a) => `The coordinator cannot reach this supporter at ${a(0, "its address")}.`,
    nextStep: "Check the management network between the two, in both directions.",
    retryable: true,
  },
  HOST_UNKNOWN_TO_MASTER: {
    sentence: () => "The coordinator does not know this host as a member of its pool.",
    nextStep: "Check whether the host was removed from the pool; it may have to join again.",
  },
  HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR: {
    sentence: () => "The host runs a newer XAPI than its coordinator and waits in emergency mode.",
    nextStep: "Update the coordinator first.",
  },
  HOST_BROKEN: {
    sentence: () => "The host could not start its part in the pool and waits in emergency mode.",
    nextStep: "Look at /var/log/xensource.log on the host.",
  },
  HA_HOST_CANNOT_ACCESS_STATEFILE: {
    sentence: () => "The host cannot reach native HA's heartbeat disk and waits in emergency mode.",
    nextStep: "Restore its storage, then restart its toolstack.",
  },
  HA_HEARTBEAT_DAEMON_STARTUP_FAILED: {
    sentence: () => "The heartbeat daemon of native HA did not start on the host.",
    nextStep: "Look at /var/log/xha.log on the host.",
  },
  HA_POOL_IS_ENABLED_BUT_HOST_IS_DISABLED: {
    sentence: () => "Native HA is on in the pool, but disarmed on this host.",
    nextStep: "Disable native HA in the pool and enable it again.",
  },
  RBAC_PERMISSION_DENIED: {
    sentence: (a) => `This user may not do that: ${a(0, "a permission")} is missing.`,
    nextStep: "Connect as a user with the role pool-admin.",
  },
  MESSAGE_METHOD_UNKNOWN: {
    sentence: (a) => `This pool's XAPI does not know ${a(0, "the call")}.`,
    nextStep: "The pool is too old for this, or too new; check both versions.",
  },
  MESSAGE_REMOVED: {
    sentence: () => "This pool's XAPI no longer offers the call.",
    nextStep: "Update the console.",
  },
  MESSAGE_PARAMETER_COUNT_MISMATCH: {
    sentence: (a) => `This pool's XAPI wants ${a(0, "the call")} in another form.`,
    nextStep: "The pool is too old for this, or too new; check both versions.",
  },
  NOT_CONNECTED: {
    sentence: () => "The pool is not connected, so nothing was sent.",
    nextStep: "Wait until the connection is live again.",
    retryable: true,
  },
};

const objects: Record<string, ErrorRow> = {
  HANDLE_INVALID: {
    sentence: (a) => `The pool no longer has the ${a(0, "object")} this was about.`,
    nextStep: "Look at the current state and start again from there.",
  },
  UUID_INVALID: {
    sentence: (a) => `The pool has no such ${a(0, "object")}.`,
    nextStep: "Look at the current state and start again from there.",
  },
  FIELD_TYPE_ERROR: {
    sentence: (a) => `XAPI did not accept the type of ${a(0, "a value")}.`,
    nextStep: "Update the console.",
  },
  INVALID_VALUE: {
    sentence: (a) => `XAPI does not accept “${a(1, "the value")}” for ${a(0, "a field")}.`,
    nextStep: "Choose another value.",
  },
  VALUE_NOT_SUPPORTED: {
    sentence: (a) => `The value “${a(1)}” of ${a(0, "a field")} is not supported: ${a(2)}.`,
    nextStep: "Choose another value.",
  },
  MAP_DUPLICATE_KEY: {
    sentence: (a) => `The key “${a(3)}” is there already in ${a(1, "a map")}.`,
    nextStep: "Someone else wrote it in the same moment; try again.",
    retryable: true,
  },
  OTHER_OPERATION_IN_PROGRESS: {
    sentence: (a) => `${cap(a(1, "the object"))} is busy with something else.`,
    nextStep: "Wait for it to end, then try again.",
    retryable: true,
  },
  OPERATION_NOT_ALLOWED: {
    sentence: (a) => `XAPI does not allow this now: ${a(0, "no reason was given")}.`,
    nextStep: "Remove the reason, then try again.",
  },
  OPERATION_BLOCKED: {
    sentence: (a) => `Someone blocked this on ${a(0, "the VM")}: ${a(1, "no reason was given")}.`,
    nextStep: "Ask who blocked it, and remove the block.",
  },
  OPERATION_PARTIALLY_FAILED: {
    sentence: (a) => `Only a part of it worked; it failed on ${a(1, "an object")}.`,
    nextStep: "Look at the current state before doing anything again.",
  },
  TASK_CANCELLED: {
    sentence: () => "It was cancelled.",
    nextStep: "Look at the current state before doing anything again.",
  },
  LICENCE_RESTRICTION: {
    sentence: (a) => `The licence of this pool does not include ${a(0, "this")}.`,
    nextStep: "Check the licence of every host.",
  },
  NOT_SUPPORTED_DURING_UPGRADE: {
    sentence: () => "XAPI refuses this while the pool runs two versions.",
    nextStep: "Bring all hosts to the same version first.",
  },
  INTERNAL_ERROR: {
    sentence: (a) => `XAPI failed inside: ${a(0, "it gave no reason")}.`,
    nextStep: report,
  },
  XAPI_HOOK_FAILED: {
    sentence: (a) => `A script on the host refused it: ${a(0, "its name is not known")}.`,
    nextStep: "Look at what the script printed in /var/log/xensource.log.",
  },
  XENAPI_MISSING_PLUGIN: {
    sentence: (a) => `The host does not have the plugin ${a(0)}.`,
    nextStep: "Install it, or update the host.",
  },
  XENAPI_PLUGIN_FAILURE: {
    sentence: (a) => `A plugin on the host failed: ${a(2, a(0))}.`,
    nextStep: report,
  },
  EVENT_FROM_TOKEN_PARSE_FAILURE: {
    sentence: () => "The pool did not accept the place in its event stream.",
    nextStep: "The console starts the stream anew by itself.",
    retryable: true,
  },
};

const hosts: Record<string, ErrorRow> = {
  HOST_OFFLINE: {
    sentence: (a) => `The coordinator does not see ${a(0, "the host")} as live.`,
    nextStep: "Check its power, its network and its XAPI.",
    retryable: true,
  },
  HOST_NOT_LIVE: {
    sentence: (a) => `The coordinator does not see ${a(0, "the host")} as live.`,
    nextStep: "Check its power, its network and its XAPI.",
    retryable: true,
  },
  CANNOT_CONTACT_HOST: {
    sentence: (a) => `The coordinator could not reach ${a(0, "the host")}.`,
    nextStep: "Check the network between the two; what was asked may still have been done.",
    retryable: true,
  },
  HOST_IS_LIVE: {
    sentence: (a) => `${cap(a(0, "the host"))} is live.`,
    nextStep: "Nothing needs to be done for a host that is live.",
  },
  HOST_DISABLED: {
    sentence: (a) => `${cap(a(0, "the host"))} is disabled and takes no VMs.`,
    nextStep: otherHost,
  },
  HOST_DISABLED_UNTIL_REBOOT: {
    sentence: (a) => `${cap(a(0, "the host"))} stays disabled until it was rebooted.`,
    nextStep: "Reboot it.",
  },
  HOST_DISABLED_INDEFINITELY: {
    sentence: (a) => `${cap(a(0, "the host"))} was disabled until someone enables it.`,
    nextStep: "Enable it.",
  },
  HOST_NOT_DISABLED: {
    sentence: (a) => `${cap(a(0, "the host"))} is still enabled.`,
    nextStep: "Disable it first.",
  },
  HOST_HAS_RESIDENT_VMS: {
    sentence: (a) => `VMs still run on ${a(0, "the host")}.`,
    nextStep: "Evacuate it first.",
  },
  HOST_EVACUATE_IN_PROGRESS: {
    sentence: (a) => `${cap(a(0, "the host"))} is being evacuated already.`,
    nextStep: "Wait for that evacuation to end.",
    retryable: true,
  },
  HOST_EVACUATE_VM_NOT_HA_PROTECTED: {
    sentence: (a) =>
      `With native HA on, XAPI does not evacuate ${a(0, "a VM")}, which is not protected.`,
    nextStep: "Protect the VM, shut it down, or let the wizard pause native HA.",
  },
  CANNOT_EVACUATE_HOST: {
    sentence: (a) => `The host cannot be evacuated: ${a(0, "no reason was given")}.`,
    nextStep: "Remove the reasons, or shut those VMs down.",
  },
  NO_HOSTS_AVAILABLE: {
    sentence: (a) => `No host can take ${a(0, "the VM")} now.`,
    nextStep: "Look at free memory, storage and networks of the other hosts.",
  },
  HOST_NOT_ENOUGH_FREE_MEMORY: {
    sentence: (a) => {
      const [needed, available] = [Number(a(0)), Number(a(1))];
      return Number.isFinite(needed) && Number.isFinite(available) && a(0) !== ""
        ? `The host has ${mebi(available)} of memory free and ${mebi(needed)} are needed.`
        : `No host has enough free memory for ${a(0, "the VM")}, or native HA keeps it from moving.`;
    },
    nextStep: "Free memory on another host; with native HA on, protect the VM or pause native HA.",
  },
  HOST_NOT_ENOUGH_PCPUS: {
    sentence: (a) => `The host has ${a(1, "too few")} processors and ${a(0, "more")} are needed.`,
    nextStep: otherHost,
  },
  HOST_CANNOT_ATTACH_NETWORK: {
    sentence: (a) => `${cap(a(0, "the host"))} is not connected to ${a(1, "a network")}.`,
    nextStep: otherHost,
  },
  HOST_POWER_ON_MODE_DISABLED: {
    sentence: () => "The host has no way to be powered on from here.",
    nextStep: "Press its power button, or set up its power-on mode.",
  },
  REQUIRED_PIF_IS_UNPLUGGED: {
    sentence: (a) => `${cap(a(0, "a network interface"))} is needed and not plugged.`,
    nextStep: "Plug it, or choose another host.",
  },
};

const nativeHa: Record<string, ErrorRow> = {
  HA_IS_ENABLED: {
    sentence: () => "XAPI refuses this while native HA is on.",
    nextStep: haOff,
  },
  HA_NOT_ENABLED: {
    sentence: () => "Native HA is off.",
    nextStep: "Enable it first, if it should be on.",
  },
  HA_NOT_INSTALLED: {
    sentence: (a) => `Native HA is not installed on ${a(0, "a host")}.`,
    nextStep: "Install the host's HA package.",
  },
  HA_HOST_IS_ARMED: {
    sentence: (a) => `Native HA is armed on ${a(0, "the host")}.`,
    nextStep: haOff,
  },
  HA_LOST_STATEFILE: {
    sentence: () => "The host has lost native HA's heartbeat disk.",
    nextStep: "Restore its storage; a reboot now would be taken for a failure.",
  },
  HA_FAILED_TO_FORM_LIVESET: {
    sentence: () => "The hosts did not all find each other, so native HA stayed off.",
    nextStep: "Check the management network and the heartbeat storage on every host.",
  },
  HA_ABORT_NEW_MASTER: {
    sentence: (a) => `The new coordinator was not accepted: ${a(0, "no reason was given")}.`,
    nextStep: report,
  },
  HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN: {
    sentence: () => "This would leave too little room to restart all protected VMs.",
    nextStep: "Lower the failures to tolerate, or protect fewer VMs.",
  },
  HA_NO_PLAN: {
    sentence: () => "The pool could not restart all protected VMs after that many failures.",
    nextStep: "Lower the failures to tolerate, or protect fewer VMs.",
  },
  HA_TOO_FEW_HOSTS: {
    sentence: () => "Native HA needs more hosts.",
    nextStep: "Add a host to the pool.",
  },
  HA_SHOULD_BE_FENCED: {
    sentence: (a) => `${cap(a(0, "the host"))} is expected to fence itself.`,
    nextStep: "Wait until it has rebooted.",
  },
  HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED: {
    sentence: (a) => `${cap(a(0, "a storage"))} belongs to one host and cannot be used for HA.`,
    nextStep: "Move the disks to shared storage, or leave the VM unprotected.",
  },
  HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED: {
    sentence: (a) => `${cap(a(0, "a network"))} is not on every host and cannot be used for HA.`,
    nextStep: "Connect every host to it, or leave the VM unprotected.",
  },
  HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE: {
    sentence: () => "The management interface cannot change while native HA is on.",
    nextStep: haOff,
  },
  CANNOT_CREATE_STATE_FILE: {
    sentence: () => "The heartbeat disk of native HA could not be created.",
    nextStep: "Check that the storage is shared, plugged on every host and has room.",
  },
  POOL_HOSTS_NOT_HOMOGENEOUS: {
    sentence: () => "The hosts of the pool differ too much.",
    nextStep: "Bring all hosts to the same version first.",
  },
};

const vms: Record<string, ErrorRow> = {
  VM_BAD_POWER_STATE: {
    sentence: (a) =>
      `${cap(a(0, "the VM"))} is ${a(2, "in another state")}; it would have to be ${a(1, "in another")}.`,
    nextStep: "Look at the VM's current state and start again from there.",
  },
  VM_IS_TEMPLATE: {
    sentence: (a) => `${cap(a(0, "this"))} is a template.`,
    nextStep: "Choose a VM instead.",
  },
  VM_IS_PART_OF_AN_APPLIANCE: {
    sentence: (a) => `${cap(a(0, "the VM"))} belongs to ${a(1, "a vApp")}.`,
    nextStep: "Start or stop the vApp as a whole.",
  },
  VM_REQUIRES_SR: {
    sentence: (a) => `${cap(a(0, "the VM"))} needs ${a(1, "a storage")}, which the host lacks.`,
    nextStep: "Plug the storage on that host, or choose another host.",
  },
  VM_REQUIRES_NETWORK: {
    sentence: (a) => `${cap(a(0, "the VM"))} needs ${a(1, "a network")}, which the host lacks.`,
    nextStep: "Connect the network on that host, or choose another host.",
  },
  VM_REQUIRES_GPU: {
    sentence: (a) => `${cap(a(0, "the VM"))} needs a GPU that the host lacks.`,
    nextStep: otherHost,
  },
  VM_REQUIRES_VGPU: {
    sentence: (a) => `${cap(a(0, "the VM"))} needs a virtual GPU that the host lacks.`,
    nextStep: otherHost,
  },
  VM_REQUIRES_IOMMU: {
    sentence: (a) => `${cap(a(0, "the host"))} lacks an IOMMU, which the VM's device needs.`,
    nextStep: otherHost,
  },
  VM_HVM_REQUIRED: {
    sentence: (a) => `${cap(a(0, "the VM"))} needs hardware virtualisation, which the host lacks.`,
    nextStep: otherHost,
  },
  VM_INCOMPATIBLE_WITH_THIS_HOST: {
    sentence: (a) =>
      `${cap(a(0, "the VM"))} cannot move to ${a(1, "that host")}: ${a(2, "their processors differ")}.`,
    nextStep: "Choose a host with the same processors, or shut the VM down first.",
  },
  VM_HOST_INCOMPATIBLE_VERSION: {
    sentence: (a) =>
      `${cap(a(1, "the VM"))} cannot move to ${a(0, "that host")}, which runs an older version.`,
    nextStep: "Choose a host of the same or a newer version.",
  },
  VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION: {
    sentence: (a) =>
      `${cap(a(2, "the VM"))} needs a newer virtual hardware than ${a(0, "that host")} offers.`,
    nextStep: "Choose a newer host.",
  },
  VM_LACKS_FEATURE: {
    sentence: (a) => `${cap(a(0, "the VM"))} has no guest tools that could do this.`,
    nextStep: "Install the guest tools, or shut it down from inside.",
  },
  VM_HAS_PCI_ATTACHED: {
    sentence: (a) => `${cap(a(0, "the VM"))} has a device of its host and cannot move.`,
    nextStep: "Shut it down, or detach the device.",
  },
  VM_HAS_VGPU: {
    sentence: (a) => `${cap(a(0, "the VM"))} has a virtual GPU and cannot move.`,
    nextStep: "Shut it down for the time of the maintenance.",
  },
  VM_MIGRATE_FAILED: {
    sentence: (a) => `${cap(a(0, "the VM"))} did not move: ${a(3, "no reason was given")}.`,
    nextStep: "Look where the VM runs now before trying again.",
  },
  VM_CRASHED: {
    sentence: (a) => `${cap(a(0, "the VM"))} crashed.`,
    nextStep: "Look at the VM's own console.",
  },
  VM_HALTED: {
    sentence: (a) => `${cap(a(0, "the VM"))} halted meanwhile.`,
    nextStep: "Start it again if it should run.",
  },
  VM_REBOOTED: {
    sentence: (a) => `${cap(a(0, "the VM"))} rebooted meanwhile.`,
    nextStep: waitAndRetry,
  },
  VM_SHUTDOWN_TIMEOUT: {
    sentence: (a) => `${cap(a(0, "the VM"))} did not shut down in time.`,
    nextStep: "Shut it down from inside, or force it off.",
  },
  VM_NO_SUSPEND_SR: {
    sentence: () => "There is no storage for suspended VMs.",
    nextStep: "Set one for the pool.",
  },
  DOMAIN_EXISTS: {
    sentence: (a) => `${cap(a(0, "the VM"))} still has a domain on the host.`,
    nextStep: "Check on the host itself that the VM does not run before resetting it.",
  },
  CANNOT_RESET_CONTROL_DOMAIN: {
    sentence: () => "The control domain of a host cannot be reset.",
    nextStep: "Reboot the host instead.",
  },
  BOOTLOADER_FAILED: {
    sentence: (a) => `${cap(a(0, "the VM"))} did not boot: its boot loader failed.`,
    nextStep: "Check the VM's disks and its boot order.",
  },
  UNKNOWN_BOOTLOADER: {
    sentence: (a) => `${cap(a(0, "the VM"))} asks for a boot loader the host does not have.`,
    nextStep: "Correct the VM's boot settings.",
  },
  MEMORY_CONSTRAINT_VIOLATION: {
    sentence: () => "The memory limits of the VM contradict each other.",
    nextStep: "Correct the VM's memory settings.",
  },
  NETWORK_SRIOV_INSUFFICIENT_CAPACITY: {
    sentence: (a) => `${cap(a(0, "a network"))} has no free virtual function on the host.`,
    nextStep: otherHost,
  },
};

const storage: Record<string, ErrorRow> = {
  SR_HAS_NO_PBDS: {
    sentence: (a) => `${cap(a(0, "the storage"))} is connected to no host.`,
    nextStep: "Plug it first.",
  },
  SR_NOT_ATTACHED: {
    sentence: (a) => `${cap(a(0, "the storage"))} is not plugged.`,
    nextStep: "Plug it first.",
  },
  SR_SOURCE_SPACE_INSUFFICIENT: {
    sentence: (a) => `${cap(a(0, "the storage"))} does not have enough room.`,
    nextStep: "Free some room, or choose another storage.",
  },
  SR_FULL: {
    sentence: () => "The storage does not have enough room.",
    nextStep: "Free some room, or choose another storage.",
  },
  SR_BACKEND_FAILURE_24: {
    sentence: () => "The storage says that the disk is in use.",
    nextStep: "Check whether the VM still runs on another host before anything else.",
  },
  SR_BACKEND_FAILURE_46: {
    sentence: () => "The storage says that the disk is attached elsewhere.",
    nextStep: "Check whether the VM still runs on another host before anything else.",
  },
  VDI_IN_USE: {
    sentence: (a) => `${cap(a(0, "the disk"))} is in use.`,
    nextStep: "Check whether the VM still runs on another host before anything else.",
  },
  VDI_NOT_AVAILABLE: {
    sentence: (a) => `${cap(a(0, "the disk"))} is not available.`,
    nextStep: "Check that its storage is plugged and intact.",
  },
};

export const errorTable: Readonly<Record<string, ErrorRow>> = {
  ...connection,
  ...objects,
  ...hosts,
  ...nativeHa,
  ...vms,
  ...storage,
};

function mebi(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MiB`;
}
