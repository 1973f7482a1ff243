import { randomUUID } from "node:crypto";
import type { InputOf, OutputOf } from "../contract/console-api.ts";
import type { KnownPool } from "../contract/pool.ts";
import { demoPlaces } from "./agents/ports.ts";
import { sameData } from "./facts/same.ts";
import { knownPoolsWriter, readKnownPools } from "./known-pools.ts";
import type { StoredPool } from "./known-pools.ts";
import { createPoolEntry } from "./pool-entry.ts";
import type { PoolEntry, PoolEntryOptions } from "./pool-entry.ts";
import type { ConsolePorts, DemoAccess } from "./ports.ts";
import { ConsoleProblem, problem } from "./problem.ts";
import { Listeners } from "./streams.ts";
import { parseAddress } from "./xapi/address.ts";
import type { AddressMap, MemberAddress } from "./xapi/address.ts";
import { describeRefusedCertificate } from "./xapi/errors.ts";
import { firstLogin } from "./xapi/first-login.ts";
import type { FirstLogin, FirstLoginOptions } from "./xapi/first-login.ts";
import { noNames } from "./xapi/names.ts";
import type { MemberNames } from "./xapi/outcome-words.ts";
import { CertificateRefused } from "./xapi/pinned-agent.ts";
import { lookOrProblem, probe } from "./xapi/probe.ts";
import type { LinkTiming } from "./xapi/timing.ts";
import { openTrust } from "./xapi/trust.ts";
import type { TrustStore } from "./xapi/trust.ts";

/**
 * All pools the console knows: remembered without secrets, connected where a password is at hand.
 */
export class Pools {
  readonly #ports: ConsolePorts;
  readonly #timing: LinkTiming;
  readonly #listeners = new Listeners();
  readonly #entries = new Map<string, PoolEntry>();
  /**
   * passwords of this process, for reconnecting without asking; persistent ones are in the store
   */
  readonly #passwords = new Map<string, string>();
  readonly #ready: Promise<TrustStore>;
  readonly #write: () => Promise<void>;
  #shown: readonly KnownPool[] = [];

  constructor(ports: ConsolePorts, timing: LinkTiming) {
    this.#ports = ports;
    this.#timing = timing;
    this.#write = knownPoolsWriter(ports.store, () =>
      [...this.#entries.values()].filter((one) => !one.isDemo).map((one) => one.stored()),
    );
    this.#ready = this.#open();
    // Every call that needs it fails with the same reason.
    this.#ready.catch(() => undefined);
  }

