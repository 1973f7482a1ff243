/**
 * What a host does to its own guests and disks when the coordinator asks, and what it reports back.
 */
import type { CallModule, HostContext, HostOp, NodeService } from "../call.ts";
import { VOID, XapiFailure, type XapiValue } from "../call.ts";
import {
  DomainFailure,
  StorageUnreachable,
  type AttachedDisk,
  type DomainEvent,
  type DomainSpec,
} from "../ports.ts";

/** A disk as it travels to a host. */
export interface DiskOrder {
  readonly vdiUuid: string;
  readonly srUuid: string;
  readonly mode: "RW" | "RO";
}

export function specValue(spec: DomainSpec): XapiValue {
  return { ...spec, cooperative: spec.cooperative ?? true };
}

function readObject(value: XapiValue | undefined): Readonly<Record<string, XapiValue>> {
  return typeof value === "object" && !Array.isArray(value)
    ? (value as Readonly<Record<string, XapiValue>>)
    : {};
}

function readSpec(value: XapiValue | undefined): DomainSpec {
  const spec = readObject(value);
  return {
    vmUuid: String(spec["vmUuid"] ?? ""),
    memoryBytes: Number(spec["memoryBytes"] ?? 0),
    vcpus: Number(spec["vcpus"] ?? 1),
    paused: spec["paused"] === true,
    cooperative: spec["cooperative"] !== false,
  };
}

function readDisks(value: XapiValue | undefined, vmUuid: string): readonly AttachedDisk[] {
  const items = Array.isArray(value) ? (value as readonly XapiValue[]) : [];
  return items.map((item) => {
    const disk = readObject(item);
    return {
      vdiUuid: String(disk["vdiUuid"]),
      srUuid: String(disk["srUuid"]),
      mode: disk["mode"] === "RO" ? "RO" : "RW",
      vmUuid,
    };
  });
}

function storageFailure(cause: unknown): unknown {
  return cause instanceof StorageUnreachable
    ? new XapiFailure(
        "SR_BACKEND_FAILURE_46",
        "",
        `The VDI is not available [opterr=${cause.message}]`,
        "",
      )
    : cause;
}

/** Opens all disks or none. Throws `SR_BACKEND_FAILURE_46`. */
function attachAll(host: HostContext, disks: readonly AttachedDisk[]): void {
  const done: AttachedDisk[] = [];
  try {
    for (const disk of disks) {
      host.ports.storage.attach(disk);
      done.push(disk);
    }
  } catch (cause) {
    for (const disk of done) {
      host.ports.storage.detach(disk.vdiUuid, disk.vmUuid);
    }
    throw storageFailure(cause);
  }
}

function detachAll(host: HostContext, vmUuid: string): void {
  for (const disk of host.ports.storage.attached().filter((item) => item.vmUuid === vmUuid)) {
    host.ports.storage.detach(disk.vdiUuid, vmUuid);
  }
}

/** `vmRef` is what errors name. */
function domainFailure(
  cause: unknown,
  host: HostContext,
  spec: DomainSpec,
  vmRef: string,
): unknown {
  if (!(cause instanceof DomainFailure)) {
    return cause;
  }
  switch (cause.reason) {
    case "exists":
      return new XapiFailure("DOMAIN_EXISTS", vmRef);
    case "not-enough-memory": {
      const free = host.ports.domains.freeMemoryBytes();
      return new XapiFailure("HOST_NOT_ENOUGH_FREE_MEMORY", String(spec.memoryBytes), String(free));
    }
    case "unknown":
      return new XapiFailure("INTERNAL_ERROR", cause.message);
  }
}

/** args: spec, disks, VM reference. Gives the domain id. */
const build: HostOp = async (host, args) => {
  const spec = readSpec(args[0]);
  attachAll(host, readDisks(args[1], spec.vmUuid));
  try {
    await host.ports.clock.sleep(host.timing.domainBuildMs, host.stopping);
    return host.ports.domains.create(spec).domid;
  } catch (cause) {
    detachAll(host, spec.vmUuid);
    throw domainFailure(cause, host, spec, String(args[2] ?? ""));
  }
};

/** args: VM uuid. */
const destroy: HostOp = (host, args) => {
  const vmUuid = String(args[0]);
  host.ports.domains.destroy(vmUuid);
  detachAll(host, vmUuid);
  return VOID;
};

