import { z } from "zod";

/*
 * Settings of the whole pool, kept in `pool.other_config` under "skink.settings" as JSON with a revision.
 * The console writes them, each agent reads, checks and keeps its last valid copy. None of them
 * arbitrates.
 */
export const agentSettingsSchema = z.strictObject({
  revision: z.number().int().min(0),
  beatIntervalMs: z.number().int().min(100).max(5_000),
  suspectAfterMissedBeats: z.number().int().min(3).max(120),
  xapiProbeIntervalMs: z.number().int().min(500).max(60_000),
  xapiProbeTimeoutMs: z.number().int().min(500).max(60_000),
  domainScanIntervalMs: z.number().int().min(500).max(60_000),
  clockOffsetReportMs: z.number().int().min(100).max(3_600_000),
  journalBytesMax: z.number().int().min(1_048_576).max(1_073_741_824),
});

export type AgentSettings = z.infer<typeof agentSettingsSchema>;

export const defaultAgentSettings: AgentSettings = {
  revision: 0,
  beatIntervalMs: 500,
  suspectAfterMissedBeats: 6,
  xapiProbeIntervalMs: 2_000,
  xapiProbeTimeoutMs: 5_000,
  domainScanIntervalMs: 2_000,
  clockOffsetReportMs: 1_000,
  journalBytesMax: 67_108_864,
};

/** Who this agent is and whom it watches: `/etc/skink/host.json`, written by the installer. */
export const hostFileSchema = z.strictObject({
  v: z.literal(1),
  poolUuid: z.string(),
  host: z.object({ uuid: z.string(), name: z.string() }),
  udpPort: z.number().int().min(1).max(65_535),
  /** the networks heartbeats travel on; every host has one address on each */
  paths: z
    .array(z.object({ name: z.string(), localAddress: z.string() }))
    .min(1)
    .max(8),
  peers: z
    .array(
      z.object({
        uuid: z.string(),
        name: z.string(),
        addresses: z.record(z.string(), z.object({ address: z.string(), port: z.number().int() })),
      }),
    )
    .max(63),
});

export type HostFile = z.infer<typeof hostFileSchema>;
