import type { Clock } from "@sluice/core";

/**
 * The time at which events are stored: Unix milliseconds that never fall, also over a restart, and that go on
 * rising where the wall clock was put back.
 */
export class StoringTime {
  readonly #clock: Clock;
  #nowMs: number;
  #measuredAtMs: number;

  /** A time that begins at `lastMs` at the earliest. */
  constructor(clock: Clock, lastMs: number) {
    this.#clock = clock;
    this.#nowMs = lastMs;
    this.#measuredAtMs = clock.monotonic();
  }

  now(): number {
    const measuredAtMs = this.#clock.monotonic();
    this.#nowMs = Math.max(this.#clock.now(), this.#nowMs + measuredAtMs - this.#measuredAtMs);
    this.#measuredAtMs = measuredAtMs;
    return Math.floor(this.#nowMs);
  }
}
