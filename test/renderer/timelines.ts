import {
  timelineChunkSchema,
  type JournalState,
  type Lane,
  type TimelineChunk,
  type TimelineItem,
} from "../../main/contract/timeline.ts";

/** Timelines made to size. Every chunk is held against the contract's own schema. */

const hosts = [
  { uuid: "host-00000", name: "xcp-alpha" },
  { uuid: "host-00001", name: "xcp-beta" },
  { uuid: "host-00002", name: "xcp-gamma" },
] as const;

type Host = (typeof hosts)[number];
const paths = ["management", "storage"];

const hostLane = (host: Host): string => `host:${host.uuid}`;
const pathLane = (host: Host, peer: Host, path: string): string =>
  `path:${host.uuid}:${peer.uuid}:${path}`;

const lanesOf = (count: number): Lane[] => {
  const chosen = hosts.slice(0, count);
  const consoleLane: Lane = {
    id: "console",
    kind: "console",
    name: "Pool and console",
    parentId: null,
    hostUuid: null,
  };
  return [
    consoleLane,
    ...chosen.flatMap((host): Lane[] => [
      { id: hostLane(host), kind: "host", name: host.name, parentId: null, hostUuid: host.uuid },
      ...chosen
        .filter((peer) => peer !== host)
        .flatMap((peer) =>
          paths.map((path): Lane => ({
            id: pathLane(host, peer, path),
            kind: "path",
            name: `hears ${peer.name} on ${path}`,
            parentId: hostLane(host),
            hostUuid: host.uuid,
          })),
        ),
      {
        id: `vm:${host.uuid}-1`,
        kind: "vm",
        name: `web ${host.name.slice(4)} "blue"`,
        parentId: hostLane(host),
        hostUuid: host.uuid,
      },
    ]),
  ];
};

const journalOf = (host: Host, change: Partial<JournalState> = {}): JournalState => ({
  hostUuid: host.uuid,
  hostName: host.name,
  lastSeq: 9,
  isLive: true,
  sentence: "Read as it is written.",
  clockOffsetMs: 12,
  clockUncertaintyMs: 2,
  ...change,
});

interface Line {
  readonly lane: string;
  readonly host: Host | null;
  readonly atMs: number;
  readonly type: string;
  readonly tone: TimelineItem["tone"];
  readonly title: string;
  readonly text: string;
  readonly toMs?: number | null;
  readonly isGap?: boolean;
  readonly inputs?: readonly { name: string; value: string }[];
  readonly rule?: string;
}

const itemOf = (line: Line, place: number): TimelineItem => {
  const base = {
    id: `i${place}`,
    laneId: line.lane,
    source: line.host === null ? ("console" as const) : ("journal" as const),
    hostUuid: line.host?.uuid ?? null,
    boot: line.host === null ? null : "boot-1",
    seq: line.host === null ? null : place,
    wallMs: line.atMs + (line.host === null ? 0 : 12),
    type: line.type,
    tone: line.tone,
    title: line.title,
    text: line.text,
    inputs: [...(line.inputs ?? [])],
    rule: line.rule ?? null,
    atMs: line.atMs,
  };
  if (line.isGap === true) return { ...base, kind: "gap", toMs: line.toMs ?? line.atMs };
  if (line.toMs !== undefined) return { ...base, kind: "span", toMs: line.toMs };
  return { ...base, kind: "instant" };
};

/** An agent counts its lines in the order of time. */
const itemsOf = (lines: readonly Line[]): TimelineItem[] =>
  lines.toSorted((a, b) => a.atMs - b.atMs).map(itemOf);

const inPieces = (
  lanes: Lane[],
  items: TimelineItem[],
  journals: JournalState[],
): TimelineChunk[] => {
  const pieceMax = 2000;
  const count = Math.max(1, Math.ceil(items.length / pieceMax));
  return Array.from({ length: count }, (_, at) =>
    timelineChunkSchema.parse({
      kind: "snapshot",
      atMs: 0,
      more: at < count - 1,
      lanes: at === 0 ? lanes : [],
      items: items.slice(at * pieceMax, (at + 1) * pieceMax),
      ...(at === 0 ? { journals } : {}),
      cursor: String(at),
    }),
  );
};

const startLines = (startMs: number): Line[] => [
  {
    lane: "console",
    host: null,
    atMs: startMs - 9000,
    type: "RolloutDone",
    tone: "good",
    title: "Agents installed",
    text: "Agent 0.1.0 was installed on 3 hosts.",
  },
  ...hosts.flatMap((host, at): Line[] => [
    {
      lane: hostLane(host),
      host,
      atMs: startMs + at * 700,
      type: "AgentStarted",
      tone: "neutral",
      title: "Agent started",
      text: "Agent 0.1.0 started for the first time on this host, with settings revision 0.",
    },
    {
      lane: `vm:${host.uuid}-1`,
      host,
      atMs: startMs + 2000 + at * 400,
      toMs: null,
      type: "DomainAppeared",
      tone: "neutral",
      title: "runs",
      text: `VM web ${host.name.slice(4)} runs on this host.`,
    },
    ...hosts
      .filter((peer) => peer !== host)
      .flatMap((peer) =>
        paths.map((path, place): Line => ({
          lane: pathLane(host, peer, path),
          host,
          atMs: startMs + 3000 + place * 500,
          type: "PathHeard",
          tone: "good",
          title: "heard",
          text: `${peer.name} is heard on path ${path}.`,
        })),
      ),
  ]),
];

