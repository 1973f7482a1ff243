import type { JournalEvent, JournalLine } from "../../../host-agent/contract/journal.ts";
import type { Lane, TimelineItem } from "../../contract/timeline.ts";

/*
 * Journals of all hosts, messages of XAPI and the console's own acts as one set of items. Lines of
 * one host count by sequence alone: each once, in order, and what is missing between two is a gap.
 * Pure.
 */

export interface XapiMessage {
  readonly uuid: string;
  readonly name: string;
  readonly body: string;
  readonly atMs: number;
  readonly cls: string;
  readonly objectUuid: string;
  readonly priority: number;
}

export interface ConsoleAct {
  readonly id: string;
  readonly type: string;
  readonly title: string;
  readonly text: string;
  readonly atMs: number;
  readonly tone: TimelineItem["tone"];
  readonly hostUuid: string | null;
}

export type HostNames = (uuid: string) => string;

interface Journal {
  lastSeq: number;
  lastWallMs: number;
  lastBoot: string;
}

type Base = Omit<Extract<TimelineItem, { kind: "instant" }>, "kind" | "atMs">;

const consoleLane: Lane = {
  id: "console",
  kind: "console",
  name: "This console",
  parentId: null,
  hostUuid: null,
};

export class TimelineBook {
  readonly #names: HostNames;
  readonly #lanes = new Map<string, Lane>([[consoleLane.id, consoleLane]]);
  readonly #items = new Map<string, TimelineItem>();
  readonly #journals = new Map<string, Journal>();
  /** open spans by what they are about, such as "silent:A:B:storage" */
  readonly #open = new Map<string, { readonly id: string; readonly observer: string }>();
  readonly #offsets = new Map<string, number>();
  readonly #itemsMax: number;
  readonly #changed: (id: string) => void;

  /** `changed` is told of every item that is new or other than before. */
  constructor(names: HostNames, changed: (id: string) => void, itemsMax = 200_000) {
    this.#names = names;
    this.#changed = changed;
    this.#itemsMax = itemsMax;
  }