function changing(change: (host: HostContext, vmUuid: string) => void): HostOp {
  return (host, args) => {
    try {
      change(host, String(args[0]));
    } catch (cause) {
      if (cause instanceof DomainFailure) {
        throw new XapiFailure("INTERNAL_ERROR", cause.message);
      }
      throw cause;
    }
    return VOID;
  };
}

/** args: temporary uuid, spec, VM reference. The disks stay with the sender for now. */
const incoming: HostOp = (host, args) => {
  const spec = readSpec(args[1]);
  try {
    return host.ports.domains.createIncoming(String(args[0]), spec).domid;
  } catch (cause) {
    throw domainFailure(cause, host, spec, String(args[2] ?? ""));
  }
};

/** args: temporary uuid, disks, VM uuid. From here on the guest runs on this host. */
const takeOver: HostOp = (host, args) => {
  const vmUuid = String(args[2]);
  attachAll(host, readDisks(args[1], vmUuid));
  try {
    return host.ports.domains.commitIncoming(String(args[0])).domid;
  } catch (cause) {
    detachAll(host, vmUuid);
    throw cause instanceof DomainFailure ? new XapiFailure("INTERNAL_ERROR", cause.message) : cause;
  }
};

/** args: VM uuid. The guest stands still and its disks are closed, ready to run elsewhere. */
const letGo: HostOp = (host, args) => {
  const vmUuid = String(args[0]);
  if (host.ports.domains.find(vmUuid) === undefined) {
    throw new XapiFailure("INTERNAL_ERROR", `no domain for ${vmUuid}`);
  }
  host.ports.domains.pause(vmUuid);
  detachAll(host, vmUuid);
  return VOID;
};

/** args: VM uuid, disks. The move failed: the guest goes on here. */
const regain: HostOp = (host, args) => {
  const vmUuid = String(args[0]);
  attachAll(host, readDisks(args[1], vmUuid));
  host.ports.domains.unpause(vmUuid);
  return VOID;
};

const isOpen: HostOp = (host, args) =>
  host.ports.storage.attached().some((disk) => disk.vdiUuid === String(args[0]));

function eventsOf(host: HostContext): {
  readonly next: () => Promise<DomainEvent | null>;
  readonly end: () => void;
} {
  const queue: DomainEvent[] = [];
  let wake: (() => void) | null = null;
  const rouse = (): void => {
    wake?.();
    wake = null;
  };
  const stopWatching = host.ports.domains.watch((event) => {
    queue.push(event);
    rouse();
  });
  const stopListening = host.stopping.onCancel(rouse);
  return {
    async next() {
      while (queue.length === 0 && !host.stopping.cancelled) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return host.stopping.cancelled ? null : (queue.shift() ?? null);
    },
    end() {
      stopWatching();
      stopListening();
    },
  };
}

async function report(host: HostContext, event: DomainEvent): Promise<void> {
  if (event.type !== "reboot") {
    host.ports.domains.destroy(event.vmUuid);
    detachAll(host, event.vmUuid);
  }
  try {
    await host.askCoordinator("vm.guest_event", [event.vmUuid, event.type]);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    host.ports.log.write({ level: "warn", message: `guest event not recorded: ${reason}` });
  }
}

/** Tells the coordinator what guests did by themselves, in order. */
const guestEvents: NodeService = {
  name: "guest events",
  runsOn: "every-host",
  async run(host) {
    const events = eventsOf(host);
    try {
      for (;;) {
        const event = await events.next();
        if (event === null) {
          return;
        }
        await report(host, event);
      }
    } finally {
      events.end();
    }
  },
};

export const vmHostOps: CallModule = {
  hostOps: {
    "vm.build": build,
    "vm.destroy": destroy,
    "vm.pause": changing((host, vm) => host.ports.domains.pause(vm)),
    "vm.unpause": changing((host, vm) => host.ports.domains.unpause(vm)),
    "vm.request_shutdown": changing((host, vm) => host.ports.domains.requestShutdown(vm)),
    "vm.incoming": incoming,
    "vm.drop_incoming": changing((host, uuid) => host.ports.domains.destroy(uuid)),
    "vm.take_over": takeOver,
    "vm.let_go": letGo,
    "vm.regain": regain,
    "vm.is_running": (host, args) => host.ports.domains.find(String(args[0])) !== undefined,
    "storage.is_open": isOpen,
    "storage.reaches": (host, args) => host.ports.storage.reaches(String(args[0])),
  },
  services: [guestEvents],
};
