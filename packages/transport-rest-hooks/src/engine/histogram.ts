/** Upper bounds of the buckets, in seconds. */
export const BUCKETS: readonly number[] = [
  0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 600, 3600,
];

/** Counts observations by size, cheaply. */
export class Histogram {
  /** By bucket, not cumulative; the last is for what is above all bounds. */
  readonly counts: number[] = Array.from({ length: BUCKETS.length + 1 }, () => 0);
  sumSeconds = 0;

  observe(ms: number): void {
    const seconds = Math.max(ms, 0) / 1000;
    let bucket = 0;
    while (bucket < BUCKETS.length && seconds > (BUCKETS[bucket] as number)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.sumSeconds += seconds;
  }
}