  lanes(): readonly Lane[] {
    return [...this.#lanes.values()];
  }

  ids(): readonly string[] {
    return [...this.#items.keys()];
  }

  /** On the console's clock; undefined once it was dropped. */
  item(id: string): TimelineItem | undefined {
    const item = this.#items.get(id);
    const offsetMs = item?.hostUuid == null ? 0 : (this.#offsets.get(item.hostUuid) ?? 0);
    if (item === undefined || offsetMs === 0) return item;
    const atMs = item.atMs - offsetMs;
    if (item.kind === "instant") return { ...item, atMs };
    if (item.kind === "gap") return { ...item, atMs, toMs: item.toMs - offsetMs };
    return { ...item, atMs, toMs: item.toMs === null ? null : item.toMs - offsetMs };
  }

  lastSeq(hostUuid: string): number {
    return this.#journals.get(hostUuid)?.lastSeq ?? -1;
  }

  /** The host's clock minus the console's. */
  setOffset(hostUuid: string, offsetMs: number): void {
    this.#offsets.set(hostUuid, offsetMs);
  }

  addLane(lane: Lane): void {
    this.#lanes.set(lane.id, lane);
  }

  /** Returns whether the line was new. */
  addLine(line: JournalLine): boolean {
    const journal = this.#journals.get(line.host);
    if (journal !== undefined && line.seq <= journal.lastSeq) return false;
    this.#hostLane(line.host);
    if (journal !== undefined && line.seq > journal.lastSeq + 1) {
      const count = line.seq - journal.lastSeq - 1;
      this.#gap(line, journal.lastWallMs, `${count} lines of this journal were not read.`);
    }
    this.#interpret(line, journal);
    this.#journals.set(line.host, {
      lastSeq: line.seq,
      lastWallMs: line.wallMs,
      lastBoot: line.boot,
    });
    return true;
  }

  addMessage(message: XapiMessage): void {
    const isHost = message.cls.toLowerCase() === "host";
    const isVm = message.cls.toLowerCase() === "vm";
    const laneId = isHost
      ? this.#hostLane(message.objectUuid)
      : isVm && this.#lanes.has(`vm:${message.objectUuid}`)
        ? `vm:${message.objectUuid}`
        : this.#poolLane();
    this.#put({
      ...plainBase(`xapi:${message.uuid}`, laneId, "xapi"),
      kind: "instant",
      atMs: message.atMs,
      wallMs: message.atMs,
      type: message.name,
      // XAPI numbers urgency downwards: 1 is loss of data, 5 a remark.
      tone: message.priority <= 2 ? "bad" : message.priority === 3 ? "notice" : "neutral",
      title: message.name,
      text: bodyText(message),
    });
  }

  addAct(act: ConsoleAct): void {
    const laneId = act.hostUuid === null ? consoleLane.id : this.#hostLane(act.hostUuid);
    this.#put({
      ...plainBase(`console:${act.id}`, laneId, "console"),
      kind: "instant",
      atMs: act.atMs,
      wallMs: act.atMs,
      type: act.type,
      tone: act.tone,
      title: act.title,
      text: act.text,
    });
  }

  #interpret(line: JournalLine, journal: Journal | undefined): void {
    const { event, host } = line;
    const laneId = this.#laneOf(line);
    this.#put({ ...baseOf(line, laneId), kind: "instant", atMs: line.wallMs });
    const key = spanKey(event, host);
    if (key !== null && key.opens) this.#openSpan(line, laneId, key.key);
    else if (key !== null) this.#closeSpan(key.key, line.wallMs);
    if (event.type === "AgentStarted") this.#restart(line, journal);
    if (event.type === "JournalGap" && journal !== undefined) {
      this.#gap(line, journal.lastWallMs, line.text);
    }
  }

  /** Whatever an agent had open when it ended is not known from there on. */
  #restart(line: JournalLine, journal: Journal | undefined): void {
    if (journal === undefined) return;
    for (const [key, { observer }] of this.#open) {
      if (observer === line.host) this.#closeSpan(key, journal.lastWallMs);
    }
    const event = line.event;
    if (event.type !== "AgentStarted") return;
    const why =
      event.previousEnd === "unclean"
        ? "The agent ended without a stop; nothing was seen from here."
        : "The agent did not run.";
    this.#gap(line, journal.lastWallMs, why);
  }

  #openSpan(line: JournalLine, laneId: string, key: string): void {
    const base = baseOf(line, laneId);
    const id = `${base.id}:span`;
    this.#open.set(key, { id, observer: line.host });
    this.#put({ ...base, id, kind: "span", atMs: spanStart(line), toMs: null });
  }

  #closeSpan(key: string, toMs: number): void {
    const open = this.#open.get(key);
    const item = open === undefined ? undefined : this.#items.get(open.id);
    this.#open.delete(key);
    if (item?.kind === "span") this.#put({ ...item, toMs: Math.max(item.atMs, toMs) });
  }

  #gap(line: JournalLine, fromMs: number, text: string): void {
    const base = baseOf(line, this.#hostLane(line.host));
    this.#put({
      ...base,
      id: `${base.id}:gap`,
      kind: "gap",
      atMs: Math.min(fromMs, line.wallMs),
      toMs: line.wallMs,
      tone: "notice",
      title: "Not known",
      text,
    });
  }

  #laneOf({ event, host }: JournalLine): string {
    if ("path" in event && "peer" in event) return this.#pathLane(host, event.peer, event.path);
    if ("vm" in event) return this.#vmLane(event.vm, event.vmName);
    if (event.type === "HostSuspected" || event.type === "HostHeardAgain") {
      return this.#hostLane(event.peer);
    }
    return this.#hostLane(host);
  }

  #hostLane(uuid: string): string {
    const id = `host:${uuid}`;
    const lane = {
      id,
      kind: "host",
      name: this.#names(uuid),
      parentId: null,
      hostUuid: uuid,
    } as const;
    if (this.#lanes.get(id)?.name !== lane.name) this.#lanes.set(id, lane);
    return id;
  }

  #poolLane(): string {
    return consoleLane.id;
  }

  #pathLane(host: string, peer: string, path: string): string {
    const id = `path:${host}:${peer}:${path}`;
    if (!this.#lanes.has(id)) {
      const name = `${this.#names(host)} hears ${this.#names(peer)} on ${path}`;
      const parentId = this.#hostLane(host);
      this.#lanes.set(id, { id, kind: "path", name, parentId, hostUuid: host });
    }
    return id;
  }

  #vmLane(vm: string, name: string | null): string {
    const id = `vm:${vm}`;
    if (!this.#lanes.has(id)) {
      this.#lanes.set(id, { id, kind: "vm", name: name ?? vm, parentId: null, hostUuid: null });
    }
    return id;
  }

  #put(item: TimelineItem): void {
    this.#items.delete(item.id);
    this.#items.set(item.id, item);
    // The oldest written go first.
    if (this.#items.size > this.#itemsMax) {
      const [oldest] = this.#items.keys();
      if (oldest !== undefined) this.#items.delete(oldest);
    }
    this.#changed(item.id);
  }
}

