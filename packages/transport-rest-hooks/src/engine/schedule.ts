const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The waits before attempt 1, 2, … unless the operator or the owner says otherwise. */
export const DEFAULT_SCHEDULE_MS: readonly number[] = [
  0,
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

/** A wait with 20 % more or less, so that what failed together does not come back together. `random` is in [0, 1). */
export function jittered(waitMs: number, random: number): number {
  return Math.round(waitMs * (0.8 + 0.4 * random));
}

/** Wait before the next probe of a target whose breaker is open: 30 s, doubling to 30 min. */
export function probeWaitMs(probes: number): number {
  return Math.min(30 * SECOND * 2 ** Math.min(probes, 16), 30 * MINUTE);
}

/** `setTimeout` fires at once for what is longer than this: 24.8 days. */
export const LONGEST_TIMER_MS: number = 2 ** 31 - 1;