  list(): KnownPool[] {
    return [...this.#entries.values()].map((entry) => entry.known());
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Throws a problem for a pool that is not known (any more). */
  get(poolId: string): PoolEntry {
    const entry = this.#entries.get(poolId);
    if (entry !== undefined) return entry;
    throw problem(
      "unknown-pool",
      "This console does not know that pool any more.",
      "Choose a pool from the list, or connect to it again.",
    );
  }

  async probe(address: string): Promise<OutputOf<"pools.probe">> {
    const trust = await this.#ready;
    return probe(address, { trust, addressMap: this.#addressMap(), timing: this.#timing });
  }

  async connect(input: InputOf<"pools.connect">): Promise<{ poolId: string }> {
    const trust = await this.#ready;
    const address = parseAddress(input.address);
    const addressMap = this.#addressMap();
    const opened = await firstLogin({
      address,
      credentials: { user: input.user, password: input.password },
      accepted: input.trustFingerprint,
      acceptedCoordinator: input.trustCoordinatorFingerprint,
      ...this.#loginContext(trust, addressMap),
    });
    const entry =
      this.#findByUuid(opened.poolUuid) ??
      this.#add(
        {
          poolId: randomUUID(),
          poolUuid: opened.poolUuid,
          name: address.text,
          user: input.user,
          members: [],
        },
        { isDemo: false, addressMap: {}, agentPlaces: null },
        trust,
      );
    // The windows and a run of the wizard stay with the pool; only its connection is made anew.
    await entry.link.stop();
    entry.addAddress(opened.address);
    entry.addAddress(address);
    const credentials = { user: input.user, password: input.password };
    await this.#keepPassword(entry, input.password, input.remember && !entry.isDemo);
    entry.start(credentials, opened);
    await this.#write();
    return { poolId: entry.poolId };
  }

  async reconnect(poolId: string, password: string | undefined): Promise<void> {
    await this.#ready;
    const entry = this.get(poolId);
    const known =
      password ?? this.#passwords.get(poolId) ?? (await this.#ports.secrets.get(poolId));
    if (known === null) {
      throw problem(
        "password-needed",
        `The password of ${entry.known().user} is not known here.`,
        "Enter the password.",
      );
    }
    if (password !== undefined) {
      const wasRemembered = (await this.#ports.secrets.get(poolId)) !== null;
      await this.#keepPassword(entry, password, wasRemembered);
    }
    await entry.link.stop();
    entry.start({ user: entry.stored().user, password: known }, null);
  }

  async disconnect(poolId: string): Promise<void> {
    const entry = this.get(poolId);
    refuseDuringRun(entry);
    await entry.link.stop();
  }

  async forget(poolId: string): Promise<void> {
    refuseDuringRun(this.get(poolId));
    await this.#drop(poolId);
  }

  async #drop(poolId: string): Promise<void> {
    const trust = await this.#ready;
    const entry = this.get(poolId);
    entry.agents.stop();
    await entry.link.stop();
    this.#entries.delete(poolId);
    entry.facts.end();
    this.#passwords.delete(poolId);
    const stillUsed = new Set(this.list().flatMap((pool) => pool.addresses));
    await this.#ports.secrets.delete(poolId);
    await this.#ports.secrets.delete(`ssh:${poolId}`);
    await trust.forget(entry.known().addresses.filter((address) => !stillUsed.has(address)));
    await this.#write();
    this.#listeners.call();
  }

  /** Takes the new certificate only while the host still shows just that one. */
  async acceptCertificate(input: InputOf<"pools.acceptCertificate">): Promise<void> {
    const trust = await this.#ready;
    const entry = this.get(input.poolId);
    const address = parseAddress(input.address);
    const shown = await lookOrProblem(address, {
      addressMap: entry.addressMap,
      timing: this.#timing,
    });
    if (shown.fingerprint !== input.fingerprint) {
      const refused = new CertificateRefused(address, input.fingerprint, shown.fingerprint);
      throw new ConsoleProblem(describeRefusedCertificate(refused, null));
    }
    await trust.trust(address, {
      fingerprint: shown.fingerprint,
      origin: "person",
      atMs: this.#ports.clock.wallMs(),
    });
  }

  /** Connects to the demo pool, whose certificates are known because the demo made them. */
  async connectDemo(access: DemoAccess): Promise<{ poolId: string }> {
    const trust = await this.#ready;
    const atMs = this.#ports.clock.wallMs();
    for (const [address, fingerprint] of Object.entries(access.fingerprints)) {
      await trust.trust(parseAddress(address), { fingerprint, origin: "demo", atMs });
    }
    const addresses = access.addresses.map(parseAddress);
    const credentials = { user: access.user, password: access.password };
    const opened = await this.#loginAtAny(addresses, {
      credentials,
      accepted: undefined,
      acceptedCoordinator: undefined,
      ...this.#loginContext(trust, access.addressMap),
    });
    await this.disconnectDemo();
    const stored: StoredPool = {
      poolId: randomUUID(),
      poolUuid: opened.poolUuid,
      name: access.name,
      user: access.user,
      members: addresses.map((address) => ({ address: address.text, name: null })),
    };
    const entry = this.#add(
      stored,
      { isDemo: true, addressMap: access.addressMap, agentPlaces: demoPlaces(access) },
      trust,
    );
    this.#passwords.set(entry.poolId, access.password);
    entry.start(credentials, opened);
    return { poolId: entry.poolId };
  }

