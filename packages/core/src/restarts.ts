import type { Clock } from "./clock.ts";

const AGAIN_MS = 100;
const AGAIN_MAX_MS = 30_000;
const SETTLED_MS = 60_000;

/** How soon something that ended by itself is started again: twice as late each time, as long as none lives for a minute. */
export class Restarts {
  readonly #clock: Clock;
  #startedAtMs = 0;
  #inARow = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How often it has ended without living for a minute in between. */
  get inARow(): number {
    return this.#inARow;
  }

  /** It is started now. */
  started(): void {
    this.#startedAtMs = this.#clock.monotonic();
  }

  /** It has ended by itself: in how many milliseconds it is to be started again. */
  ended(): number {
    this.#inARow = this.#clock.monotonic() - this.#startedAtMs >= SETTLED_MS ? 1 : this.#inARow + 1;
    return Math.min(AGAIN_MS * 2 ** (this.#inARow - 1), AGAIN_MAX_MS);
  }
}
