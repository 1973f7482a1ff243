import { z } from "zod";
export declare const agentSettingsSchema: z.ZodObject<
  {
    revision: z.ZodNumber;
    beatIntervalMs: z.ZodNumber;
    suspectAfterMissedBeats: z.ZodNumber;
    xapiProbeIntervalMs: z.ZodNumber;
    xapiProbeTimeoutMs: z.ZodNumber;
    domainScanIntervalMs: z.ZodNumber;
    clockOffsetReportMs: z.ZodNumber;
    journalBytesMax: z.ZodNumber;
  },
  z.core.$strict
>;
export type AgentSettings = z.infer<typeof agentSettingsSchema>;
export declare const defaultAgentSettings: AgentSettings;
/** Who this agent is and whom it watches: `/etc/skink/host.json`, written by the installer. */
export declare const hostFileSchema: z.ZodObject<
  {
    v: z.ZodLiteral<1>;
    poolUuid: z.ZodString;
    host: z.ZodObject<
      {
        uuid: z.ZodString;
        name: z.ZodString;
      },
      z.core.$strip
    >;
    udpPort: z.ZodNumber;
    paths: z.ZodArray<
      z.ZodObject<
        {
          name: z.ZodString;
          localAddress: z.ZodString;
        },
        z.core.$strip
      >
    >;
    peers: z.ZodArray<
      z.ZodObject<
        {
          uuid: z.ZodString;
          name: z.ZodString;
          addresses: z.ZodRecord<
            z.ZodString,
            z.ZodObject<
              {
                address: z.ZodString;
                port: z.ZodNumber;
              },
              z.core.$strip
            >
          >;
        },
        z.core.$strip
      >
    >;
  },
  z.core.$strict
>;
export type HostFile = z.infer<typeof hostFileSchema>;
