import { agentStatusSchema } from "../../contract/control.ts";
import type { AgentStatus } from "../../contract/control.ts";
import { heardAnswerSchema } from "../../contract/verbs.ts";
import { describe } from "../../core/describe.ts";
import { span } from "../../core/words.ts";
import { why } from "../../core/why.ts";
import { journalRange, readLines } from "../adapters/journal-file.ts";
import type { CommandLine } from "../command-line.ts";
import { Refusal } from "../command-line.ts";
import { askAgent, streamAgent } from "../control-client.ts";
import type { ControlRequest } from "../control-server.ts";
import { readHostFile } from "../host-file.ts";
import { answer, say, sayJson } from "./output.ts";

/* Verbs that ask the running agent. The journal and its reasons can be read without one, too. */

const notRunning = 3;

async function askOrRefuse(line: CommandLine, request: ControlRequest): Promise<unknown> {
  const asked = await askAgent(line.layout.controlSocket, request);
  switch (asked.status) {
    case "answered":
      return asked.value;
    case "absent":
      throw new Refusal({
        code: "not-running",
        sentence: "The agent is not running on this host.",
        nextStep: "systemctl status skink",
        exitCode: notRunning,
      });
    case "failed":
      throw new Refusal({
        code: "no-answer",
        sentence: asked.sentence,
        nextStep: "systemctl status skink",
      });
  }
}

export async function showStatus(line: CommandLine): Promise<number> {
  const status = agentStatusSchema.parse(await askOrRefuse(line, { type: "status" }));
  answer(line.isJson, status, statusSentences(status));
  return 0;
}

function statusSentences(status: AgentStatus): string[] {
  const uptime = span(status.wallMs - status.startedAtMs);
  return [
    `${status.hostName}: agent ${status.version} has observed for ${uptime}. It protects nothing.`,
    `Role: ${status.role}. ${status.xapi.sentence}`,
    ...status.peers.map(
      (peer) => `${peer.name}: ${peer.state}, agent ${peer.version ?? "unknown"}.`,
    ),
    ...status.paths.map((path) => {
      const age = path.lastBeatAgeMs === null ? "no beat yet" : `${span(path.lastBeatAgeMs)} ago`;
      const margin = path.marginMs === null ? "" : `, margin ${span(path.marginMs)}`;
      return `  ${path.peerName} on ${path.path}: ${path.state}, ${age}${margin}`;
    }),
    `Settings: revision ${status.settings.revision} (${status.settings.source}).`,
    `Journal: lines ${status.journal.firstSeq} to ${status.journal.lastSeq}. ${status.journal.sentence}`,
    ...status.settings.problems.map((problem) => `Refused settings: ${problem}`),
  ];
}

export async function showHeard(line: CommandLine): Promise<number> {
  const heard = heardAnswerSchema.parse(await askOrRefuse(line, { type: "heard" }));
  answer(line.isJson, heard, [
    heard.isComplete ? "Every peer is heard on every path, both ways." : "Not every path is heard.",
    ...heard.paths.map(({ peerName, path, state }) => `  ${peerName} on ${path}: ${state}`),
  ]);
  return 0;
}

export async function showSettings(line: CommandLine): Promise<number> {
  const settings = await askOrRefuse(line, { type: "settings" });
  answer(line.isJson, settings, [JSON.stringify(settings, null, 2)]);
  return 0;
}

export async function showWhy(line: CommandLine): Promise<number> {
  const { layout, words } = line;
  const known = readHostFile(layout.hostFile);
  const hosts = known.status === "valid" ? [known.hostFile.host, ...known.hostFile.peers] : [];
  const names = Object.fromEntries(hosts.map(({ uuid, name }) => [uuid, name]));
  const word = words[1] ?? null;
  const found = hosts.find(({ uuid, name }) => uuid === word || name === word);
  if (word !== null && found === undefined) {
    const sentence = `No host of this pool is named ${word}.`;
    throw new Refusal({ code: "unknown-host", sentence });
  }
  const isSelf = found !== undefined && found === hosts[0];
  const about = found === undefined || isSelf ? null : found.uuid;
  const { lastSeq } = journalRange(layout.journal);
  const lines = readLines(layout.journal, Math.max(-1, lastSeq - whyLines), whyLines);
  const explained = why(lines, about, names);
  answer(line.isJson, { ok: true, host: about, ...explained }, explained.sentences);
  return 0;
}

const whyLines = 2_000;
const reconnectMs = 300;

export async function showJournal(line: CommandLine): Promise<number> {
  const { layout } = line;
  const limit = line.limit ?? (line.follow ? null : defaultLimit(line));
  // Without a cursor a follower starts with what comes now, a reader with the last lines.
  const { lastSeq } = journalRange(layout.journal);
  const start = line.follow ? lastSeq : Math.max(-1, lastSeq - (limit ?? 0));
  const cursor = { after: line.after ?? start, left: limit ?? Number.POSITIVE_INFINITY };
  if (line.follow) return followJournal(line, cursor);
  for (const each of readLines(layout.journal, cursor.after, cursor.left)) printLine(line, each);
  return 0;
}

function defaultLimit(line: CommandLine): number {
  return line.after === null ? 50 : 1_000_000;
}

/**
 * Goes on over restarts of the agent: the cursor is here, so nothing is lost and nothing doubled.
 */
async function followJournal(
  line: CommandLine,
  cursor: { after: number; left: number },
): Promise<number> {
  const onLine = (row: string): void => {
    const each = JSON.parse(row) as ReturnType<typeof readLines>[number];
    if (each.seq <= cursor.after || cursor.left <= 0) return;
    cursor.after = each.seq;
    cursor.left -= 1;
    printLine(line, each);
  };
  let wasAbsent = false;
  while (cursor.left > 0) {
    const limit = Number.isFinite(cursor.left) ? cursor.left : null;
    const request = { type: "journal", after: cursor.after, limit, follow: true } as const;
    const end = await streamAgent(line.layout.controlSocket, request, { onLine, timeoutMs: null });
    if (end === "absent" && !wasAbsent) {
      // What was written before it stopped can be read without it.
      const left = Math.min(cursor.left, 1_000_000);
      for (const each of readLines(line.layout.journal, cursor.after, left)) {
        onLine(JSON.stringify(each));
      }
      process.stderr.write("The agent is not running; waiting for it.\n");
    }
    wasAbsent = end === "absent";
    if (cursor.left > 0) await new Promise((resolve) => setTimeout(resolve, reconnectMs));
  }
  return 0;
}

function printLine(line: CommandLine, each: ReturnType<typeof readLines>[number]): void {
  if (line.isJson) return sayJson(each);
  const text = each.text === "" ? describe(each.event, {}) : each.text;
  say(`${each.seq}  ${new Date(each.wallMs).toISOString()}  ${text}`);
}
