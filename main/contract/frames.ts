import { z } from "zod";
import { consoleErrorSchema } from "./errors.ts";

/**
 * What travels on the pipe between a window and the backend, JSON text only, whatever the shell.
 *
 * The window writes `request` and `cancel`; the backend writes `reply` (one per query or command),
 * `item` and `end` (streams). `id` is chosen by the window and unique while a call is open.
 */
export const clientFrameSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("request"),
    id: z.number().int(),
    name: z.string(),
    input: z.unknown(),
  }),
  z.object({ kind: z.literal("cancel"), id: z.number().int() }),
]);

export const serverFrameSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("reply"), id: z.number().int(), value: z.unknown() }),
  z.object({ kind: z.literal("refused"), id: z.number().int(), error: consoleErrorSchema }),
  z.object({ kind: z.literal("item"), id: z.number().int(), value: z.unknown() }),
  z.object({ kind: z.literal("end"), id: z.number().int(), error: consoleErrorSchema.nullable() }),
]);

export type ClientFrame = z.infer<typeof clientFrameSchema>;
export type ServerFrame = z.infer<typeof serverFrameSchema>;

/**
 * One end of a pipe. `send` takes JSON text; `onText` replaces the only reader; a pipe that was
 * closed by either end calls `onClose` once and drops what is sent afterwards.
 */
export interface Pipe {
  send(text: string): void;
  onText(reader: (text: string) => void): void;
  onClose(listener: () => void): void;
  close(): void;
  /**
   * Bytes taken by `send` that have not left yet. The backend holds streams back and merges their
   * items while this is high; absent where delivery is immediate.
   */
  pendingBytes?(): number;
}
