/**
 * From the first instruction to a member that may run guests; and the loops that run from then on.
 */
import { restoreDatabase } from "../database/dump.ts";
import { compareVersions } from "../generation.ts";
import { DiskFull, PeerUnreachable } from "../ports.ts";
import { XapiFailure, type XapiValue } from "../value.ts";
import { backupLoop, messageCopyLoop } from "./backups.ts";
import { coordinatorContext } from "./context.ts";
import { Ended } from "./guard.ts";
import { RESTART_CODE, type CoordinatorParts, type Life } from "./life.ts";
import { considerEnabling, joinPool } from "./member.ts";
import { NOT_COORDINATOR, NOT_READY, WRONG_SECRET } from "./peers.ts";
import { writeRole } from "./pool-conf.ts";

function startLoop(life: Life, name: string, loop: () => Promise<void>): void {
  loop().catch((error: unknown) => {
    if (!life.ended && !(error instanceof Ended)) {
      life.log("error", `${name} stopped: ${String(error)}`);
    }
  });
}

function startServices(life: Life): void {
  const { coordinator } = life;
  const here = coordinator === null ? "every-host" : "coordinator";
  for (const service of life.registry.services) {
    if (service.runsOn !== "every-host" && service.runsOn !== here) continue;
    const context =
      coordinator === null ? null : () => coordinatorContext(life, { method: service.name });
    startLoop(life, service.name, () => service.run(life.hostContext(), context));
  }
}

/** Leaves for a restart after a while: nothing this run can do will help. */
async function giveUp(life: Life, reason: readonly string[]): Promise<void> {
  life.emergency = reason;
  life.phase = "emergency";
  const { brokenRestartMs, brokenRestartSpreadMs } = life.options.timing;
  await life.ports.clock.sleep(
    brokenRestartMs + brokenRestartSpreadMs * life.ports.dice.fraction(),
  );
  life.exit(RESTART_CODE);
}

function openDatabase(life: Life): CoordinatorParts | null {
  const text = life.ports.disk.read("state.db");
  if (text === undefined) return null;
  const newUuid = (): string => life.ports.dice.uuid();
  const db = restoreDatabase(text, { version: life.options.generation.version, newUuid });
  const hostRef = db.findByUuid("host", life.options.hostUuid);
  const poolRef = db.refs("pool")[0];
  return hostRef === undefined || poolRef === undefined
    ? null
    : life.attachDatabase(db, hostRef, poolRef);
}

/** The coordinator's first writes: nobody may start guests until it says so itself. */
function takeOver(parts: CoordinatorParts): void {
  const { db, hostRef, poolRef, liveness } = parts;
  db.update("pool", poolRef, { master: hostRef });
  for (const host of db.refs("host")) db.update("host", host, { enabled: false });
  liveness.set(hostRef, true);
}

async function collectLoop(life: Life, parts: CoordinatorParts): Promise<void> {
  for (;;) {
    await life.ports.clock.sleep(life.options.timing.gcMs);
    parts.tasks.collect();
    life.sessions.collect();
    parts.queue.heartbeat();
    parts.liveness.collect();
  }
}

async function saveLoop(life: Life, parts: CoordinatorParts): Promise<void> {
  for (;;) {
    await parts.db.changed();
    await life.ports.clock.sleep(life.options.timing.dbFlushMs);
    life.saveDatabase();
  }
}

/**
 * Asks every other known host whether it coordinates too. A host that says so wins: this one
 * becomes its supporter. Unreachable hosts are taken to be supporters.
 */
async function findOtherCoordinator(life: Life, parts: CoordinatorParts): Promise<string | null> {
  for (const host of parts.db.refs("host")) {
    if (host === parts.hostRef) continue;
    const address = parts.db.str("host", host, "address");
    try {
      const { connectMs } = life.options.timing;
      if ((await life.peers.ask(address, "is_slave", [], connectMs)) === false) return address;
    } catch (error) {
      life.log("info", `${address} does not say what it is: ${String(error)}`);
    }
  }
  return null;
}

async function startCoordinator(life: Life): Promise<void> {
  const parts = openDatabase(life);
  if (parts === null) {
    await giveUp(life, ["HOST_BROKEN"]);
    return;
  }
  takeOver(parts);
  life.phase = "running";
  startLoop(life, "collector", () => collectLoop(life, parts));
  startLoop(life, "saving", () => saveLoop(life, parts));
  const other = await findOtherCoordinator(life, parts);
  if (other !== null) {
    life.log("warn", `${other} coordinates already: becoming its supporter`);
    writeRole(life.ports.disk, { type: "supporter", address: other });
    life.exit(RESTART_CODE);
    return;
  }
  await joinPool(life);
  startLoop(life, "backups", () => backupLoop(life, parts));
  startLoop(life, "message copies", () => messageCopyLoop(life, parts));
  if (life.local.get("x.became_coordinator") === "true") {
    life.local.set("x.became_coordinator", "false");
    life.alertHost(parts.hostRef, "POOL_MASTER_TRANSITION", "");
  }
  startServices(life);
}

