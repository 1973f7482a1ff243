/** Copies of the coordinator's state on its supporters: what a promoted host starts from. */
import { dumpDatabase } from "../database/dump.ts";
import type { CoordinatorParts, Life } from "./life.ts";

function otherHosts({ db, hostRef }: CoordinatorParts): readonly string[] {
  return db.refs("host").filter((host) => host !== hostRef);
}

/** Sends the whole database to one member now. Throws what asking throws. */
export async function sendDatabase(life: Life, hostRef: string): Promise<void> {
  const { db } = life.needCoordinator();
  const address = db.str("host", hostRef, "address");
  await life.peers.ask(address, "db-backup", [dumpDatabase(db)]);
}

/** One member after the other, with a pause before each: with many members a copy gets old. */
export async function backupLoop(life: Life, parts: CoordinatorParts): Promise<void> {
  const { backupMs, connectionStuckMs } = life.options.timing;
  const sent = new Map<string, number>();
  for (;;) {
    const hosts = otherHosts(parts);
    if (hosts.length === 0) await life.ports.clock.sleep(backupMs);
    for (const host of hosts) {
      await life.ports.clock.sleep(backupMs);
      const revision = parts.db.savedRevision;
      if (!parts.db.has("host", host) || sent.get(host) === revision) continue;
      try {
        const address = parts.db.str("host", host, "address");
        const text = dumpDatabase(parts.db);
        await life.peers.ask(address, "db-backup", [text], connectionStuckMs);
        sent.set(host, revision);
      } catch (error) {
        life.log("warn", `database copy not delivered: ${String(error)}`);
      }
    }
  }
}

export async function messageCopyLoop(life: Life, parts: CoordinatorParts): Promise<void> {
  const { messageSyncMs, connectionStuckMs } = life.options.timing;
  for (;;) {
    await life.ports.clock.sleep(messageSyncMs);
    for (const host of otherHosts(parts)) {
      try {
        const address = parts.db.str("host", host, "address");
        await life.peers.ask(address, "messages-copy", [parts.messages.copy()], connectionStuckMs);
      } catch (error) {
        life.log("warn", `messages not copied: ${String(error)}`);
      }
    }
  }
}
