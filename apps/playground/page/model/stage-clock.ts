/** What is told of the time is late by its way here. Nearer than this, it is the same clock. */
const SAME_CLOCK_MS = 1_000;

/** The stage's time, by this page's own clock: what the page shows and what the taps have seen has one axis. */
export class StageClock {
  readonly #own: () => number;
  /** The stage's time less this page's; 0 on one machine, where they share the clock. */
  #offsetMs = 0;

  /** @param own the page's clock, in milliseconds with fractions */
  constructor(own: () => number) {
    this.#own = own;
  }

  /** The stage has said what time it is, and it has just arrived. */
  heard(at: number): void {
    const offsetMs = at - this.#own();
    this.#offsetMs = Math.abs(offsetMs) < SAME_CLOCK_MS ? 0 : offsetMs;
  }

  now(): number {
    return this.#own() + this.#offsetMs;
  }
}
