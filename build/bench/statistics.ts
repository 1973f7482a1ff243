/** The value below which this share (0..1) of the samples lies, by the nearest-rank rule. */
export function quantile(samples: readonly number[], share: number): number {
  if (samples.length === 0) {
    throw new Error("quantile of no samples");
  }
  const sorted = [...samples].sort((a, b) => a - b);
  const rank = Math.min(sorted.length, Math.max(1, Math.ceil(share * sorted.length)));
  return sorted[rank - 1] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

/** Rounds for reading; a measurement claims no more digits than it has. */
export const rounded = (value: number, digits = 0): number => Number(value.toFixed(digits));
