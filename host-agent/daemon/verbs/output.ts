import type { ActAnswer } from "../../contract/verbs.ts";

/* One place that writes answers: a line of JSON for programs, sentences for people. */

export function sayJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`);
}

export function answer(isJson: boolean, value: unknown, sentences: readonly string[]): void {
  if (isJson) sayJson(value);
  else for (const sentence of sentences) say(sentence);
}

/** The answer of a verb that writes. */
export function acted(isJson: boolean, changed: boolean, sentence: string): number {
  answer(isJson, { ok: true, changed, sentence } satisfies ActAnswer, [sentence]);
  return 0;
}
