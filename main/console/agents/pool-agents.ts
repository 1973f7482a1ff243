import { randomUUID } from "node:crypto";
import type { AgentHost, AgentsItem } from "../../contract/agents.ts";
import type { InputOf, OutputOf } from "../../contract/console-api.ts";
import { sshLoginSchema } from "../../contract/install.ts";
import type { AgentBundle, PreflightReport, RolloutRun, SshLogin } from "../../contract/install.ts";
import type { JournalState } from "../../contract/timeline.ts";
import { describeBundle, openBundle } from "../../install/bundle.ts";
import type { OpenedBundle } from "../../install/bundle.ts";
import { hostOver } from "../../install/host.ts";
import type { Host } from "../../install/host.ts";
import { preflight } from "../../install/preflight.ts";
import { HostFailure } from "../../install/shell.ts";
import { openSsh } from "../../install/ssh.ts";
import { errorOf } from "../../install/run.ts";
import type { Explain } from "../ha/proof.ts";
import type { PoolSession } from "../pool-session.ts";
import type { ConsolePorts } from "../ports.ts";
import { ConsoleProblem, problem } from "../problem.ts";
import { Listeners } from "../streams.ts";
import type { OpenStream } from "../streams.ts";
import { flagOf, poolOf } from "../verdict/read.ts";
import { haLizardTrace, replicationTraces } from "../verdict/traces.ts";
import { refuseUnread } from "./acknowledged.ts";
import { hostViewOf, poolConfigOf, poolRevisionOf, xapiViewOf } from "./host-view.ts";
import { HostLine } from "./host-line.ts";
import { memberMemory, membersOf } from "./members.ts";
import type { AgentMember, MemberMemory } from "./members.ts";
import type { AgentPlaces } from "./ports.ts";
import { startRollout } from "./rollouts.ts";
import type { RunningRollout } from "./rollouts.ts";
import { previewSettings, readSettings } from "./settings.ts";
import { lookAtKeys, trustKeys } from "./ssh-looks.ts";
import { openSshTrust } from "./ssh-trust.ts";
import { Timeline } from "./timeline.ts";
import { writeSettings } from "./write-settings.ts";
import { readMessages } from "./xapi-messages.ts";

export interface PoolAgentsOptions {
  readonly poolId: string;
  readonly poolUuid: string;
  readonly session: PoolSession;
  readonly ports: ConsolePorts;
  readonly explain: Explain;
  /** null for a pool whose hosts are where XAPI says they are */
  readonly places: AgentPlaces | null;
}

const defaultUdpPort = 7694;
const messagesMs = 15_000;
/** clocks are measured again and again; a smaller change is noise */
const offsetStepMs = 200;
/** room for the packed file, the unpacked one and a second release */
const releaseCopies = 3;
const neededWithoutBundle = 400 * 1_048_576;

