import type { Clock } from "@sluice/core";

const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/** The waits before one attempt after the other: doubling up to half a minute, each anywhere in its upper half. */
export class Backoff {
  readonly #clock: Clock;
  #nextMs: number = FIRST_MS;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until the next attempt. */
  next(): number {
    const longestMs = this.#nextMs;
    this.#nextMs = Math.min(longestMs * 2, LONGEST_MS);
    return longestMs * (0.5 + this.#clock.random() / 2);
  }

  /** It went well: the next failure is a first one again. */
  reset(): void {
    this.#nextMs = FIRST_MS;
  }
}
