/** Microseconds per millisecond. */
const US_PER_MS = 1000;
const [seconds, nanoseconds] = process.hrtime();
const OFFSET_MS = seconds * 1000 + nanoseconds / 1e6 - performance.now();

/**
 * Milliseconds on the machine's monotonic clock: the same in all processes of one machine, whatever happens to the
 * time of day.
 */
export function nowMs(): number {
  return performance.now() + OFFSET_MS;
}

/** Whole microseconds of a time in milliseconds. */
export function toUs(ms: number): number {
  return Math.round(ms * US_PER_MS);
}

/** Milliseconds of a time in microseconds. */
export function toMs(us: number): number {
  return us / US_PER_MS;
}

/** Resolves at that time of {@link nowMs}, or at once if it is over. */
export function at(timeMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, timeMs - nowMs())));
}
