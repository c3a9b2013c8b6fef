/** Upper bounds of the buckets, in seconds: from half a millisecond, where a quiet gateway is, to a reader far behind. */
export const LAG_BUCKETS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** A histogram that is cheap to fill: one bucket is searched for a whole batch, however many readers got it. */
export class LagHistogram {
  /** Counts by bucket, not cumulative; the last is for what is above all bounds. */
  readonly counts: number[] = Array.from({ length: LAG_BUCKETS.length + 1 }, () => 0);
  sumSeconds = 0;

  /** Notes `times` observations of the same lag. */
  observe(lagMs: number, times: number): void {
    const seconds = lagMs / 1000;
    let bucket = 0;
    while (bucket < LAG_BUCKETS.length && seconds > (LAG_BUCKETS[bucket] as number)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] as number) + times;
    this.sumSeconds += seconds * times;
  }
}
