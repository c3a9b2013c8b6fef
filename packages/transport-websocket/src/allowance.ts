/** How a message fares. */
export type Allowed = "granted" | "refused" | "flooded";

/** Refusals are counted for so long… */
const FLOOD_WINDOW_MS = 10_000;
/** …and more than the messages of so many seconds are a flood… */
const FLOOD_SECONDS = 2;
/** …but never so few as this. */
const MIN_FLOOD = 10;

/**
 * How many messages a client may still send: a token bucket that holds those of one second. A message that is refused
 * costs nothing, so that a client a little over the limit gets most of its messages through; one that does not care
 * for refusals floods.
 */
export class Allowance {
  #tokens: number;
  #filledAtMs: number;
  #refusals = 0;
  #refusalsSinceMs = 0;

  constructor(perSecond: number, nowMs: number) {
    this.#tokens = Math.max(1, perSecond);
    this.#filledAtMs = nowMs;
  }

  /** Asks for one message. `perSecond` is the limit of now; `nowMs` is monotonic. */
  take(perSecond: number, nowMs: number): Allowed {
    const gained = ((nowMs - this.#filledAtMs) / 1000) * perSecond;
    this.#tokens = Math.min(Math.max(1, perSecond), this.#tokens + gained);
    this.#filledAtMs = nowMs;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return "granted";
    }
    if (nowMs - this.#refusalsSinceMs > FLOOD_WINDOW_MS) {
      this.#refusals = 0;
      this.#refusalsSinceMs = nowMs;
    }
    this.#refusals += 1;
    return this.#refusals > Math.max(MIN_FLOOD, FLOOD_SECONDS * perSecond) ? "flooded" : "refused";
  }
}
