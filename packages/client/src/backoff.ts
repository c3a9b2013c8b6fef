const BASE_MS = 500;
const CAP_MS = 30_000;
/** What is added to a wait that many others were told too. */
const SPREAD_MS = 500;

/**
 * Milliseconds to wait before coming back: full jitter below a ceiling that doubles with each attempt in vain; what the
 * gateway asked for is the least. `random` is in [0, 1).
 */
export function backoffMs(attempt: number, toldMs: number | null, random: number): number {
  const ownMs = random * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 10));
  return toldMs === null ? ownMs : Math.max(ownMs, toldMs + random * Math.min(SPREAD_MS, toldMs));
}
