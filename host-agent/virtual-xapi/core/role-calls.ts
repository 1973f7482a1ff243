/** Who coordinates: greeting, orderly hand-over, emergency promotion and demotion, copies. */
import type { CallContext, CallModule } from "../call.ts";
import { refreshHost } from "../calls/host-rules.ts";
import { PeerUnreachable } from "../ports.ts";
import { VOID, XapiFailure, type XapiValue } from "../value.ts";
import { sendDatabase } from "./backups.ts";
import { commitProposal, dropProposal, propose, standForElection } from "./election.ts";
import type { Life } from "./life.ts";

function assertHaDisarmed(life: Life): void {
  if (life.local.get("ha.armed") === "true") throw new XapiFailure("HA_IS_ENABLED");
}

/** Only a host that can be called back becomes live. */
async function hello(ctx: CallContext, life: Life, args: readonly XapiValue[]): Promise<string> {
  const [uuid, address] = args.map(String);
  const { db } = ctx;
  const host = db.findByUuid("host", uuid ?? "");
  if (host === undefined) return "unknown_host";
  db.update("host", host, { address: address ?? "" });
  try {
    await life.peers.ask(address ?? "", "is_slave", [], life.options.timing.connectionStartupMs);
  } catch {
    return "cannot_talk_back";
  }
  const { liveness, tasks } = life.needCoordinator();
  db.update("host", host, { enabled: false });
  tasks.cancelAllOn(host);
  liveness.welcome(host);
  refreshHost(ctx, host);
  return "ok";
}

function cannotContact(hostRef: string, error: unknown): unknown {
  return error instanceof PeerUnreachable ? new XapiFailure("CANNOT_CONTACT_HOST", hostRef) : error;
}

/**
 * A fresh copy on every member. Throws `HOST_OFFLINE`, `CANNOT_CONTACT_HOST` for the first that has
 * none.
 */
async function syncDatabase(ctx: CallContext, life: Life): Promise<void> {
  const copies = ctx.db.refs("host").map(async (host) => {
    if (host === ctx.hostRef) {
      life.saveDatabase();
      return;
    }
    if (!ctx.liveness.isLive(host)) throw new XapiFailure("HOST_OFFLINE", host);
    try {
      await sendDatabase(life, host);
    } catch (error) {
      throw cannotContact(host, error);
    }
  });
  const results = await Promise.allSettled(copies);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

async function designate(ctx: CallContext, life: Life, target: string): Promise<XapiValue> {
  const { db } = ctx;
  db.get("host", target);
  if (target === ctx.hostRef) return VOID;
  if (!ctx.liveness.isLive(target)) throw new XapiFailure("HOST_OFFLINE", target);
  if (db.bool("pool", ctx.poolRef, "ha_enabled")) throw new XapiFailure("HA_IS_ENABLED");
  const key = ctx.task.ref ?? ctx.method;
  db.putKey("pool", ctx.poolRef, "current_operations", key, "designate_new_master");
  try {
    await syncDatabase(ctx, life);
    const peers = db.refs("host").filter((host) => host !== target);
    const addresses = peers.map((host) => db.str("host", host, "address"));
    await ctx.onHost(target, "role.stand_for_election", addresses);
  } finally {
    db.dropKey("pool", ctx.poolRef, "current_operations", key);
  }
  return VOID;
}

/** Tells every other known host, one after the other; gives those that took it. */
async function recoverSlaves(ctx: CallContext, life: Life): Promise<readonly string[]> {
  const { address, timing } = life.options;
  const recovered: string[] = [];
  for (const host of ctx.db.refs("host")) {
    if (host === ctx.hostRef) continue;
    try {
      const args = ["pool.emergency_reset_master", address];
      const target = ctx.db.str("host", host, "address");
      await life.peers.ask(target, "local-call", args, timing.connectMs);
      recovered.push(host);
    } catch (error) {
      life.log("info", `a member was not recovered: ${String(error)}`);
    }
  }
  return recovered;
}

export function roleCalls(life: Life): CallModule {
  return {
    calls: {
      "pool.hello": (ctx, args) => hello(ctx, life, args),
      "pool.ping_slave": async (ctx, [host]) => {
        const target = ctx.db.str("host", String(host), "address");
        await life.peers.ask(target, "is_slave", [], life.options.timing.connectMs);
        return VOID;
      },
      "pool.designate_new_master": (ctx, [host]) => designate(ctx, life, String(host)),
      "pool.sync_database": async (ctx) => {
        await syncDatabase(ctx, life);
        return VOID;
      },
      "pool.recover_slaves": (ctx) => recoverSlaves(ctx, life),
    },
    localCalls: {
      "pool.is_slave": () => {
        life.connection?.kick();
        return life.role.type !== "coordinator";
      },
      "pool.emergency_transition_to_master": () => {
        assertHaDisarmed(life);
        life.changeRole({ type: "coordinator" });
        return VOID;
      },
      "pool.emergency_reset_master": (_host, [address]) => {
        assertHaDisarmed(life);
        life.changeRole({ type: "supporter", address: String(address) });
        return VOID;
      },
      "host.propose_new_master": (_host, [address]) => {
        propose(life, String(address));
        return VOID;
      },
      "host.commit_new_master": (_host, [address]) => {
        commitProposal(life, String(address));
        return VOID;
      },
      "host.abort_new_master": () => {
        dropProposal(life);
        return VOID;
      },
    },
    hostOps: {
      "role.stand_for_election": async (_host, addresses) => {
        await standForElection(life, addresses.map(String), "manual");
        return VOID;
      },
    },
    coordinatorOps: {
      "pool.hello": async (ctx, args) => ({
        result: await hello(ctx, life, args),
        version: life.options.generation.version,
        started_at: life.startedAtMs,
      }),
    },
    hidden: {
      "pool.ping_slave": { params: [{ name: "host", type: "host ref" }], result: "void" },
    },
  };
}
