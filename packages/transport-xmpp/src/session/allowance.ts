import type { Clock } from "@sluice/core";

/** A client that starts asks many things at once: it may save up for so many seconds. */
const BURST_SECONDS = 10;

/** How much a client may still send: a token bucket. */
export class Allowance {
  readonly #perSecond: () => number;
  readonly #clock: Clock;
  #tokens: number;
  #filledAtMs: number;

  constructor(perSecond: () => number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#tokens = perSecond() * BURST_SECONDS;
    this.#filledAtMs = clock.monotonic();
  }

  /** Whether one more may come. */
  take(): boolean {
    const nowMs = this.#clock.monotonic();
    const gained = ((nowMs - this.#filledAtMs) / 1000) * this.#perSecond();
    this.#filledAtMs = nowMs;
    this.#tokens = Math.min(this.#perSecond() * BURST_SECONDS, this.#tokens + gained);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** One that came is not held against the client. */
  giveBack(): void {
    this.#tokens = Math.min(this.#perSecond() * BURST_SECONDS, this.#tokens + 1);
  }
}
