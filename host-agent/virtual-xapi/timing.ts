/** Every delay of a node, in milliseconds. Defaults are those of a real installation. */
export interface Timing {
  /**
   * Between accepting a role change and leaving for a restart; never shorter than `fuseMinimumMs`.
   */
  readonly fuseMs: number;
  readonly fuseMinimumMs: number;
  /** From `host.reboot` / `host.shutdown` returning to the operating system acting. */
  readonly powerDelayMs: number;
  /** From `shutdown_agent` / `restart_agent` returning to the agent leaving. */
  readonly agentDelayMs: number;
  readonly badPasswordMs: number;
  readonly heartbeatMs: number;
  readonly assumedDeadMs: number;
  readonly gcMs: number;
  /** The backup thread waits this long for each supporter in turn. */
  readonly backupMs: number;
  /** Copies of the messages go out to supporters this often. */
  readonly messageSyncMs: number;
  readonly eventBatchMs: number;
  /** Keeps the legacy event queue awake. */
  readonly poolHeartbeatEventMs: number;
  /** From a change to `state.db` holding it. */
  readonly dbFlushMs: number;
  readonly sessionIdleMs: number;
  readonly sessionTouchMs: number;
  readonly finishedTaskMs: number;
  readonly pendingTaskMs: number;
  /** Retry of a supporter's start-up when the reason is passing / lasting. */
  readonly helloRetryMs: number;
  readonly helloRetryPermanentMs: number;
  /**
   * After a failed start, the node waits this long plus a random part, then leaves for a restart.
   */
  readonly brokenRestartMs: number;
  readonly brokenRestartSpreadMs: number;
  /** Back-off of a supporter's connection to its coordinator. */
  readonly connectionBackoffFirstMs: number;
  readonly connectionBackoffMaxMs: number;
  readonly connectionStuckMs: number;
  readonly connectionStartupMs: number;
  /** A connection attempt to a silent address fails after this long. */
  readonly connectMs: number;
  readonly proposalMs: number;
  readonly cleanShutdownMs: number;
  readonly poweroffCleanShutdownMs: number;
  readonly storageLockRetryMs: number;
  readonly powerOnMs: number;
  /** What the guests themselves take: to be built, to boot, to move one GiB of memory. */
  readonly domainBuildMs: number;
  readonly migrateBaseMs: number;
  readonly migratePerGibMs: number;
  /** Base timeout of native HA and its loops. */
  readonly haTimeoutMs: number;
  readonly haHeartbeatMs: number;
  readonly haMonitorMs: number;
  readonly haRestartRetryMs: number;
  readonly haStartupWaitMs: number;
  readonly haHealthCheckMs: number;
  readonly clockSkewMs: number;
}

export const REAL_TIMING: Timing = {
  fuseMs: 10_000,
  fuseMinimumMs: 5_000,
  powerDelayMs: 10_000,
  agentDelayMs: 1_000,
  badPasswordMs: 5_000,
  heartbeatMs: 30_000,
  assumedDeadMs: 600_000,
  gcMs: 30_000,
  backupMs: 300_000,
  messageSyncMs: 86_400_000,
  eventBatchMs: 50,
  poolHeartbeatEventMs: 30_000,
  dbFlushMs: 2_000,
  sessionIdleMs: 86_400_000,
  sessionTouchMs: 600_000,
  finishedTaskMs: 3_900_000,
  pendingTaskMs: 86_400_000,
  helloRetryMs: 5_000,
  helloRetryPermanentMs: 60_000,
  brokenRestartMs: 60_000,
  brokenRestartSpreadMs: 120_000,
  connectionBackoffFirstMs: 2_000,
  connectionBackoffMaxMs: 256_000,
  connectionStuckMs: 120_000,
  connectionStartupMs: 10_000,
  connectMs: 20_000,
  proposalMs: 600_000,
  cleanShutdownMs: 1_200_000,
  poweroffCleanShutdownMs: 60_000,
  storageLockRetryMs: 120_000,
  powerOnMs: 600_000,
  domainBuildMs: 1_500,
  migrateBaseMs: 2_000,
  migratePerGibMs: 1_500,
  haTimeoutMs: 60_000,
  haHeartbeatMs: 3_000,
  haMonitorMs: 20_000,
  haRestartRetryMs: 120_000,
  haStartupWaitMs: 1_800_000,
  haHealthCheckMs: 60_000,
  clockSkewMs: 300_000,
};
