import { readFileSync } from "node:fs";
import type { HostFile } from "../contract/settings.ts";
import { describe } from "../core/describe.ts";
import type { Names } from "../core/describe.ts";
import type { Input, Settings } from "../core/input.ts";
import type { LeaveKind } from "../core/journal-event.ts";
import { initialState } from "../core/state.ts";
import type { Config } from "../core/state.ts";
import { why } from "../core/why.ts";
import { realClock } from "./adapters/clock.ts";
import type { Clock } from "./adapters/clock.ts";
import { scanDomains } from "./adapters/domains.ts";
import { UdpHeartbeats } from "./adapters/heartbeat-udp.ts";
import { JournalFile } from "./adapters/journal-file.ts";
import { keepSettings, loadSettings } from "./adapters/settings-store.ts";
import { probeXapi } from "./adapters/xapi.ts";
import { askAgent } from "./control-client.ts";
import { serveControl } from "./control-server.ts";
import type { ControlPorts, ControlServer } from "./control-server.ts";
import { parseKey, readHostFile } from "./host-file.ts";
import { readBootId } from "./layout.ts";
import type { Layout } from "./layout.ts";
import { draftLine, Loop } from "./loop.ts";
import type { Heartbeats } from "./ports.ts";
import { heardOf, statusOf } from "./status.ts";
import { agentVersion } from "./version.ts";

/* The daemon put together: the only place where adapters are made. */

export interface AgentOptions {
  readonly layout: Layout;
  readonly xapiSocket: string;
  /** stands in for the hypervisor's list, in trials */
  readonly domainsFile: string | null;
  readonly tell: (sentence: string) => void;
}

export interface Agent {
  /** announces the leave, writes the last lines, closes everything */
  stop(how: LeaveKind): Promise<void>;
}

export class CannotStart extends Error {}

export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { layout, tell } = options;
  const identity = await readIdentity(layout);
  const { hostFile, poolKey, boot, clock } = identity;
  const { loop, journal, attach } = openLoop(options, identity);
  const previousEnd = endOf(journal);
  const control = await serveControl(layout.controlSocket, answersOf({ identity, loop, journal }));
  const feed = (input: Input): void => loop.take(input);
  feed({ type: "Started", previousEnd });
  const heartbeats = new UdpHeartbeats({ hostFile, poolKey, boot, clock, feed, tell });
  attach(heartbeats);
  const settings = (): Settings => loop.state.settings;
  const { poolConf } = layout;
  const xapi = probeXapi({ socket: options.xapiSocket, poolConf, settings, feed });
  const domains = scanDomains({ settings, feed, standInFile: options.domainsFile });
  loop.start();
  tell(`skink ${agentVersion} observes ${hostFile.peers.length} peers for ${hostFile.host.name}.`);
  return {
    async stop(how) {
      loop.take({ type: "StopAsked", how });
      loop.stop();
      await Promise.all([xapi.close(), domains.close()]);
      await closeAll({ journal, heartbeats, control });
    },
  };
}

interface Identity {
  readonly hostFile: HostFile;
  readonly poolKey: Buffer;
  readonly boot: string;
  readonly clock: Clock;
  readonly names: Names;
}

/** The loop with its journal; heartbeats are attached once they can feed it. */
function openLoop(
  { layout, tell }: AgentOptions,
  { hostFile, boot, clock, names }: Identity,
): { loop: Loop; journal: JournalFile; attach: (heartbeats: Heartbeats) => void } {
  const host = hostFile.host.uuid;
  const stored = loadSettings(layout.settingsFile);
  const journal = new JournalFile({
    folder: layout.journal,
    bytesMax: stored.settings.journalBytesMax,
    gapDraft(lostLines, reason) {
      const event = { type: "JournalGap", lostLines, reason } as const;
      const text = describe(event, names);
      const at = { host, boot, monoMs: clock.monoMs(), wallMs: clock.wallMs() };
      return draftLine(at, { event, inputs: [], rule: "lost-lines-are-counted", text });
    },
  });
  let heartbeats: Heartbeats | null = null;
  const loop = new Loop({
    initial: initialState({
      config: configOf(hostFile),
      settings: stored.settings,
      settingsSource: stored.source,
      monoMs: clock.monoMs(),
    }),
    host,
    boot,
    names,
    clock,
    journal,
    heartbeats: () => heartbeats,
    keepSettings({ settings }) {
      journal.setBytesMax(settings.journalBytesMax);
      keepSettings(layout.settingsFile, settings).catch((error: Error) => {
        tell(`The last valid settings could not be kept: ${error.message}`);
      });
    },
  });
  return {
    loop,
    journal,
    attach(made) {
      heartbeats = made;
    },
  };
}

