import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { z } from "zod";
import type { AgentStatus } from "../contract/control.ts";
import type { JournalLine } from "../contract/journal.ts";
import type { AgentSettings } from "../contract/settings.ts";
import type { HeardAnswer } from "../contract/verbs.ts";
import { socketAddress } from "./layout.ts";

/*
 * The agent's own socket, for root on this host only: the folder is 0700, the socket 0600, and
 * there is no TCP port. One request per connection as a line of JSON, answers as lines of JSON.
 */

export const controlRequestSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("status") }),
  z.object({ type: z.literal("heard") }),
  z.object({ type: z.literal("settings") }),
  z.object({ type: z.literal("why"), host: z.string().nullable() }),
  z.object({
    type: z.literal("journal"),
    /** the last sequence the asker has; -1 for all there is */
    after: z.number().int().min(-1),
    limit: z.number().int().min(1).max(1_000_000).nullable(),
    follow: z.boolean(),
  }),
]);

export type ControlRequest = z.infer<typeof controlRequestSchema>;

export interface WhyAnswer {
  readonly ok: true;
  readonly host: string | null;
  readonly sentences: readonly string[];
  readonly seqs: readonly number[];
}

export interface ControlPorts {
  status(): AgentStatus;
  heard(): HeardAnswer;
  settings(): { settings: AgentSettings; source: string; problems: readonly string[] };
  why(host: string | null): WhyAnswer;
  readJournal(after: number, limit: number): readonly JournalLine[];
  grown(): { promise: Promise<void>; cancel(): void };
}

export interface ControlServer {
  close(): Promise<void>;
}

const requestBytesMax = 64 * 1024;
const pageLines = 500;
const connectionsMax = 64;

export async function serveControl(path: string, ports: ControlPorts): Promise<ControlServer> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  chmodSync(dirname(path), 0o700);
  rmSync(path, { force: true });
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    // Whoever asked may go at any time.
    socket.on("error", () => socket.destroy());
    serve(socket, ports);
  });
  server.maxConnections = connectionsMax;
  const target = socketAddress(path);
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ path: target.address }, () => resolve());
    });
  } finally {
    process.umask(before);
  }
  chmodSync(path, 0o600);
  return {
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      rmSync(path, { force: true });
      target.release();
    },
  };
}

function serve(socket: Socket, ports: ControlPorts): void {
  let text = "";
  const onData = (chunk: Buffer): void => {
    text += chunk.toString("utf8");
    const end = text.indexOf("\n");
    if (end === -1 && text.length <= requestBytesMax) return;
    socket.off("data", onData);
    void answer(socket, ports, end === -1 ? "" : text.slice(0, end)).catch(() => socket.destroy());
  };
  socket.on("data", onData);
}

async function answer(socket: Socket, ports: ControlPorts, row: string): Promise<void> {
  const request = parseRequest(row);
  if (request === null) {
    const sentence = "The request is not one that this agent knows.";
    socket.end(line({ ok: false, code: "unknown-request", sentence, nextStep: "" }));
    return;
  }
  switch (request.type) {
    case "status":
      socket.end(line(ports.status()));
      break;
    case "heard":
      socket.end(line(ports.heard()));
      break;
    case "settings":
      socket.end(line({ ok: true, ...ports.settings() }));
      break;
    case "why":
      socket.end(line(ports.why(request.host)));
      break;
    case "journal":
      await sendJournal(socket, ports, request);
      socket.end();
      break;
  }
}

function parseRequest(row: string): ControlRequest | null {
  try {
    const parsed = controlRequestSchema.safeParse(JSON.parse(row));
    return parsed.success ? parsed.data : null;
  } catch {
    // Not JSON: the same answer as to an unknown request.
    return null;
  }
}

/** Durable lines after the cursor, then, when asked, each new one; at the reader's pace. */
async function sendJournal(
  socket: Socket,
  ports: ControlPorts,
  request: Extract<ControlRequest, { type: "journal" }>,
): Promise<void> {
  let { after } = request;
  let left = request.limit ?? Number.POSITIVE_INFINITY;
  let isGone = false;
  let wake = (): void => undefined;
  socket.on("close", () => {
    isGone = true;
    wake();
  });
  while (!isGone && left > 0) {
    const grown = ports.grown();
    wake = grown.cancel;
    const lines = ports.readJournal(after, Math.min(pageLines, left));
    if (lines.length === 0) {
      if (!request.follow) return grown.cancel();
      await grown.promise;
      continue;
    }
    grown.cancel();
    after = lines.at(-1)?.seq ?? after;
    left -= lines.length;
    const hasRoom = socket.write(lines.map(line).join(""));
    if (!hasRoom && !socket.destroyed) await drained(socket);
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("drain", resolve);
    socket.once("close", () => resolve());
  });
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
