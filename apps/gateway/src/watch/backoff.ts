const BASE_MS = 500;
const CAP_MS = 15_000;
/** What is added to a wait that many others were told too. */
const SPREAD_MS = 500;

/**
 * How long to wait before coming back: full jitter over a ceiling that doubles with each attempt in vain, and never
 * less than what the gateway asked for.
 */
export function backoffMs(attempt: number, askedMs: number | null, random: number): number {
  if (askedMs !== null) return askedMs + random * SPREAD_MS;
  return random * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 10));
}
