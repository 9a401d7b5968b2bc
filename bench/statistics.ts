/** The middle of the values, or the mean of the two in the middle. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** A median and the range it is the middle of. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Sums up values: their median, least and greatest. */
export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * How many times better `ours` is than `theirs`, round by round: the two were measured one after the other, so what else
 * the machine did at the time weighs on both.
 */
export function pairedRatios(ours: readonly number[], theirs: readonly number[], better: "more" | "less"): number[] {
  if (ours.length !== theirs.length) throw new Error(`${ours.length} rounds cannot be paired with ${theirs.length}`);
  return ours.map((value, round) => {
    const other = theirs[round] as number;
    return better === "more" ? value / other : other / value;
  });
}
