import type { Clock } from "@sluice/core";
import type { Wait } from "./wait.ts";

/**
 * The waits of one length. They run out in the order in which they began, so one timer does for all: one of its own
 * costs a wait some 250 bytes and its closures.
 */
export class WaitQueue {
  readonly #clock: Clock;
  readonly #waitMs: number;
  readonly #waits = new Set<Wait>();
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, waitMs: number) {
    this.#clock = clock;
    this.#waitMs = waitMs;
  }

  /** Puts a wait in: it is answered when its time is over, unless it has left by then. */
  add(wait: Wait): void {
    wait.endsAtMs = Math.ceil(this.#clock.monotonic()) + this.#waitMs;
    this.#waits.add(wait);
    if (this.#cancel === null) this.#arm(this.#waitMs);
  }

  /** A wait is over. */
  remove(wait: Wait): void {
    this.#waits.delete(wait);
    if (this.#waits.size > 0) return;
    this.#cancel?.();
    this.#cancel = null;
  }

  /** Answers all of them now. */
  dismiss(): void {
    for (const wait of this.#waits) wait.dismiss();
  }

  #arm(delayMs: number): void {
    this.#cancel = this.#clock.after(delayMs, () => this.#look());
  }

  #look(): void {
    this.#cancel = null;
    const nowMs = this.#clock.monotonic();
    for (const wait of this.#waits) {
      if (wait.endsAtMs > nowMs) {
        this.#arm(wait.endsAtMs - nowMs);
        return;
      }
      wait.answer();
    }
  }
}