/** xcp-beta loses both networks for a minute; its agent notices, too. */
const incidentLines = (startMs: number): Line[] => {
  const [alpha, beta, gamma] = hosts;
  const cutMs = startMs + 240_000;
  const healMs = cutMs + 62_000;
  const silent = (host: Host, peer: Host, path: string): Line => ({
    lane: pathLane(host, peer, path),
    host,
    atMs: cutMs,
    toMs: healMs,
    type: "PathSilent",
    tone: "bad",
    title: "silent",
    text: `${peer.name} is silent on path ${path} for 3 s: 6 beats missed.`,
    inputs: [
      { name: "last beat", value: "3.0 s ago" },
      { name: "missed beats", value: "6" },
    ],
    rule: "suspect-after-missed-beats",
  });
  const suspected = (host: Host, peer: Host): Line => ({
    lane: hostLane(host),
    host,
    atMs: cutMs + 3020,
    type: "HostSuspected",
    tone: "bad",
    title: `${peer.name} suspected`,
    text: `${peer.name} is suspected: silent on 2 paths for 3 s, limit 3 s. The coordinator is heard by ${host.name}.`,
    inputs: [
      { name: "silent for", value: "3.02 s" },
      { name: "limit", value: "3 s" },
      { name: "paths silent", value: "management, storage" },
    ],
    rule: "suspect-after-missed-beats",
  });
  const back = (host: Host, peer: Host): Line => ({
    lane: hostLane(host),
    host,
    atMs: healMs + 300,
    type: "HostHeardAgain",
    tone: "good",
    title: `${peer.name} live again`,
    text: `${peer.name} is live again in the same boot, heard after 1 min 2 s.`,
  });
  return [
    ...paths.flatMap((path) => [
      silent(alpha, beta, path),
      silent(gamma, beta, path),
      silent(beta, alpha, path),
      silent(beta, gamma, path),
    ]),
    suspected(alpha, beta),
    suspected(gamma, beta),
    suspected(beta, alpha),
    suspected(beta, gamma),
    back(alpha, beta),
    back(gamma, beta),
    back(beta, alpha),
    back(beta, gamma),
    {
      lane: hostLane(gamma),
      host: gamma,
      atMs: healMs + 60_000,
      toMs: healMs + 105_000,
      isGap: true,
      type: "JournalGap",
      tone: "notice",
      title: "not known",
      text: "12 lines before this one could not be kept: the disk is full.",
    },
    {
      lane: hostLane(alpha),
      host: alpha,
      atMs: healMs + 150_000,
      toMs: healMs + 170_000,
      type: "XapiSilent",
      tone: "notice",
      title: "XAPI silent",
      text: "XAPI of this host has not answered for 5 s.",
    },
  ];
};

const manyLines = (nowMs: number, count: number): Line[] => {
  const lanes = lanesOf(3).filter((lane) => lane.hostUuid !== null);
  const tones: readonly TimelineItem["tone"][] = [
    "neutral",
    "neutral",
    "neutral",
    "good",
    "notice",
  ];
  const lasts = 86_400_000;
  return Array.from({ length: count }, (_, at): Line => {
    const lane = lanes[(at * 7) % lanes.length];
    const host = hosts.find((each) => each.uuid === lane?.hostUuid) ?? hosts[0];
    // Spread by the golden ratio: uneven, yet the same in every run.
    const share = (at * 0.618_033_988_75) % 1;
    const atMs = nowMs - lasts + share ** 1.4 * lasts;
    const isSpan = at % 6 === 0;
    return {
      lane: lane?.id ?? "console",
      host,
      atMs,
      ...(isSpan ? { toMs: atMs + 500 + ((at * 37) % 40_000) } : {}),
      type: isSpan ? "PathSilent" : "BeatsRefused",
      tone:
        at % 997 === 0
          ? "bad"
          : at % 211 === 0
            ? "notice"
            : (tones[at % tones.length] ?? "neutral"),
      title: isSpan ? "silent" : "refused",
      text: `Entry ${at} of a busy day.`,
    };
  });
};

export const timelines = {
  "timeline-small": (nowMs: number): TimelineChunk[] =>
    inPieces(
      lanesOf(3),
      itemsOf(startLines(nowMs - 240_000)),
      hosts.map((host) => journalOf(host)),
    ),
  "timeline-incident": (nowMs: number): TimelineChunk[] =>
    inPieces(
      lanesOf(3),
      itemsOf([...startLines(nowMs - 560_000), ...incidentLines(nowMs - 560_000)]),
      hosts.map((host, at) =>
        at === 1
          ? journalOf(host, { clockOffsetMs: -2300, clockUncertaintyMs: 14 })
          : journalOf(host),
      ),
    ),
  "timeline-unread": (nowMs: number): TimelineChunk[] =>
    inPieces(
      lanesOf(3),
      itemsOf(startLines(nowMs - 400_000)),
      hosts.map((host, at) =>
        at === 1
          ? journalOf(host, {
              isLive: false,
              clockOffsetMs: null,
              sentence: "SSH does not answer at 10.77.0.2, so its journal is not read.",
            })
          : journalOf(host),
      ),
    ),
  "timeline-100k": (nowMs: number): TimelineChunk[] =>
    inPieces(
      lanesOf(3),
      itemsOf(manyLines(nowMs, 100_000)),
      hosts.map((host) => journalOf(host)),
    ),
  "timeline-empty": (): TimelineChunk[] => inPieces(lanesOf(3), [], []),
};

export type TimelineName = keyof typeof timelines;
