import { z } from "zod";

/** The demo pool's hardware as its supervisor sees it; absent in a console without a demo. */
export const demoStateSchema = z.object({
  status: z.enum(["off", "starting", "running", "failed"]),
  sentence: z.string(),
  hosts: z.array(
    z.object({
      name: z.string(),
      address: z.string(),
      power: z.enum(["on", "off", "booting"]),
      xapi: z.enum(["running", "hung", "stopped", "starting"]),
      network: z.enum(["connected", "cut"]),
      diskFull: z.boolean(),
    }),
  ),
  /** links that are cut, by host name, per direction */
  cutLinks: z.array(z.object({ from: z.string(), to: z.string() })),
});

const hostName = z.string();

export const demoActionSchema = z.discriminatedUnion("action", [
  z.object({ action: z.literal("cut-power"), host: hostName }),
  z.object({ action: z.literal("power-on"), host: hostName }),
  z.object({ action: z.literal("cut-network"), host: hostName }),
  z.object({ action: z.literal("restore-network"), host: hostName }),
  z.object({ action: z.literal("cut-link"), from: hostName, to: hostName }),
  z.object({ action: z.literal("restore-link"), from: hostName, to: hostName }),
  z.object({ action: z.literal("hang-xapi"), host: hostName }),
  z.object({ action: z.literal("resume-xapi"), host: hostName }),
  z.object({ action: z.literal("kill-xapi"), host: hostName }),
  z.object({ action: z.literal("shell-reboot"), host: hostName }),
  z.object({ action: z.literal("fill-disk"), host: hostName }),
  z.object({ action: z.literal("free-disk"), host: hostName }),
]);

export type DemoState = z.infer<typeof demoStateSchema>;
export type DemoAction = z.infer<typeof demoActionSchema>;
