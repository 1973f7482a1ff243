import type {
  Connection,
  HostSummary,
  PoolFactsItem,
  PoolSummary,
  SrSummary,
  VmSummary,
} from "../../contract/pool.ts";
import type { Run } from "../../contract/run.ts";
import type { HostVerdict } from "../../contract/verdict.ts";
import { judgeEngine, judgePool } from "../ha/engine.ts";
import type { PoolRecords } from "../pool-session.ts";
import type { Clock } from "../ports.ts";
import type { OpenStream } from "../streams.ts";
import { judgeAllHosts, judgeIndexed, sameVerdict } from "../verdict/judge-host.ts";
import type { VerdictInput } from "../verdict/judgement.ts";
import { createPoolIndex } from "../verdict/pool-index.ts";
import type { PoolIndex } from "../verdict/pool-index.ts";
import { isGuest, textOf } from "../verdict/read.ts";
import type { FactsListener } from "../xapi/pool-link.ts";
import type { RecordChange } from "../xapi/record-store.ts";
import { dependantsOf } from "./dependants.ts";
import { generationOf, hostRow, poolName, srRow, vmRow } from "./rows.ts";
import { sameData } from "./same.ts";
import { Subscribers } from "./subscribers.ts";

export interface PoolFactsOptions {
  readonly clock: Clock;
  readonly records: () => PoolRecords;
  readonly connection: () => Connection;
  readonly freshAtMs: () => number;
  readonly run: () => Run | null;
}

/** What the list of pools shows of one. */
export interface PoolMark {
  readonly name: string | null;
  readonly mark: PoolSummary["verdict"];
  readonly hostCount: number;
  readonly vmCount: number;
}

/** Judging may take a tenth of the time at most, and happens a second later at the latest. */
const judgeShare = 10;
const judgeDelayMaxMs = 1_000;
/** As long as judging all hosts is this quick, it is done with every batch. */
const judgeAtOnceMs = 8;

/** Hosts per turn: about 6 ms with 80 VMs each. */
const judgeSlice = 4;

const notJudged: HostVerdict = { verdict: "unknown", checks: [] };

/**
 * The picture of one pool as windows see it. A batch of events rebuilds only the rows that show
 * something of it; rows that come out the same are not sent. Verdicts look at the whole pool: in a
 * large one they follow the rows a moment later, and an old connection makes them unknown at once.
 */
export class PoolFacts implements FactsListener {
  readonly #options: PoolFactsOptions;
  readonly #hosts = new Map<string, HostSummary>();
  readonly #vms = new Map<string, VmSummary>();
  readonly #srs = new Map<string, SrSummary>();
  /** uuid by reference of the VMs shown: a deleted object is known by its reference only */
  readonly #vmUuids = new Map<string, string>();
  #verdicts: ReadonlyMap<string, HostVerdict> = new Map();
  #pool: PoolSummary | null = null;
  #judgeTookMs = 0;
  #isJudgeDue = false;
  #judgeRound = 0;
  #wasLive = false;
  readonly #subscribers: Subscribers;

