import { writeFileSync, renameSync } from "node:fs";
import {
  DomainFailure,
  type Clock,
  type Domain,
  type DomainEvent,
  type Domains,
  type DomainSpec,
} from "../virtual-xapi/ports.ts";
import { readFileOrNothing } from "./disk-file.ts";

interface StoredDomain extends Domain {
  /** set once the guest was asked to power off and agreed; milliseconds since the epoch */
  readonly goesDownAtMs: number | null;
  /** an arriving guest stays paused when it was paused where it came from */
  readonly staysPaused?: boolean;
}

interface StoredDomains {
  readonly nextDomid: number;
  readonly domains: readonly StoredDomain[];
}

export interface DomainsOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly memoryBytes: number;
  readonly dom0MemoryBytes: number;
  readonly guestShutdownMs: number;
}

/** What `domains.json` of a freshly booted host holds for these guests. */
export function domainsText(specs: readonly DomainSpec[]): string {
  const domains = specs.map((spec, index) => ({
    ...spec,
    domid: index + 1,
    incomingFor: null,
    goesDownAtMs: null,
  }));
  return JSON.stringify({ nextDomid: domains.length + 1, domains } satisfies StoredDomains);
}

/** The file and its copy in memory; every change is written at once. */
interface DomainStore {
  readonly domains: ReadonlyMap<string, StoredDomain>;
  put(domain: StoredDomain): StoredDomain;
  remove(vmUuid: string): boolean;
  /** Throws `DomainFailure` (`unknown`). */
  need(vmUuid: string): StoredDomain;
  takeDomid(): number;
}

function openStore(file: string, nowMs: number): DomainStore {
  const stored = readDomains(file, nowMs);
  const domains = new Map(stored.domains.map((domain) => [domain.vmUuid, domain]));
  let { nextDomid } = stored;
  const save = (): void => writeDomains(file, { nextDomid, domains: [...domains.values()] });
  return {
    domains,
    put(domain) {
      domains.set(domain.vmUuid, domain);
      save();
      return domain;
    },
    remove(vmUuid) {
      const isGone = domains.delete(vmUuid);
      if (isGone) save();
      return isGone;
    },
    need(vmUuid) {
      const domain = domains.get(vmUuid);
      if (domain === undefined) throw new DomainFailure("unknown", `no domain ${vmUuid}`);
      return domain;
    },
    takeDomid() {
      nextDomid += 1;
      return nextDomid - 1;
    },
  };
}

/** Builds domains within the host's memory. */
function domainBuilder(
  options: DomainsOptions,
  store: DomainStore,
): {
  freeMemoryBytes(): number;
  build(vmUuid: string, spec: DomainSpec, incomingFor: string | null): StoredDomain;
} {
  const freeMemoryBytes = (): number => {
    const held = [...store.domains.values()].reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
    return options.memoryBytes - options.dom0MemoryBytes - held;
  };
  return {
    freeMemoryBytes,
    build(vmUuid, spec, incomingFor) {
      if (store.domains.has(vmUuid)) throw new DomainFailure("exists", `domain ${vmUuid} exists`);
      if (spec.memoryBytes > freeMemoryBytes()) {
        throw new DomainFailure("not-enough-memory", `${spec.memoryBytes} bytes are not free`);
      }
      const domid = store.takeDomid();
      return store.put({
        ...spec,
        vmUuid,
        domid,
        incomingFor,
        goesDownAtMs: null,
        // A guest in the middle of arriving does not run yet.
        paused: incomingFor !== null || spec.paused,
        staysPaused: spec.paused,
      });
    },
  };
}

/**
 * The guests of a host as one file beside XAPI, the way the hypervisor is beside it: XAPI may be
 * killed and started again and finds them running; the launcher removes the file with the power.
 */
export function createDomains(options: DomainsOptions): Domains {
  const { clock } = options;
  const listeners = new Set<(event: DomainEvent) => void>();
  const store = openStore(options.file, clock.nowMs());
  const { domains, put, need } = store;
  const { build, freeMemoryBytes } = domainBuilder(options, store);

  const powerOffLater = (domain: StoredDomain): void => {
    const waitMs = Math.max(0, (domain.goesDownAtMs ?? 0) - clock.nowMs());
    void clock.sleep(waitMs).then(() => {
      // Destroyed, or built anew under the same uuid, in the meantime: then this is not its end.
      if (domains.get(domain.vmUuid)?.domid !== domain.domid) return;
      store.remove(domain.vmUuid);
      for (const listener of listeners) listener({ type: "shutdown", vmUuid: domain.vmUuid });
    });
  };
  for (const domain of domains.values()) if (domain.goesDownAtMs !== null) powerOffLater(domain);

  return {
    list: () => [...domains.values()],
    find: (vmUuid) => domains.get(vmUuid),
    freeMemoryBytes,
    create: (spec) => build(spec.vmUuid, spec, null),
    unpause(vmUuid) {
      put({ ...need(vmUuid), paused: false });
    },
    pause(vmUuid) {
      put({ ...need(vmUuid), paused: true });
    },
    requestShutdown(vmUuid) {
      const domain = need(vmUuid);
      if (domain.cooperative === false || domain.paused || domain.goesDownAtMs !== null) return;
      const goesDownAtMs = clock.nowMs() + options.guestShutdownMs;
      powerOffLater(put({ ...domain, goesDownAtMs }));
    },
    destroy(vmUuid) {
      store.remove(vmUuid);
    },
    createIncoming: (temporaryUuid, spec) => build(temporaryUuid, spec, spec.vmUuid),
    commitIncoming(temporaryUuid) {
      const domain = need(temporaryUuid);
      const vmUuid = domain.incomingFor;
      if (vmUuid === null) throw new DomainFailure("unknown", `${temporaryUuid} is no arrival`);
      if (domains.has(vmUuid)) throw new DomainFailure("exists", `domain ${vmUuid} exists`);
      store.remove(temporaryUuid);
      return put({ ...domain, vmUuid, incomingFor: null, paused: domain.staysPaused === true });
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Guests of a host as `xl list` shows them, also while its XAPI is not there. */
export function listDomains(file: string): readonly Domain[] {
  return readDomains(file, Date.now()).domains;
}

function readDomains(file: string, nowMs: number): StoredDomains {
  const text = readFileOrNothing(file);
  if (text === undefined) return { nextDomid: 1, domains: [] };
  const stored = JSON.parse(text) as StoredDomains;
  const isStillUp = (domain: StoredDomain): boolean =>
    domain.goesDownAtMs === null || domain.goesDownAtMs > nowMs;
  return { ...stored, domains: stored.domains.filter(isStillUp) };
}

/** Atomic but not flushed: guests do not outlive a power loss, so the file need not either. */
function writeDomains(file: string, stored: StoredDomains): void {
  writeFileSync(`${file}.new`, JSON.stringify(stored), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