function answersOf(parts: { identity: Identity; loop: Loop; journal: JournalFile }): ControlPorts {
  const { loop, journal } = parts;
  const { hostFile, boot, clock, names } = parts.identity;
  const startedWallMs = clock.wallMs();
  return {
    status() {
      const [monoMs, wallMs] = [clock.monoMs(), clock.wallMs()];
      return statusOf({
        state: loop.state,
        hostFile,
        boot,
        startedWallMs,
        monoMs,
        wallMs,
        journal,
      });
    },
    heard: () => heardOf(loop.state, clock.monoMs()),
    settings: () => ({
      settings: loop.state.settings,
      source: loop.state.settingsSource,
      problems: loop.state.settingsProblems,
    }),
    why(about) {
      const lines = journal.read(Math.max(-1, journal.lastSeq - whyLines), whyLines);
      return { ok: true, host: about, ...why(lines, about, names) };
    },
    readJournal: (after, limit) => journal.read(after, limit),
    grown: () => journal.grown(),
  };
}

const whyLines = 2_000;
const lastWriteMs = 2_000;

async function closeAll(parts: {
  journal: JournalFile;
  heartbeats: Heartbeats;
  control: ControlServer;
}): Promise<void> {
  // A disk that hangs keeps nobody here: the end is then an unclean one, and the next start says
  // so.
  const tooLong = new Promise<void>((resolve) => setTimeout(resolve, lastWriteMs).unref());
  await Promise.race([parts.journal.settled(), tooLong]);
  // One turn for followers of the journal, and for the last beats to leave.
  await new Promise((resolve) => setTimeout(resolve, 50));
  parts.heartbeats.close();
  await Promise.race([parts.journal.close(), tooLong]);
  await parts.control.close();
}

async function readIdentity(layout: Layout): Promise<Identity> {
  const checked = readHostFile(layout.hostFile);
  if (checked.status === "absent") {
    throw new CannotStart(`${layout.hostFile} is not there: this host is not set up yet.`);
  }
  if (checked.status === "invalid") {
    throw new CannotStart(`${layout.hostFile} is not valid: ${checked.problems.join("; ")}.`);
  }
  let poolKey: Buffer | null = null;
  try {
    poolKey = parseKey(readFileSync(layout.keyFile, "utf8"));
  } catch {
    throw new CannotStart(`${layout.keyFile} cannot be read: without a key nobody can be heard.`);
  }
  if (poolKey === null) throw new CannotStart(`${layout.keyFile} holds no key of 32 bytes in hex.`);
  const running = await askAgent(layout.controlSocket, { type: "status" });
  if (running.status !== "absent") {
    throw new CannotStart("Another agent already runs here: its control socket answers.");
  }
  const { hostFile } = checked;
  const names = namesOf(hostFile);
  return { hostFile, poolKey, boot: readBootId(layout), clock: realClock(), names };
}

function namesOf(hostFile: HostFile): Names {
  const all = [hostFile.host, ...hostFile.peers];
  return Object.fromEntries(all.map(({ uuid, name }) => [uuid, name]));
}

function configOf(hostFile: HostFile): Config {
  return {
    host: hostFile.host.uuid,
    version: agentVersion,
    peers: hostFile.peers.map(({ uuid, name, addresses }) => ({
      uuid,
      name,
      paths: Object.keys(addresses),
    })),
  };
}

function endOf(journal: JournalFile): "clean" | "unclean" | "first" {
  if (journal.lastLine === null) return journal.lastSeq < 0 ? "first" : "unclean";
  return journal.lastLine.event.type === "AgentStopped" ? "clean" : "unclean";
}
