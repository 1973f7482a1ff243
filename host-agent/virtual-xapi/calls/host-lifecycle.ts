/** Declaring a host dead, forgetting it, and running its scripts. */
import type { CallContext, CallHandler, CallModule, HostOp } from "../call.ts";
import { VOID, XapiFailure, type XapiValue } from "../call.ts";
import { existing, isHaOn, residentGuests, setOrEmpty, uuidOf } from "./scene.ts";
import { refreshHost } from "./host-rules.ts";
import { lockKey, resetLocks } from "./storage-locks.ts";

export type DeathReason = "fenced" | "user" | "dbdestroy";

async function runHook(ctx: CallContext, directory: string, host: string, reason: DeathReason) {
  const args = { hostuuid: uuidOf(ctx.db, "host", host), reason };
  const failed = await ctx.ports.plugins.runHook(directory, args);
  if (failed !== null) {
    const { script, code, stdout } = failed;
    throw new XapiFailure(
      "XAPI_HOOK_FAILED",
      `${directory}/${script}`,
      reason,
      stdout,
      String(code),
    );
  }
}

/** The shipped hook `10resetvdis`: removes the host's locks from every SR it had a PBD for. */
function resetLocksOfHost(ctx: CallContext, host: string): void {
  const { db } = ctx;
  const srs = existing(db, "PBD", setOrEmpty(db, "host", host, "PBDs")).map((pbd) =>
    db.str("PBD", pbd, "SR"),
  );
  for (const sr of new Set(srs)) {
    resetLocks(db, { host, sr, alsoPaused: false });
  }
}

/** A pre hook that fails vetoes: nothing has been reset yet. */
export function runPreHook(ctx: CallContext, host: string, reason: DeathReason): Promise<void> {
  return runHook(ctx, "host-pre-declare-dead", host, reason);
}

export async function runPostHook(ctx: CallContext, host: string, reason: DeathReason) {
  resetLocksOfHost(ctx, host);
  await runHook(ctx, "host-post-declare-dead", host, reason);
}

async function assertSeemsDead(ctx: CallContext, host: string): Promise<void> {
  ctx.db.get("host", host);
  if (host === ctx.hostRef || (await ctx.liveness.isAlive(host))) {
    throw new XapiFailure("HOST_IS_LIVE", host);
  }
}

/** Leaves `live` as it is and switches nothing off. */
const declareDead: CallHandler = async (ctx, args) => {
  const host = String(args[0]);
  await assertSeemsDead(ctx, host);
  await runPreHook(ctx, host, "user");
  for (const vm of residentGuests(ctx.db, host)) {
    await ctx.call("VM.power_state_reset", [vm]);
  }
  ctx.db.update("host", host, { enabled: false });
  refreshHost(ctx, host);
  await runPostHook(ctx, host, "user");
  return VOID;
};

function forgetHost(ctx: CallContext, host: string): void {
  const { db } = ctx;
  db.transaction(() => {
    for (const vm of existing(db, "VM", db.set("host", host, "resident_VMs"))) {
      db.destroy("VM", vm);
    }
    for (const pbd of existing(db, "PBD", db.set("host", host, "PBDs"))) {
      const sr = db.str("PBD", pbd, "SR");
      db.destroy("PBD", pbd);
      if (db.has("SR", sr) && !db.bool("SR", sr, "shared")) {
        for (const vdi of existing(db, "VDI", db.set("SR", sr, "VDIs"))) {
          db.destroy("VDI", vdi);
        }
        db.destroy("SR", sr);
      }
    }
    for (const pif of existing(db, "PIF", db.set("host", host, "PIFs"))) {
      db.destroy("PIF", pif);
    }
    const metrics = db.str("host", host, "metrics");
    if (db.has("host_metrics", metrics)) {
      db.destroy("host_metrics", metrics);
    }
    db.destroy("host", host);
  });
}