  constructor(options: PoolFactsOptions) {
    this.#options = options;
    const rows = { hosts: this.#hosts, vms: this.#vms, srs: this.#srs };
    this.#subscribers = new Subscribers(rows, () => ({
      atMs: options.clock.wallMs(),
      connection: options.connection(),
      pool: this.#pool,
      run: options.run(),
    }));
  }

  open(): OpenStream<PoolFactsItem> {
    return this.#subscribers.open();
  }

  /** The pool is forgotten: windows that watch it are told. */
  end(): void {
    this.#subscribers.end();
  }

  mark(): PoolMark {
    const isLive = this.#options.connection().status === "live";
    return {
      name: this.#pool?.name ?? null,
      mark: isLive ? (this.#pool?.verdict ?? "unknown") : "unknown",
      hostCount: this.#hosts.size,
      vmCount: this.#vms.size,
    };
  }

  /** A run of the wizard moved on. */
  runChanged(): void {
    this.#subscribers.markHead("run");
    this.#subscribers.wake();
  }

  connectionChanged(): void {
    const isLive = this.#options.connection().status === "live";
    this.#subscribers.markHead("connection");
    if (isLive !== this.#wasLive) this.#judge();
    this.#wasLive = isLive;
    this.#subscribers.wake();
  }

  replaced(): void {
    const index = createPoolIndex(this.#options.records());
    for (const rows of [this.#hosts, this.#vms, this.#srs, this.#vmUuids]) rows.clear();
    this.#rebuildVms(index, "all");
    this.#rebuildSrs(index);
    this.#wasLive = this.#options.connection().status === "live";
    this.#judge(index);
    this.#subscribers.markSnapshot();
    this.#subscribers.wake();
  }

  changed(changes: readonly RecordChange[]): void {
    const records = this.#options.records();
    const touched = dependantsOf(changes, records);
    if (!touched.judgement) return;
    const index = createPoolIndex(records);
    this.#rebuildVms(index, touched.vms);
    if (touched.srs) this.#rebuildSrs(index);
    if (touched.hosts) this.#rebuildHosts(index);
    if (this.#judgeTookMs <= judgeAtOnceMs) this.#judge(index);
    else this.#judgeSoon();
    this.#subscribers.wake();
  }

  #judgeSoon(): void {
    if (this.#isJudgeDue) return;
    this.#isJudgeDue = true;
    const delayMs = Math.min(this.#judgeTookMs * judgeShare, judgeDelayMaxMs);
    void this.#options.clock.sleep(delayMs).then(() => this.#judgeInSlices());
  }

  /**
   * A few hosts per turn of the event loop, so that events reach windows in between. What changes
   * meanwhile asks for another round by itself.
   */
  async #judgeInSlices(): Promise<void> {
    if (!this.#isJudgeDue) return;
    this.#isJudgeDue = false;
    const round = (this.#judgeRound += 1);
    const index = createPoolIndex(this.#options.records());
    const input = this.#verdictInput();
    const verdicts = new Map<string, HostVerdict>();
    for (const [ref, host] of index.hosts) {
      if (verdicts.size % judgeSlice === 0) await new Promise((resolve) => setImmediate(resolve));
      // Judged as a whole meanwhile, because the connection changed or the picture is new.
      if (round !== this.#judgeRound) return;
      verdicts.set(ref, judgeIndexed(index, host, input));
    }
    this.#take(createPoolIndex(this.#options.records()), this.#verdictInput(), verdicts);
    this.#subscribers.wake();
  }

  #judge(made?: PoolIndex): void {
    this.#isJudgeDue = false;
    this.#judgeRound += 1;
    const { clock, records } = this.#options;
    const startedMs = clock.monotonicMs();
    const index = made ?? createPoolIndex(records());
    if (index.pool === undefined) return;
    const input = this.#verdictInput();
    this.#take(index, input, judgeAllHosts(input));
    this.#judgeTookMs = clock.monotonicMs() - startedMs;
  }

  #verdictInput(): VerdictInput {
    const { clock, records, connection, freshAtMs } = this.#options;
    return {
      records: records(),
      connection: connection(),
      freshAtMs: freshAtMs(),
      nowMonotonicMs: clock.monotonicMs(),
      nowWallMs: clock.wallMs(),
    };
  }

  #take(index: PoolIndex, input: VerdictInput, verdicts: ReadonlyMap<string, HostVerdict>): void {
    this.#verdicts = verdicts;
    const engine = judgeEngine(input.records);
    const next: PoolSummary = {
      uuid: textOf(index.pool, "uuid"),
      name: poolName(index),
      coordinatorUuid: index.hosts.get(index.coordinatorRef)?.uuid ?? "",
      ...judgePool({ ...input, engine }),
      engine,
      generation: generationOf(index),
    };
    if (!sameData(next, this.#pool)) {
      this.#pool = next;
      this.#subscribers.markHead("pool");
    }
    this.#rebuildHosts(index);
  }

  #rebuildHosts(index: PoolIndex): void {
    const present = new Set<string>();
    for (const [ref, host] of index.hosts) {
      present.add(host.uuid);
      const known = this.#hosts.get(host.uuid);
      const judged = this.#verdicts.get(ref) ?? notJudged;
      // The same findings with a newer stamp are nothing new to show.
      const isSame = known !== undefined && sameVerdict(judged, known.verdict);
      const next = hostRow(index, host, isSame ? known.verdict : judged);
      if (!sameData(next, known)) {
        this.#hosts.set(host.uuid, next);
        this.#subscribers.mark("hosts", host.uuid);
      }
    }
    this.#drop("hosts", this.#hosts, present);
  }

  #rebuildSrs(index: PoolIndex): void {
    const present = new Set<string>();
    for (const [ref, record] of index.records.all("SR")) {
      const sr = index.sr(ref);
      if (sr === undefined || sr.isTools) continue;
      present.add(sr.uuid);
      const next = srRow(index, sr, record);
      if (sameData(next, this.#srs.get(sr.uuid))) continue;
      this.#srs.set(sr.uuid, next);
      this.#subscribers.mark("srs", sr.uuid);
    }
    this.#drop("srs", this.#srs, present);
  }

  #drop(kind: "hosts" | "srs", rows: Map<string, unknown>, present: ReadonlySet<string>): void {
    for (const uuid of rows.keys()) {
      if (present.has(uuid)) continue;
      rows.delete(uuid);
      this.#subscribers.mark(kind, uuid);
    }
  }

  #rebuildVms(index: PoolIndex, touched: ReadonlySet<string> | "all"): void {
    if (touched === "all") {
      const refs = new Set([...index.records.all("VM").keys(), ...this.#vmUuids.keys()]);
      for (const ref of refs) this.#rebuildVm(index, ref);
      return;
    }
    for (const ref of touched) this.#rebuildVm(index, ref);
  }

  #rebuildVm(index: PoolIndex, ref: string): void {
    const record = index.records.get("VM", ref);
    const knownUuid = this.#vmUuids.get(ref);
    if (record === undefined || !isGuest(record)) {
      if (knownUuid === undefined) return;
      this.#vmUuids.delete(ref);
      this.#vms.delete(knownUuid);
      this.#subscribers.mark("vms", knownUuid);
      return;
    }
    const next = vmRow(index, ref, record);
    if (knownUuid !== undefined && knownUuid !== next.uuid) {
      this.#vms.delete(knownUuid);
      this.#subscribers.mark("vms", knownUuid);
    }
    this.#vmUuids.set(ref, next.uuid);
    if (sameData(next, this.#vms.get(next.uuid))) return;
    this.#vms.set(next.uuid, next);
    this.#subscribers.mark("vms", next.uuid);
  }
}
