import type { ConsoleError } from "../contract/errors.ts";

/**
 * A failure with everything a person needs; handlers throw it, the dispatcher turns it into a
 * frame.
 */
export class ConsoleProblem extends Error {
  readonly error: ConsoleError;
  constructor(error: ConsoleError, cause?: unknown) {
    super(error.sentence, cause === undefined ? undefined : { cause });
    this.name = "ConsoleProblem";
    this.error = error;
  }
}

/** A problem nobody can expect to pass by itself; give `retryable` where it may. */
export function problem(
  code: string,
  sentence: string,
  nextStep: string,
  more: { readonly retryable?: boolean; readonly detail?: string } = {},
): ConsoleProblem {
  return new ConsoleProblem(consoleError(code, sentence, nextStep, more));
}

export function consoleError(
  code: string,
  sentence: string,
  nextStep: string,
  more: { readonly retryable?: boolean; readonly detail?: string } = {},
): ConsoleError {
  return {
    code,
    sentence,
    nextStep,
    retryable: more.retryable ?? false,
    ...(more.detail === undefined ? {} : { detail: more.detail }),
  };
}