const destroy: CallHandler = async (ctx, args) => {
  const host = String(args[0]);
  await assertSeemsDead(ctx, host);
  if (isHaOn(ctx)) {
    throw new XapiFailure("HA_IS_ENABLED");
  }
  if (residentGuests(ctx.db, host).length > 0) {
    throw new XapiFailure("HOST_HAS_RESIDENT_VMS", host);
  }
  await runPreHook(ctx, host, "dbdestroy");
  await runPostHook(ctx, host, "dbdestroy");
  forgetHost(ctx, host);
  return VOID;
};

type Args = Readonly<Record<string, string>>;

function needed(args: Args, name: string): string {
  const value = args[name];
  if (value === undefined) {
    throw new XapiFailure("XENAPI_PLUGIN_FAILURE", "non-zero exit", "", `KeyError: '${name}'`);
  }
  return value;
}

/** `single`: asks the owner first unless forced; `all`: every disk of an SR for one host. */
async function resetVdis(ctx: CallContext, fn: string, args: Args): Promise<string> {
  const { db } = ctx;
  if (fn === "all" || fn === "reset_sr") {
    const host = db.byUuid("host", needed(args, "host_uuid"));
    const sr = db.byUuid("SR", needed(args, "sr_uuid"));
    resetLocks(db, { host, sr, alsoPaused: args["master"] === "true" });
    return "True";
  }
  if (fn !== "single") {
    throw new XapiFailure("XENAPI_PLUGIN_FAILURE", "non-zero exit", "", `unknown function ${fn}`);
  }
  const vdi = db.byUuid("VDI", needed(args, "vdi_uuid"));
  const keys = Object.keys(db.map("VDI", vdi, "sm_config")).filter((key) =>
    key.startsWith("host_"),
  );
  for (const key of keys) {
    const owner = key.slice("host_".length);
    if (args["force"] !== "true" && db.has("host", owner)) {
      const open = await ctx.onHost(owner, "storage.is_open", [uuidOf(db, "VDI", vdi)], {
        evenIfOffline: true,
        timeoutMs: ctx.timing.connectMs,
      });
      if (open === true) {
        return "False";
      }
    }
    db.dropKey("VDI", vdi, "sm_config", lockKey(owner));
  }
  return "True";
}

function builtIn(plugin: string, fn: string, args: Args): string | null {
  if (plugin === "echo" && fn === "main") {
    return Object.entries(args)
      .map(([key, value]) => `${key}=${value}`)
      .join(", ");
  }
  return plugin === "hello" && fn === "hello" ? `Hello, ${args["name"] ?? "world"}!` : null;
}

/** args: plugin, function, arguments. Scripts of the machine come before the built-in ones. */
const runPlugin: HostOp = async (host, args) => {
  const plugin = String(args[0]);
  const fn = String(args[1]);
  const given = (args[2] ?? {}) as Args;
  const result = await host.ports.plugins.run(plugin, fn, given);
  switch (result.status) {
    case "ok":
      return result.stdout;
    case "failed":
      throw new XapiFailure("XENAPI_PLUGIN_FAILURE", "non-zero exit", result.stdout, result.stderr);
    case "missing": {
      const answer = builtIn(plugin, fn, given);
      if (answer === null) {
        throw new XapiFailure("XENAPI_MISSING_PLUGIN", plugin);
      }
      return answer;
    }
  }
};

const callPlugin: CallHandler = async (ctx, args) => {
  const host = String(args[0]);
  ctx.db.get("host", host);
  const plugin = String(args[1]);
  const fn = String(args[2]);
  const given = (args[3] ?? {}) as Args;
  if (plugin === "resetvdis") {
    return await resetVdis(ctx, fn, given);
  }
  const orders: readonly XapiValue[] = [plugin, fn, given];
  return await ctx.onHost(host, "plugin.run", orders);
};

export const hostLifecycle: CallModule = {
  calls: {
    "host.declare_dead": declareDead,
    "host.destroy": destroy,
    "host.call_plugin": callPlugin,
  },
  hostOps: { "plugin.run": runPlugin },
};
