import { z } from "zod";
export declare const pathViewSchema: z.ZodObject<
  {
    peer: z.ZodString;
    peerName: z.ZodString;
    path: z.ZodString;
    localAddress: z.ZodString;
    peerAddress: z.ZodString;
    state: z.ZodEnum<{
      heard: "heard";
      "never-heard": "never-heard";
      "one-way": "one-way";
      silent: "silent";
    }>;
    lastBeatAgeMs: z.ZodNullable<z.ZodNumber>;
    suspectAfterMs: z.ZodNumber;
    marginMs: z.ZodNullable<z.ZodNumber>;
    worstMarginMs: z.ZodNullable<z.ZodNumber>;
    roundTripMs: z.ZodNullable<z.ZodNumber>;
    clockOffsetMs: z.ZodNullable<z.ZodNumber>;
    clockUncertaintyMs: z.ZodNullable<z.ZodNumber>;
    refusedBeats: z.ZodNumber;
  },
  z.core.$strip
>;
export declare const agentStatusSchema: z.ZodObject<
  {
    v: z.ZodLiteral<1>;
    version: z.ZodString;
    protocol: z.ZodNumber;
    host: z.ZodString;
    hostName: z.ZodString;
    boot: z.ZodString;
    state: z.ZodLiteral<"observing">;
    startedAtMs: z.ZodNumber;
    wallMs: z.ZodNumber;
    monoMs: z.ZodNumber;
    role: z.ZodEnum<{
      coordinator: "coordinator";
      supporter: "supporter";
      unknown: "unknown";
    }>;
    coordinatorAddress: z.ZodNullable<z.ZodString>;
    xapi: z.ZodObject<
      {
        state: z.ZodEnum<{
          answers: "answers";
          silent: "silent";
          unknown: "unknown";
        }>;
        lastAnswerAgeMs: z.ZodNullable<z.ZodNumber>;
        sentence: z.ZodString;
      },
      z.core.$strip
    >;
    peers: z.ZodArray<
      z.ZodObject<
        {
          host: z.ZodString;
          name: z.ZodString;
          state: z.ZodEnum<{
            leaving: "leaving";
            live: "live";
            "never-heard": "never-heard";
            suspected: "suspected";
          }>;
          boot: z.ZodNullable<z.ZodString>;
          version: z.ZodNullable<z.ZodString>;
          role: z.ZodEnum<{
            coordinator: "coordinator";
            supporter: "supporter";
            unknown: "unknown";
          }>;
          hears: z.ZodArray<z.ZodString>;
        },
        z.core.$strip
      >
    >;
    paths: z.ZodArray<
      z.ZodObject<
        {
          peer: z.ZodString;
          peerName: z.ZodString;
          path: z.ZodString;
          localAddress: z.ZodString;
          peerAddress: z.ZodString;
          state: z.ZodEnum<{
            heard: "heard";
            "never-heard": "never-heard";
            "one-way": "one-way";
            silent: "silent";
          }>;
          lastBeatAgeMs: z.ZodNullable<z.ZodNumber>;
          suspectAfterMs: z.ZodNumber;
          marginMs: z.ZodNullable<z.ZodNumber>;
          worstMarginMs: z.ZodNullable<z.ZodNumber>;
          roundTripMs: z.ZodNullable<z.ZodNumber>;
          clockOffsetMs: z.ZodNullable<z.ZodNumber>;
          clockUncertaintyMs: z.ZodNullable<z.ZodNumber>;
          refusedBeats: z.ZodNumber;
        },
        z.core.$strip
      >
    >;
    domains: z.ZodArray<
      z.ZodObject<
        {
          vm: z.ZodString;
          name: z.ZodNullable<z.ZodString>;
          state: z.ZodString;
        },
        z.core.$strip
      >
    >;
    settings: z.ZodObject<
      {
        revision: z.ZodNumber;
        source: z.ZodEnum<{
          default: "default";
          "last-valid": "last-valid";
          pool: "pool";
        }>;
        problems: z.ZodArray<z.ZodString>;
      },
      z.core.$strip
    >;
    journal: z.ZodObject<
      {
        firstSeq: z.ZodNumber;
        lastSeq: z.ZodNumber;
        writable: z.ZodBoolean;
        sentence: z.ZodString;
      },
      z.core.$strip
    >;
  },
  z.core.$strip
>;
export type PathView = z.infer<typeof pathViewSchema>;
export type AgentStatus = z.infer<typeof agentStatusSchema>;