/** What an event opens or closes, and the name of the span. */
function spanKey(event: JournalEvent, host: string): { key: string; opens: boolean } | null {
  switch (event.type) {
    case "PathSilent":
      return { key: `silent:${host}:${event.peer}:${event.path}`, opens: true };
    case "PathHeard":
    case "PathHeardAgain":
      return { key: `silent:${host}:${event.peer}:${event.path}`, opens: false };
    case "PathOneWay":
      return { key: `one-way:${host}:${event.peer}:${event.path}`, opens: true };
    case "PathBothWays":
      return { key: `one-way:${host}:${event.peer}:${event.path}`, opens: false };
    case "HostSuspected":
      return { key: `suspected:${host}:${event.peer}`, opens: true };
    case "HostHeardAgain":
      return { key: `suspected:${host}:${event.peer}`, opens: false };
    case "XapiSilent":
      return { key: `xapi:${host}`, opens: true };
    case "XapiAnswered":
      return { key: `xapi:${host}`, opens: false };
    case "DomainAppeared":
      return { key: `domain:${host}:${event.vm}`, opens: true };
    case "DomainGone":
      return { key: `domain:${host}:${event.vm}`, opens: false };
    case "AgentStarted":
    case "AgentStopped":
    case "AgentStalled":
    case "PeerRebooted":
    case "PeerLeaving":
    case "BeatsRefused":
    case "RoleChanged":
    case "ClockOffsetChanged":
    case "SettingsApplied":
    case "SettingsRefused":
    case "JournalGap":
    case "LeaveAnnounced":
      return null;
  }
}

/** Silence began before it was noticed. */
function spanStart({ event, wallMs }: JournalLine): number {
  const isSilence =
    event.type === "PathSilent" || event.type === "HostSuspected" || event.type === "XapiSilent";
  return isSilence ? wallMs - event.silentMs : wallMs;
}

const tones: Readonly<Record<JournalEvent["type"], TimelineItem["tone"]>> = {
  AgentStarted: "good",
  AgentStopped: "notice",
  PathHeard: "good",
  PathSilent: "bad",
  PathHeardAgain: "good",
  PathOneWay: "bad",
  PathBothWays: "good",
  HostSuspected: "bad",
  HostHeardAgain: "good",
  PeerRebooted: "notice",
  PeerLeaving: "notice",
  AgentStalled: "notice",
  BeatsRefused: "notice",
  XapiSilent: "bad",
  XapiAnswered: "good",
  RoleChanged: "notice",
  DomainAppeared: "neutral",
  DomainGone: "neutral",
  ClockOffsetChanged: "notice",
  SettingsApplied: "neutral",
  SettingsRefused: "bad",
  JournalGap: "notice",
  LeaveAnnounced: "notice",
};

function baseOf(line: JournalLine, laneId: string): Base {
  return {
    id: `${line.host}:${line.seq}`,
    laneId,
    source: "journal",
    hostUuid: line.host,
    boot: line.boot,
    seq: line.seq,
    wallMs: line.wallMs,
    type: line.event.type,
    tone: tones[line.event.type],
    title: titleOf(line.event.type),
    text: line.text,
    inputs: line.inputs,
    rule: line.rule,
  };
}

/** "PathHeardAgain" to "Path heard again". */
function titleOf(type: string): string {
  const parts = type.replace(/([a-z])([A-Z])/gu, "$1 $2").toLowerCase();
  return `${parts.slice(0, 1).toUpperCase()}${parts.slice(1)}`;
}

function plainBase(
  id: string,
  laneId: string,
  source: "xapi" | "console",
): Pick<Base, "id" | "laneId" | "source" | "hostUuid" | "boot" | "seq" | "inputs" | "rule"> {
  return { id, laneId, source, hostUuid: null, boot: null, seq: null, inputs: [], rule: null };
}

function bodyText({ name, body }: XapiMessage): string {
  const text = body.replace(/\s+/gu, " ").trim();
  return text === "" ? `XAPI wrote the message ${name}.` : text.slice(0, 1_000);
}