  async disconnectDemo(): Promise<void> {
    const demos = [...this.#entries.values()].filter((entry) => entry.isDemo);
    for (const entry of demos) await this.#drop(entry.poolId);
  }

  async stop(): Promise<void> {
    await this.#ready.catch(() => undefined);
    for (const entry of this.#entries.values()) entry.agents.stop();
    await Promise.all([...this.#entries.values()].map((entry) => entry.link.stop()));
  }

  async #open(): Promise<TrustStore> {
    const { store, secrets } = this.#ports;
    let trust: TrustStore;
    let pools: readonly StoredPool[];
    try {
      trust = await openTrust(store);
      pools = await readKnownPools(store);
    } catch (error) {
      throw new ConsoleProblem(
        {
          code: "state-unreadable",
          sentence: "What this console remembered of pools and certificates cannot be read.",
          nextStep: "Restore its settings folder, or move it away to start without them.",
          retryable: false,
        },
        error,
      );
    }
    for (const stored of pools) {
      const entry = this.#add(stored, { isDemo: false, addressMap: {}, agentPlaces: null }, trust);
      const password = await secrets.get(stored.poolId);
      if (password === null) continue;
      this.#passwords.set(stored.poolId, password);
      entry.start({ user: stored.user, password }, null);
    }
    return trust;
  }

  #add(
    stored: StoredPool,
    kind: Pick<PoolEntryOptions, "isDemo" | "addressMap" | "agentPlaces">,
    trust: TrustStore,
  ): PoolEntry {
    const entry = createPoolEntry({
      ports: this.#ports,
      trust,
      timing: this.#timing,
      stored,
      ...kind,
      onChange: () => this.#changed(),
    });
    this.#entries.set(entry.poolId, entry);
    this.#listeners.call();
    return entry;
  }

  /** Called with every batch of events; the list shows little of what they change. */
  #changed(): void {
    const shown = this.list();
    if (sameData(shown, this.#shown)) return;
    this.#shown = shown;
    this.#listeners.call();
    this.#write().catch((error: unknown) => {
      process.emitWarning(error instanceof Error ? error : String(error));
    });
  }

  async #keepPassword(entry: PoolEntry, password: string, isRemembered: boolean): Promise<void> {
    this.#passwords.set(entry.poolId, password);
    if (isRemembered) await this.#ports.secrets.set(entry.poolId, password);
    else await this.#ports.secrets.delete(entry.poolId);
  }

  async #loginAtAny(
    addresses: readonly MemberAddress[],
    options: Omit<FirstLoginOptions, "address">,
  ): Promise<FirstLogin> {
    let last: unknown = problem("no-address", "The demo pool has no host.", "Start it again.");
    for (const address of addresses) {
      try {
        return await firstLogin({ ...options, address });
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  #loginContext(trust: TrustStore, addressMap: AddressMap) {
    const { clock } = this.#ports;
    return { trust, addressMap, names: this.#names(), clock, timing: this.#timing };
  }

  /**
   * Host names of all known pools; which one an address belongs to is not known before the login.
   */
  #names(): MemberNames {
    const byAddress = new Map<string, string | null>();
    for (const entry of this.#entries.values()) {
      for (const { address, name } of entry.stored().members) byAddress.set(address, name);
    }
    return { hostName: ({ text }) => byAddress.get(text) ?? null, objects: noNames };
  }

  #findByUuid(poolUuid: string): PoolEntry | undefined {
    return [...this.#entries.values()].find((entry) => entry.stored().poolUuid === poolUuid);
  }

  #addressMap(): AddressMap {
    const maps = [...this.#entries.values()].map((entry) => entry.addressMap);
    return Object.assign({}, ...maps) as AddressMap;
  }
}

/** A run needs the connection to put back what it changed. */
function refuseDuringRun(entry: PoolEntry): void {
  const run = entry.reboots.current();
  if (run === null || (run.status !== "running" && run.status !== "undoing")) return;
  throw problem(
    "run-under-way",
    `The reboot of “${run.hostName}” is under way and needs the connection to this pool.`,
    "Wait until it has ended, or stop it first.",
  );
}
