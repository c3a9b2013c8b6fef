const FIRST_MS = 250;
const LONGEST_MS = 4_000;

/** How long to wait before the next attempt: twice as long after each failure, and never all clients at once. */
export class Backoff {
  #failures = 0;

  nextMs(): number {
    const longestMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    return longestMs * (0.5 + Math.random() / 2);
  }

  /** Something worked. */
  reset(): void {
    this.#failures = 0;
  }
}

/** Until the time is over, or the signal comes: then it is over at once. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    signal.addEventListener("abort", wake);
  });
}