/** The agents of one pool: lines to hosts, roll-outs, settings, timeline. */
export class PoolAgents {
  readonly #options: PoolAgentsOptions;
  readonly #listeners = new Listeners();
  readonly #lines = new Map<string, HostLine>();
  readonly #memory: MemberMemory;
  readonly #ended = new AbortController();
  readonly #offsets = new Map<string, number>();
  readonly timeline: Timeline;
  readonly #bundle: Promise<OpenedBundle>;
  #bundleView: AgentBundle = {
    state: "absent",
    version: null,
    sha256: null,
    bytes: null,
    sentence: "The agent that ships with this console is being verified.",
  };
  #members: readonly AgentMember[] = [];
  #membersText = "";
  #login: { readonly user: string; readonly login: SshLogin } | null = null;
  #preflight: PreflightReport | null = null;
  #rollout: RunningRollout | null = null;
  #hasTimelineNews = false;
  #isReady = false;

  constructor(options: PoolAgentsOptions) {
    this.#options = options;
    const { clock, store, agents } = options.ports;
    this.#memory = memberMemory(store);
    this.timeline = new Timeline({
      names: (uuid) => this.#members.find((one) => one.uuid === uuid)?.name ?? uuid,
      wallMs: () => clock.wallMs(),
      journals: () => this.#journals(),
    });
    this.#bundle = openBundle(agents?.bundle ?? null);
    void this.#begin();
  }

  watch(): OpenStream<AgentsItem> {
    return (wake) => {
      const shown = new Map<string, string>();
      const heads = new Map<string, string>();
      let isFirst = true;
      let isDirty = true;
      const unsubscribe = this.#listeners.add(() => {
        isDirty = true;
        wake();
      });
      return {
        take: () => {
          if (!isDirty) return null;
          isDirty = false;
          const atMs = this.#options.ports.clock.wallMs();
          const hosts = this.#hostViews();
          const changed = hosts.filter((host) => shown.get(host.hostUuid) !== JSON.stringify(host));
          const removeUuids = [...shown.keys()].filter(
            (uuid) => !hosts.some(({ hostUuid }) => hostUuid === uuid),
          );
          for (const host of changed) shown.set(host.hostUuid, JSON.stringify(host));
          for (const uuid of removeUuids) shown.delete(uuid);
          const now = this.#head();
          const news = Object.entries(now).filter(([name, value]) => {
            const text = JSON.stringify(value);
            const isNew = heads.get(name) !== text;
            heads.set(name, text);
            return isNew;
          });
          if (isFirst) {
            isFirst = false;
            return { kind: "snapshot", atMs, hosts, ...now };
          }
          if (news.length === 0 && changed.length === 0 && removeUuids.length === 0) return null;
          const head = Object.fromEntries(news) as Partial<typeof now>;
          return { kind: "patch", atMs, hosts: changed, removeUuids, ...head };
        },
        close: unsubscribe,
      };
    };
  }

  async look(): Promise<OutputOf<"ssh.look">> {
    return { hosts: await lookAtKeys(await this.#keyContext()) };
  }

  async trust({ keys }: Pick<InputOf<"ssh.trust">, "keys">): Promise<void> {
    await trustKeys(await this.#keyContext(), keys);
    this.#wakeLines();
  }

  async setLogin({ login, remember }: Omit<InputOf<"ssh.login">, "poolId">): Promise<void> {
    const { secrets } = this.#options.ports;
    this.#login = { user: "root", login };
    if (remember && this.#options.places === null) {
      await secrets.set(this.#secretName(), JSON.stringify(login));
    } else await secrets.delete(this.#secretName());
    this.#wakeLines();
    this.#listeners.call();
  }

  async forgetLogin(): Promise<void> {
    this.#login = null;
    await this.#options.ports.secrets.delete(this.#secretName());
    for (const line of this.#lines.values()) line.stop();
    this.#lines.clear();
    this.#followMembers();
    this.#listeners.call();
  }

  async preflight(hostUuids: readonly string[] | undefined): Promise<PreflightReport> {
    const members = this.#chosen(hostUuids).map((one) => this.#placed(one));
    const opened = await this.#bundle;
    const { session, ports } = this.#options;
    const records = session.records();
    const pool = poolOf(records)?.record;
    const bytes =
      opened.state === "good" ? opened.release.bytes * releaseCopies : neededWithoutBundle;
    const report = await preflight({
      hosts: members,
      pool:
        pool === undefined || session.connection().status !== "live"
          ? null
          : {
              nativeHaEnabled: flagOf(pool, "ha_enabled"),
              haLizard: haLizardTrace(records),
              replicationTraces: replicationTraces(records),
            },
      neededBytes: bytes,
      nowMs: () => ports.clock.wallMs(),
      withHost: async (uuid, work) => {
        const host = await this.#open(uuid);
        try {
          return await work(host);
        } finally {
          host.shell.close();
        }
      },
    });
    this.#preflight = report;
    this.#listeners.call();
    return report;
  }

  async install(input: Omit<InputOf<"agents.install">, "poolId">): Promise<{ runId: string }> {
    if (!input.dryRun) {
      const chosen = this.#chosen(input.hostUuids).map(({ uuid }) => uuid);
      refuseUnread(this.#preflight, chosen, input.acknowledgedIds);
    }
    return this.#start("install", input);
  }

  upgrade(input: Omit<InputOf<"agents.upgrade">, "poolId">): Promise<{ runId: string }> {
    return this.#start("upgrade", input);
  }

  rollback(input: Omit<InputOf<"agents.rollback">, "poolId">): Promise<{ runId: string }> {
    return this.#start("rollback", input);
  }

  remove(input: Omit<InputOf<"agents.remove">, "poolId">): Promise<{ runId: string }> {
    return this.#start("remove", input);
  }

  stopRun(runId: string): void {
    if (this.#rollout?.view().runId === runId) this.#rollout.stop();
  }

  dismissRun(runId: string): void {
    const view = this.#rollout?.view();
    if (view?.runId !== runId || view.endedAtMs === null) return;
    this.#rollout = null;
    this.#listeners.call();
  }

  run(): RolloutRun | null {
    return this.#rollout?.view() ?? null;
  }

  settings(): OutputOf<"agents.settings"> {
    return readSettings(poolConfigOf(this.#options.session.records()));
  }

  preview(values: Readonly<Record<string, number>>): OutputOf<"agents.previewSettings"> {
    return previewSettings(this.settings(), values);
  }

  async applySettings(
    input: Omit<InputOf<"agents.applySettings">, "poolId">,
  ): Promise<{ revision: number }> {
    const { session, ports, explain } = this.#options;
    const { owner, clock } = ports;
    const change = { ...input, owner, atMs: clock.wallMs() };
    const revision = await writeSettings({ session, explain }, change);
    this.#act({
      type: "SettingsWritten",
      title: "Settings written",
      text: `${owner} wrote revision ${revision} of the agents' settings.`,
      tone: "neutral",
      hostUuid: null,
    });
    return { revision };
  }

  stop(): void {
    this.#ended.abort();
    this.#rollout?.stop();
    for (const line of this.#lines.values()) line.stop();
    this.#lines.clear();
  }

  async #begin(): Promise<void> {
    const { session, ports, poolUuid, places } = this.#options;
    session.onChange(() => this.#factsChanged());
    this.#bundleView = describeBundle(await this.#bundle);
    await this.#rememberLogin();
    if (this.#members.length === 0) {
      this.#members = await this.#memory.read(poolUuid).catch(() => []);
    }
    if (places !== null) {
      const trust = await openSshTrust(ports.store);
      for (const [uuid, { key }] of Object.entries(places.hosts)) {
        if (key !== null) await trust.trust(this.#trustName(uuid), key, false);
      }
    }
    this.#isReady = true;
    this.#followMembers();
    this.#listeners.call();
    await this.#readMessages();
  }

  async #rememberLogin(): Promise<void> {
    const { ports, places } = this.#options;
    if (places !== null) {
      const { login } = places;
      if (login === null) return;
      this.#login = { user: login.user, login: { kind: "password", password: login.password } };
      return;
    }
    const text = await ports.secrets.get(this.#secretName()).catch(() => null);
    const parsed = text === null ? null : sshLoginSchema.safeParse(parseJson(text));
    if (parsed?.success === true) this.#login = { user: "root", login: parsed.data };
  }

  #factsChanged(): void {
    const { session, poolUuid } = this.#options;
    if (session.connection().status === "live") {
      const members = membersOf(session.records());
      const text = JSON.stringify(members);
      if (members.length > 0 && text !== this.#membersText) {
        this.#members = members;
        this.#membersText = text;
        this.#memory.write(poolUuid, members).catch(() => undefined);
        this.#followMembers();
      }
    }
    this.#listeners.call();
  }

  #followMembers(): void {
    // Lines that start before logins and keys are known would find none and wait for a person.
    if (this.#ended.signal.aborted || !this.#isReady) return;
    for (const [uuid, line] of this.#lines) {
      if (this.#members.some((one) => one.uuid === uuid)) continue;
      line.stop();
      this.#lines.delete(uuid);
    }
    for (const { uuid, name } of this.#members) {
      this.timeline.book.addLane({
        id: `host:${uuid}`,
        kind: "host",
        name,
        parentId: null,
        hostUuid: uuid,
      });
      if (!this.#lines.has(uuid)) this.#lines.set(uuid, this.#newLine(uuid));
    }
  }

  #newLine(uuid: string): HostLine {
    return new HostLine({
      clock: this.#options.ports.clock,
      open: () => this.#open(uuid),
      hasLogin: () => this.#login !== null,
      lastSeq: () => this.timeline.book.lastSeq(uuid),
      onLine: (line) => {
        if (this.timeline.book.addLine(line)) this.#timelineNews();
      },
      onChange: () => {
        this.#measureClock(uuid);
        this.#listeners.call();
      },
    });
  }

  /** Many lines of one moment are one change. */
  #timelineNews(): void {
    if (this.#hasTimelineNews) return;
    this.#hasTimelineNews = true;
    setImmediate(() => {
      this.#hasTimelineNews = false;
      this.timeline.changed();
    });
  }

  #measureClock(uuid: string): void {
    const sample = this.#lines.get(uuid)?.clock() ?? null;
    if (sample === null) return;
    const before = this.#offsets.get(uuid);
    const stepMs = Math.max(offsetStepMs, sample.uncertaintyMs);
    if (before !== undefined && Math.abs(before - sample.offsetMs) < stepMs) return;
    this.#offsets.set(uuid, sample.offsetMs);
    this.timeline.book.setOffset(uuid, sample.offsetMs);
    this.timeline.restart();
  }

  async #open(uuid: string): Promise<Host> {
    const { ports, places } = this.#options;
    const member = this.#members.find((one) => one.uuid === uuid);
    const login = this.#login;
    if (member === undefined || login === null) {
      throw new HostFailure(
        "login-refused",
        "The console has no way to log in to this host yet.",
        "Give a password, a key, or use the SSH agent.",
      );
    }
    const place = places?.hosts[uuid];
    const trust = await openSshTrust(ports.store);
    const shell = await openSsh({
      endpoint: place?.ssh ?? { host: member.address, port: 22 },
      hostName: member.name,
      trusted: trust.find(this.#trustName(uuid)),
      user: login.user,
      login: login.login,
      agentSocket: ports.agents?.agentSocket,
    });
    return hostOver(shell, member.name, place?.root ?? null);
  }

  /** Keys belong to addresses: two hosts of a demo may share one, at different ports. */
  #trustName(uuid: string): string {
    const place = this.#options.places?.hosts[uuid];
    if (place !== undefined) return `[${place.ssh.host}]:${place.ssh.port}`;
    return this.#members.find((one) => one.uuid === uuid)?.address ?? uuid;
  }

  async #keyContext(): Promise<Parameters<typeof lookAtKeys>[0]> {
    const { session, ports, explain, places } = this.#options;
    return {
      members: this.#members,
      trust: await openSshTrust(ports.store),
      trustName: (uuid) => this.#trustName(uuid),
      endpoint: (member) => places?.hosts[member.uuid]?.ssh ?? { host: member.address, port: 22 },
      session,
      explain,
      owner: ports.owner,
      nowMs: () => ports.clock.wallMs(),
      isLasting: places === null,
    };
  }

  async #start(
    kind: "install" | "upgrade" | "rollback" | "remove",
    input: { readonly hostUuids?: readonly string[] | undefined; readonly dryRun: boolean },
  ): Promise<{ runId: string }> {
    const now = this.#rollout?.view();
    if (now !== undefined && now.endedAtMs === null) {
      throw problem(
        "run-under-way",
        "A roll-out of this pool is under way.",
        "Wait until it has ended, or stop it first.",
      );
    }
    const { poolUuid, ports, places } = this.#options;
    const chosen = this.#chosen(input.hostUuids);
    const runId = randomUUID();
    try {
      this.#rollout = await startRollout({
        runId,
        kind,
        dryRun: input.dryRun,
        poolUuid,
        members: this.#members.map((one) => this.#placed(one)),
        chosen,
        bundle: this.#bundle,
        ports,
        relay: (from, to, path) => places?.relay?.(from, to, path) ?? null,
        open: (uuid) => this.#open(uuid),
        onChange: () => this.#listeners.call(),
        onEnd: (view) => this.#runEnded(view),
      });
    } catch (failure) {
      if (failure instanceof HostFailure) throw new ConsoleProblem(errorOf(failure), failure);
      throw failure;
    }
    if (!input.dryRun) {
      this.#act({
        type: "RolloutStarted",
        title: `${kind} started`,
        text: `${ports.owner} started: ${kind} on ${chosen.map(({ name }) => name).join(", ")}.`,
        tone: "neutral",
        hostUuid: null,
      });
    }
    this.#listeners.call();
    return { runId };
  }

  #runEnded(view: RolloutRun): void {
    this.#wakeLines();
    if (view.dryRun) return this.#listeners.call();
    const text = view.error === null ? "Everything was done." : view.error.sentence;
    this.#act({
      type: "RolloutEnded",
      title: `${view.kind} ${view.status}`,
      text: `The ${view.kind} ended (${view.status}). ${text}`,
      tone: view.status === "done" ? "good" : "bad",
      hostUuid: null,
    });
    this.#listeners.call();
  }

  #act(act: Omit<Parameters<Timeline["book"]["addAct"]>[0], "id" | "atMs">): void {
    this.timeline.book.addAct({
      ...act,
      id: randomUUID(),
      atMs: this.#options.ports.clock.wallMs(),
    });
    this.#timelineNews();
  }

  #chosen(hostUuids: readonly string[] | undefined): readonly AgentMember[] {
    const chosen =
      hostUuids === undefined
        ? this.#members
        : this.#members.filter(({ uuid }) => hostUuids.includes(uuid));
    if (chosen.length > 0 && chosen.length === (hostUuids?.length ?? chosen.length)) return chosen;
    throw problem(
      "unknown-host",
      "One of these hosts is not known.",
      "Connect to the pool once, so that its hosts are known.",
    );
  }

  #head(): Pick<
    Extract<AgentsItem, { kind: "snapshot" }>,
    "bundle" | "login" | "preflight" | "run"
  > {
    const login = this.#login;
    return {
      bundle: this.#bundleView,
      login: { kind: login?.login.kind ?? "none", user: login?.user ?? "root" },
      preflight: this.#preflight,
      run: this.run(),
    };
  }

  #hostViews(): AgentHost[] {
    const { session } = this.#options;
    const xapi = xapiViewOf(session, this.#members);
    const revision = poolRevisionOf(session);
    return this.#members.map((one) => hostViewOf(one, this.#lines.get(one.uuid), xapi, revision));
  }

  #journals(): JournalState[] {
    return this.#members.map(({ uuid, name }) => {
      const line = this.#lines.get(uuid);
      const isLive = line?.isFollowing() ?? false;
      const clock = this.#offsets.get(uuid) ?? null;
      return {
        hostUuid: uuid,
        hostName: name,
        lastSeq: this.timeline.book.lastSeq(uuid),
        isLive,
        sentence: isLive ? "Read as it is written." : (line?.link().sentence ?? "Not read."),
        clockOffsetMs: clock,
        clockUncertaintyMs: clock === null ? null : (line?.clock()?.uncertaintyMs ?? null),
      };
    });
  }

  async #readMessages(): Promise<void> {
    const { session, ports } = this.#options;
    while (!this.#ended.signal.aborted) {
      if (session.connection().status === "live") {
        const messages = await readMessages(session).catch(() => []);
        for (const message of messages) this.timeline.book.addMessage(message);
        if (messages.length > 0) this.#timelineNews();
      }
      await ports.clock.sleep(messagesMs, this.#ended.signal);
    }
  }

  /** Where its agent is, which the demo and trials know better than XAPI. */
  #placed(member: AgentMember): AgentMember & { readonly udpPort: number } {
    const { ports, places } = this.#options;
    const place = places?.hosts[member.uuid];
    return {
      ...member,
      pathAddresses: place?.pathAddresses ?? member.pathAddresses,
      udpPort: place?.udpPort ?? ports.agents?.udpPort ?? defaultUdpPort,
    };
  }

  #secretName(): string {
    return `ssh:${this.#options.poolId}`;
  }

  #wakeLines(): void {
    for (const line of this.#lines.values()) line.wake();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
