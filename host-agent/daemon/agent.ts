import { readFileSync } from "node:fs";
import type { HostFile } from "../contract/settings.ts";
import { describe } from "../core/describe.ts";
import type { Input, Settings } from "../core/input.ts";
import type { LeaveKind } from "../core/journal-event.ts";
import { initialState } from "../core/state.ts";
import type { Config } from "../core/state.ts";
import { why } from "../core/why.ts";
import { realClock } from "./adapters/clock.ts";
import { scanDomains } from "./adapters/domains.ts";
import { UdpHeartbeats } from "./adapters/heartbeat-udp.ts";
import { JournalFile } from "./adapters/journal-file.ts";
import { keepSettings, loadSettings } from "./adapters/settings-store.ts";
import { probeXapi } from "./adapters/xapi.ts";
import { askAgent } from "./control-client.ts";
import { serveControl } from "./control-server.ts";
import type { ControlServer } from "./control-server.ts";
import { parseKey, readHostFile } from "./host-file.ts";
import { readBootId } from "./layout.ts";
import type { Layout } from "./layout.ts";
import { draftLine, Loop } from "./loop.ts";
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
  const { hostFile, poolKey } = await readIdentity(layout);
  const clock = realClock();
  const boot = readBootId(layout);
  const host = hostFile.host.uuid;
  const names = namesOf(hostFile);
  const stored = loadSettings(layout.settingsFile);
  const stamp = (): { host: string; boot: string; monoMs: number; wallMs: number } => {
    return { host, boot, monoMs: clock.monoMs(), wallMs: clock.wallMs() };
  };
  const journal = new JournalFile({
    folder: layout.journal,
    bytesMax: stored.settings.journalBytesMax,
    gapDraft(lostLines, reason) {
      const event = { type: "JournalGap", lostLines, reason } as const;
      const text = describe(event, names);
      return draftLine(stamp(), { event, inputs: [], rule: "lost-lines-are-counted", text });
    },
  });
  let heartbeats: UdpHeartbeats | null = null;
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
  const feed = (input: Input): void => loop.take(input);
  const previousEnd = endOf(journal);
  const startedWallMs = clock.wallMs();
  const control = await serveControl(layout.controlSocket, {
    status: () =>
      statusOf({
        state: loop.state,
        hostFile,
        boot,
        startedWallMs,
        monoMs: clock.monoMs(),
        wallMs: clock.wallMs(),
        journal,
      }),
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
  });
  feed({ type: "Started", previousEnd });
  heartbeats = new UdpHeartbeats({ hostFile, poolKey, boot, clock, feed, tell });
  const settings = (): Settings => loop.state.settings;
  const xapi = probeXapi({
    socket: options.xapiSocket,
    poolConf: layout.poolConf,
    settings,
    feed,
  });
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

const whyLines = 2_000;
const lastWriteMs = 2_000;

async function closeAll(parts: {
  journal: JournalFile;
  heartbeats: UdpHeartbeats | null;
  control: ControlServer;
}): Promise<void> {
  // A disk that hangs keeps nobody here: the end is then an unclean one, and the next start says so.
  const tooLong = new Promise<void>((resolve) => setTimeout(resolve, lastWriteMs).unref());
  await Promise.race([parts.journal.settled(), tooLong]);
  // One turn for followers of the journal, and for the last beats to leave.
  await new Promise((resolve) => setTimeout(resolve, 50));
  parts.heartbeats?.close();
  await Promise.race([parts.journal.close(), tooLong]);
  await parts.control.close();
}

async function readIdentity(layout: Layout): Promise<{ hostFile: HostFile; poolKey: Buffer }> {
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
  return { hostFile: checked.hostFile, poolKey };
}

function namesOf(hostFile: HostFile): Readonly<Record<string, string>> {
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
