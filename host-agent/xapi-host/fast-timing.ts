import { REAL_TIMING, type Timing } from "../virtual-xapi/timing.ts";

/**
 * For tests on real wires: the order of all delays stays, their length shrinks so that a role
 * change and a reboot fit into seconds. What a guest or a network round needs anyway is left room.
 */
const fastTiming: Timing = {
  ...REAL_TIMING,
  fuseMs: 400,
  fuseMinimumMs: 200,
  powerDelayMs: 400,
  agentDelayMs: 100,
  badPasswordMs: 500,
  heartbeatMs: 500,
  assumedDeadMs: 8_000,
  gcMs: 500,
  backupMs: 1_000,
  messageSyncMs: 5_000,
  poolHeartbeatEventMs: 2_000,
  dbFlushMs: 200,
  helloRetryMs: 200,
  helloRetryPermanentMs: 1_000,
  brokenRestartMs: 1_000,
  brokenRestartSpreadMs: 500,
  connectionBackoffFirstMs: 200,
  connectionBackoffMaxMs: 1_000,
  connectionStuckMs: 4_000,
  connectionStartupMs: 1_500,
  connectMs: 2_000,
  cleanShutdownMs: 10_000,
  poweroffCleanShutdownMs: 3_000,
  storageLockRetryMs: 2_000,
  powerOnMs: 20_000,
  domainBuildMs: 100,
  migrateBaseMs: 100,
  migratePerGibMs: 20,
  haTimeoutMs: 4_000,
  haHeartbeatMs: 300,
  haMonitorMs: 1_000,
  haRestartRetryMs: 2_000,
  haStartupWaitMs: 10_000,
  haHealthCheckMs: 3_000,
};

export function timingOf(name: "real" | "fast"): Timing {
  return name === "fast" ? fastTiming : REAL_TIMING;
}

/** What a guest takes to power off after it was asked politely. */
export function guestShutdownMs(name: "real" | "fast"): number {
  return name === "fast" ? 200 : 3_000;
}
