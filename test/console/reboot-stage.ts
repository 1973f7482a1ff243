import { expect } from "vitest";
import { buildPreset } from "../../host-agent/virtual-xapi/presets/presets.ts";
import { seededDice, VirtualPool } from "../../host-agent/virtual-xapi/testing/virtual-pool.ts";
import type { Run } from "../../main/contract/run.ts";
import { createHa } from "../../main/console/ha/ha.ts";
import type { Explain } from "../../main/console/ha/proof.ts";
import { XapiFailure } from "../../main/console/pool-session.ts";
import { consoleError } from "../../main/console/problem.ts";
import { createReboots, type Reboots } from "../../main/console/reboot/reboots.ts";
import { openVirtualSession, virtualConsoleClock, type VirtualSession } from "./virtual-session.ts";

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const hourMs = 3_600_000;

const explain: Explain = (failure) =>
  failure instanceof XapiFailure
    ? consoleError(failure.code, `${failure.code} ${failure.params.join(" ")}.`, "Look.")
    : consoleError("UNEXPECTED", String(failure), "Look.");

export interface RebootStage {
  readonly pool: VirtualPool;
  readonly session: VirtualSession;
  readonly reboots: Reboots;
  readonly names: readonly string[];
  settle(): Promise<void>;
  haOn(): Promise<void>;
  reboot(host: number): Promise<Run>;
  photograph(): unknown;
}

/** The demo's small pool on real node code, in virtual time. */
export async function rebootStage(preset: "two" | "two-8.2" = "two"): Promise<RebootStage> {
  const dice = seededDice(7);
  const places = ["10.0.0.1", "10.0.0.2"].map((address) => ({ address }));
  const blueprint = buildPreset(preset, { dice, nowMs: 1_772_323_200_000, places });
  const pool = new VirtualPool({ blueprint, turn, dice });
  await pool.start();
  const session = openVirtualSession(pool);
  const clock = virtualConsoleClock(pool);
  const reboots = createReboots({ session, clock, owner: "ana@desk", explain });
  const ha = createHa({ session, explain });
  const names = blueprint.hosts.map((host) => host.name);
  const settle = (): Promise<void> => pool.time.advance(30_000);
  await settle();
  return {
    pool,
    session,
    reboots,
    names,
    settle,
    async haOn() {
      const { srs } = await pool.time.until(ha.heartbeatSrs(), hourMs);
      const suitable = srs.find((sr) => sr.suitable);
      const { maxFailuresToTolerate } = await pool.time.until(ha.tolerance(), hourMs);
      expect(maxFailuresToTolerate).toBeGreaterThanOrEqual(1);
      await pool.time.until(
        ha.enable({ srUuids: [suitable!.uuid], timeoutS: 75, failuresToTolerate: 1 }),
        hourMs,
      );
      await pool.time.advance(120_000);
    },
    async reboot(at) {
      const hostUuid = blueprint.hosts[at]!.uuid;
      const plan = reboots.plan({ hostUuid });
      const wish = { hostUuid, acknowledgedIds: plan.acknowledgeIds, typedName: names[at]! };
      reboots.start(wish);
      await pool.time.until(reboots.settled(), 8 * hourMs);
      await pool.time.advance(60_000);
      return reboots.current()!;
    },
    photograph: () => photograph(session),
  };
}

/** What an operator would call the pool's state, by names, without times and measurements. */
function photograph(session: VirtualSession): unknown {
  const records = session.records();
  const rows = (cls: "VM" | "host" | "PBD", fields: readonly string[]): unknown[] =>
    [...records.all(cls)]
      .map(([ref, record]) => [ref, ...fields.map((field) => record[field])])
      .sort((a, b) => String(a[0]).localeCompare(String(b[0])));
  const [pool] = records.all("pool").values();
  const keys = (config: unknown): unknown =>
    Object.entries(config as object)
      .filter(([key]) => !/_time$|^last_/u.test(key))
      .sort(([a], [b]) => a.localeCompare(b));
  return {
    pool: [
      pool?.["master"],
      pool?.["ha_enabled"],
      pool?.["ha_configuration"],
      pool?.["ha_host_failures_to_tolerate"],
      keys(pool?.["other_config"]),
    ],
    hosts: rows("host", ["enabled"]),
    hostKeys: [...records.all("host").values()].map((host) => keys(host["other_config"])),
    vms: rows("VM", [
      "power_state",
      "resident_on",
      "ha_restart_priority",
      "ha_always_run",
      "order",
      "current_operations",
    ]),
    pbds: rows("PBD", ["currently_attached"]),
  };
}
