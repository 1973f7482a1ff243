import { expect, test } from "vitest";
import {
  seededDice,
  type VirtualPool,
} from "../../host-agent/virtual-xapi/testing/virtual-pool.ts";
import { ledgerPrefix } from "../../main/console/verdict/ledger-key.ts";
import { rebootStage } from "./reboot-stage.ts";

/* One fault at a random moment of a run, by a seed: whatever comes of it, it must be told truly. */

const faults: Readonly<Record<string, (pool: VirtualPool, at: number) => Promise<void>>> = {
  "kill XAPI": async (pool, at) => {
    await pool.host(at).killXapi();
    pool.time.schedule(20_000, () => pool.host(at).startXapi());
  },
  "restart the toolstack": (pool, at) => pool.host(at).restartToolstack(),
  "hang XAPI": async (pool, at) => {
    const host = pool.host(at);
    host.hung = true;
    pool.time.schedule(45_000, () => {
      host.hung = false;
    });
  },
  "cut the hosts from each other": async (pool) => {
    pool.network.isolate(pool.host(0).spec.address);
    pool.time.schedule(40_000, () => pool.network.heal());
  },
};

const phases = [
  "verdict",
  "ledger",
  "ha-off",
  "hand-over",
  "maintenance",
  "stop-vms",
  "evacuate",
  "reboot",
  "clean-boot",
  "enable",
  "vms-back",
  "ha-on",
];

const runs = Number(process.env["SKINK_CHAOS_RUNS"] ?? 8);

test.each(Array.from({ length: runs }, (_, seed) => seed))("seed %i", async (seed) => {
  const dice = seededDice(seed * 7_919 + 1);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(dice.fraction() * from.length)]!;
  const { pool, session, reboots, haOn, reboot, photograph } = await rebootStage();
  await haOn();
  const before = photograph();
  const guests = (): string[] =>
    pool.machines
      .flatMap((machine) => [...machine.domains.values()])
      .filter((domain) => domain.incomingFor === null)
      .map((domain) => domain.vmUuid)
      .sort();
  const running = guests();
  const name = pick(Object.keys(faults));
  const at = pick([0, 1]);
  const during = pick(phases);
  const delayMs = Math.floor(dice.fraction() * 20_000);
  let isDone = false;
  reboots.onChange(() => {
    const phase = reboots.current()?.phases.find((one) => one.id === during);
    if (isDone || phase === undefined || phase.state === "pending") return;
    isDone = true;
    pool.time.schedule(delayMs, () => void faults[name]!(pool, at));
  });
  const run = await reboot(pick([0, 1]));
  await pool.time.advance(300_000);

  const told = [`${name} on host ${at}, ${delayMs} ms into ${during}`, run.status, run.error];
  expect([...told, new Set(guests()).size]).toEqual([...told, guests().length]);
  const [record] = session.records().all("pool").values();
  const keys = Object.keys(record?.["other_config"] as object);
  const hasLedger = keys.some((key) => key.startsWith(ledgerPrefix));
  expect([...told, hasLedger]).toEqual([...told, run.status === "needs-person"]);
  if (run.status === "needs-person") {
    expect(run.phases.some((phase) => phase.error !== null)).toBe(true);
    return;
  }
  expect([...told, guests()]).toEqual([...told, running]);
  const differing = run.comparison.filter((row) => !row.same).map((row) => row.what);
  if (run.status === "done" || differing.length > 0) {
    expect([...told, differing.filter((what) => what !== "Coordinator")]).toEqual([...told, []]);
  } else {
    expect([...told, photograph()]).toEqual([...told, before]);
  }
});
