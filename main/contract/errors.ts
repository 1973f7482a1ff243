import { z } from "zod";

/**
 * Every failure that reaches a person. `sentence` names the object and what happened, `nextStep`
 * what to do now; both are complete sentences in plain words. `code` is for programs and tests.
 */
export const consoleErrorSchema = z.object({
  code: z.string(),
  sentence: z.string(),
  nextStep: z.string(),
  /** true: the same call may succeed later without anybody changing anything */
  retryable: z.boolean(),
  /** for the details fold: XAPI code and parameters with names instead of references */
  detail: z.string().optional(),
});

export type ConsoleError = z.infer<typeof consoleErrorSchema>;
