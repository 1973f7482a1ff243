/** What a host says and does about itself: enabled or not, its clock, its agent, its start. */
import type { CallContext, CallModule, CoordinatorOpTable, HostOpTable } from "../call.ts";
import { refreshHost } from "../calls/host-rules.ts";
import { VOID, XapiFailure, type XapiValue } from "../value.ts";
import { formatDatetime } from "../wire/coerce.ts";
import type { Life } from "./life.ts";
import { recordStart, type HostFactsValue } from "./member.ts";

function setEnabled(ctx: CallContext, hostRef: string, enabled: boolean): void {
  ctx.db.update("host", hostRef, { enabled });
  refreshHost(ctx, hostRef);
}

async function disable(
  ctx: CallContext,
  life: Life,
  args: readonly XapiValue[],
): Promise<XapiValue> {
  const [host, autoEnable] = args;
  const hostRef = String(host);
  const enabled = ctx.db.bool("host", hostRef, "enabled");
  if (enabled && ctx.db.bool("pool", ctx.poolRef, "ha_enabled")) {
    await life.registry.coordinatorOp("ha.assert_host_can_be_disabled")?.(ctx, [hostRef], hostRef);
  }
  await ctx.onHost(hostRef, "host.note_disabled", [enabled, autoEnable ?? true]);
  if (enabled) setEnabled(ctx, hostRef, false);
  return VOID;
}

async function enable(ctx: CallContext, host: string): Promise<XapiValue> {
  if (ctx.db.bool("host", host, "enabled")) return VOID;
  await ctx.onHost(host, "host.note_enabled", [host]);
  setEnabled(ctx, host, true);
  return VOID;
}

function leave(life: Life): void {
  const { agentDelayMs } = life.options.timing;
  void announceStop(life).catch(() => {});
  life.lightFuse(0, agentDelayMs);
}

/** Best effort: tells the pool that this host stops now. */
export async function announceStop(life: Life): Promise<void> {
  const { coordinator } = life;
  if (coordinator !== null) {
    coordinator.db.update("host", coordinator.hostRef, { enabled: false });
    return;
  }
  const { connectMs } = life.options.timing;
  const { coordinatorAddress } = life;
  await life.peers.ask(coordinatorAddress, "coordinator-op", ["host.announce_stop"], connectMs);
}

function hostOps(life: Life): HostOpTable {
  return {
    "host.note_disabled": (_host, [wasEnabled, autoEnable]) => {
      if (wasEnabled !== true) return VOID;
      life.userDisabled = true;
      if (autoEnable === false) life.local.set("host_auto_enable", "false");
      return VOID;
    },
    "host.note_enabled": (_host, [hostRef]) => {
      if (!life.startupComplete) throw new XapiFailure("HOST_STILL_BOOTING");
      if (life.local.get("host_disabled_until_reboot") === "true") {
        throw new XapiFailure("HOST_DISABLED_UNTIL_REBOOT", String(hostRef));
      }
      life.userDisabled = false;
      life.local.set("host_auto_enable", "true");
      return VOID;
    },
    "host.clock": () => formatDatetime(life.ports.clock.nowMs()),
    "host.restart_agent": () => {
      const { clock, power } = life.ports;
      void clock.sleep(life.options.timing.agentDelayMs).then(() => power.restartToolstack());
      return VOID;
    },
  };
}

function coordinatorOps(life: Life): CoordinatorOpTable {
  return {
    "host.storage_uuids": ({ db }, _args, host) =>
      db.set("host", host, "PBDs").flatMap((pbd) => {
        const sr = db.find("SR", db.str("PBD", pbd, "SR"));
        return sr === undefined ? [] : [String(sr["uuid"])];
      }),
    "host.started": (ctx, [facts], host) => recordStart(ctx, host, facts as HostFactsValue),
    "host.enable_itself": (ctx, _args, host) => {
      setEnabled(ctx, host, true);
      return VOID;
    },
    "host.tickle_heartbeat": (_ctx, [time], host) => {
      life.needCoordinator().liveness.tickle(host, Number(time));
      return life.startedAtMs;
    },
    "host.announce_stop": async (ctx, _args, host) => {
      ctx.db.update("host", host, { enabled: false });
      if (!life.needCoordinator().liveness.nativeHa) await ctx.liveness.announceShutdown(host);
      return VOID;
    },
  };
}

export function hostCalls(life: Life): CallModule {
  return {
    calls: {
      "host.disable": (ctx, args) => disable(ctx, life, args),
      "host.enable": (ctx, [host]) => enable(ctx, String(host)),
      "host.get_servertime": (ctx, [host]) => ctx.onHost(String(host), "host.clock", []),
      "host.get_server_localtime": (ctx, [host]) => ctx.onHost(String(host), "host.clock", []),
      "host.restart_agent": (ctx, [host]) => ctx.onHost(String(host), "host.restart_agent", []),
      "host.set_power_on_mode": (ctx, [host, mode, config]) => {
        const values = { power_on_mode: mode ?? "", power_on_config: config ?? {} };
        ctx.db.update("host", String(host), values);
        refreshHost(ctx, String(host));
        return VOID;
      },
      "host.tickle_heartbeat": (_ctx, [host, stuff]) => {
        const time = Number((stuff as { readonly [key: string]: XapiValue })["time"] ?? 0);
        life.needCoordinator().liveness.tickle(String(host), time * 1_000);
        return {};
      },
    },
    localCalls: {
      "host.is_in_emergency_mode": () => life.emergency !== null,
      "host.local_assert_healthy": () => {
        if (life.emergency === null) return VOID;
        const [code = "INTERNAL_ERROR", ...params] = life.emergency;
        throw new XapiFailure(code, ...params);
      },
      "host.shutdown_agent": () => {
        leave(life);
        return VOID;
      },
    },
    hostOps: hostOps(life),
    coordinatorOps: coordinatorOps(life),
  };
}
