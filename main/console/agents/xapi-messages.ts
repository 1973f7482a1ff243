import { z } from "zod";
import type { PoolSession } from "../pool-session.ts";
import type { XapiMessage } from "./timeline-book.ts";

const recordSchema = z.object({
  uuid: z.string(),
  name: z.string(),
  priority: z.coerce.number(),
  cls: z.string(),
  obj_uuid: z.string(),
  timestamp: z.string(),
  body: z.string(),
});

const seen = new WeakMap<PoolSession, Set<string>>();

/** Messages of the pool that were not given before. */
export async function readMessages(session: PoolSession): Promise<readonly XapiMessage[]> {
  const known = seen.get(session) ?? new Set<string>();
  seen.set(session, known);
  const answer = await session.call("message.get_all_records");
  const rows = typeof answer === "object" && answer !== null ? Object.values(answer) : [];
  const fresh: XapiMessage[] = [];
  for (const row of rows) {
    const parsed = recordSchema.safeParse(row);
    if (!parsed.success || known.has(parsed.data.uuid)) continue;
    const { uuid, name, priority, cls, obj_uuid: objectUuid, timestamp, body } = parsed.data;
    const atMs = parseTimestamp(timestamp);
    if (atMs === null) continue;
    known.add(uuid);
    fresh.push({ uuid, name, priority, cls, objectUuid, body, atMs });
  }
  return fresh.toSorted((a, b) => a.atMs - b.atMs);
}

/** "20261122T23:30:00Z", as XAPI writes times. */
function parseTimestamp(text: string): number | null {
  const found = /^(\d{4})-?(\d{2})-?(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d+)?Z?$/u.exec(text);
  if (found === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found
    .slice(1)
    .map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