type Hello =
  | { readonly type: "accepted"; readonly coordinatorStartedAtMs: number }
  | { readonly type: "refused"; readonly reason: readonly string[]; readonly lasting: boolean };

function readHello(life: Life, reply: XapiValue): Hello {
  const { result, version, started_at: startedAt } = reply as { readonly [key: string]: XapiValue };
  if (compareVersions(life.options.generation.version, String(version)) > 0) {
    const reason = ["HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR"];
    return { type: "refused", reason, lasting: true };
  }
  if (result === "ok") return { type: "accepted", coordinatorStartedAtMs: Number(startedAt) };
  const reason =
    result === "unknown_host"
      ? ["HOST_UNKNOWN_TO_MASTER", life.options.hostUuid]
      : ["HOST_MASTER_CANNOT_TALK_BACK", life.options.address];
  return { type: "refused", reason, lasting: true };
}

async function sayHello(life: Life): Promise<Hello> {
  const { hostUuid, address, timing } = life.options;
  const args = ["pool.hello", hostUuid, address];
  const target = life.coordinatorAddress;
  if (target === address) {
    return { type: "refused", reason: ["HOST_ITS_OWN_SLAVE"], lasting: true };
  }
  try {
    const { connectionStartupMs } = timing;
    return readHello(
      life,
      await life.peers.ask(target, "coordinator-op", args, connectionStartupMs),
    );
  } catch (error) {
    if (error instanceof XapiFailure && error.code === "HOST_UNKNOWN_TO_MASTER") {
      return { type: "refused", reason: [error.code, ...error.params], lasting: true };
    }
    if (error instanceof XapiFailure && error.code === NOT_READY) {
      return { type: "refused", reason: ["HOST_STILL_BOOTING"], lasting: false };
    }
    if (error instanceof PeerUnreachable || error instanceof XapiFailure) {
      const said = error instanceof XapiFailure ? whyRefused(error) : "it cannot be reached";
      const reason = ["INTERNAL_ERROR", `No answer from the coordinator at ${target}: ${said}`];
      return { type: "refused", reason, lasting: false };
    }
    throw error;
  }
}

function whyRefused(failure: XapiFailure): string {
  if (failure.code === NOT_COORDINATOR) return "it does not coordinate";
  if (failure.code === WRONG_SECRET) return "it belongs to another pool";
  return failure.code;
}

async function startSupporter(life: Life): Promise<void> {
  const { clock } = life.ports;
  const { helloRetryMs, helloRetryPermanentMs } = life.options.timing;
  life.phase = "emergency";
  life.emergency = ["HOST_STILL_BOOTING"];
  let hello = await sayHello(life);
  while (hello.type === "refused") {
    life.emergency = hello.reason;
    await clock.sleep(hello.lasting ? helloRetryPermanentMs : helloRetryMs);
    hello = await sayHello(life);
  }
  const { coordinatorStartedAtMs } = hello;
  life.emergency = null;
  life.phase = "running";
  startLoop(life, "heartbeats", () => heartbeatLoop(life, coordinatorStartedAtMs));
  await joinPool(life);
  startServices(life);
}

/** Also notices that the coordinator has restarted, after which this host enables itself again. */
async function heartbeatLoop(life: Life, coordinatorStartedAtMs: number): Promise<void> {
  const { heartbeatMs } = life.options.timing;
  let known = coordinatorStartedAtMs;
  for (;;) {
    try {
      const time = life.ports.clock.nowMs();
      const args = ["host.tickle_heartbeat", time];
      const seen = Number(
        await life.peers.ask(life.coordinatorAddress, "coordinator-op", args, heartbeatMs),
      );
      if (seen !== known) {
        known = seen;
        await considerEnabling(life);
      }
    } catch (error) {
      if (error instanceof XapiFailure && error.code === WRONG_SECRET) {
        life.exit(RESTART_CODE);
        return;
      }
      life.log("info", `heartbeat not delivered: ${String(error)}`);
    }
    await life.ports.clock.sleep(heartbeatMs);
  }
}

/**
 * Runs until the host is a working member. Failures leave it in emergency mode until it restarts.
 */
export async function startUp(life: Life): Promise<void> {
  try {
    switch (life.role.type) {
      case "coordinator":
        return await startCoordinator(life);
      case "supporter":
        return await startSupporter(life);
      case "broken":
        return await giveUp(life, ["HOST_BROKEN"]);
    }
  } catch (error) {
    if (life.ended || error instanceof Ended) return;
    life.log("error", `start-up failed: ${String(error)}`);
    const why = error instanceof DiskFull ? "no space left on the disk" : String(error);
    await giveUp(life, ["INTERNAL_ERROR", why]);
  }
}
