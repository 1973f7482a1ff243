/* How numbers are said, the same in every sentence. */

/** At most two decimals: more would claim a precision that no clock here has. */
export function plain(value: number): number {
  return Math.round(value * 100) / 100;
}

export function ms(value: number): string {
  return `${plain(value)} ms`;
}

/** "2.9 s", "4 min 10 s", "340 ms": for sentences. */
export function span(valueMs: number): string {
  const size = Math.abs(valueMs);
  if (size < 1000) return `${Math.round(valueMs)} ms`;
  if (size < 60_000) return `${Math.round(valueMs / 100) / 10} s`;
  const seconds = Math.round(valueMs / 1000);
  const minutes = Math.trunc(seconds / 60);
  if (size < 3_600_000) return `${minutes} min ${Math.abs(seconds % 60)} s`;
  return `${Math.trunc(minutes / 60)} h ${Math.abs(minutes % 60)} min`;
}

export function count(value: number, one: string, many: string): string {
  return `${value} ${value === 1 ? one : many}`;
}

/** "a", "a and b", "a, b and c". */
export function list(words: readonly string[]): string {
  if (words.length <= 1) return words[0] ?? "";
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
