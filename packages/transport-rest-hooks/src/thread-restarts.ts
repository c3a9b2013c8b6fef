import type { Clock } from "@sluice/core";

const AGAIN_MS = 100;
const AGAIN_MAX_MS = 30_000;
const SETTLED_MS = 60_000;

/** How soon a thread that ended by itself is started again: twice as late each time, as long as none lives for a minute. */
export class ThreadRestarts {
  readonly #clock: Clock;
  #startedAtMs = 0;
  #ends = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A thread is started now. */
  started(): void {
    this.#startedAtMs = this.#clock.monotonic();
  }

  /** It has ended by itself: in how many milliseconds the next one is to be started. */
  ended(): number {
    this.#ends = this.#clock.monotonic() - this.#startedAtMs >= SETTLED_MS ? 1 : this.#ends + 1;
    return Math.min(AGAIN_MS * 2 ** (this.#ends - 1), AGAIN_MAX_MS);
  }
}
