const BARS = "▁▂▃▄▅▆▇█";
const MIB = 1024 * 1024;

/** Numbers as a line of bars, one each; the lowest bar is the least of them, the highest the greatest. */
export function sparkline(values: readonly number[]): string {
  const least = Math.min(...values);
  const span = Math.max(...values) - least;
  const bar = (value: number): string => BARS[span === 0 ? 0 : Math.round(((value - least) / span) * 7)] ?? "";
  return values.map(bar).join("");
}

/** As `sparkline`, by the logarithm: for times, of which few are far longer than the rest. */
export function logSparkline(values: readonly number[]): string {
  return sparkline(values.map(Math.log));
}

/** How much of a whole is there, as a bar of `width` characters. */
export function gauge(part: number, whole: number, width = 20): string {
  const full = Math.max(0, Math.min(width, Math.round((part / whole) * width)));
  return "█".repeat(full) + "·".repeat(width - full);
}

/** Bytes in MiB. */
export function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(2)} MiB`;
}

/** A number with its thousands set apart. */
export function grouped(value: number): string {
  return value.toLocaleString("en");
}

/** The middle of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

/** Formats a time in ms for people. */
export function duration(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
