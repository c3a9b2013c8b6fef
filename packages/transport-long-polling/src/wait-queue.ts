import type { Clock } from "@sluice/core";

/** What a {@link WaitQueue} holds. It leaves the queue when it is over. */
export interface QueuedWait {
  /** Monotonic milliseconds at which it runs out; the queue's own business. */
  endsAtMs: number;
  /** Its time is over. */
  answer(): void;
  /** It is not to wait any longer. */
  dismiss(): void;
}

/**
 * The waits of one length. They run out in the order in which they began, so one timer does for all: one of its own
 * costs a wait some 250 bytes and its closures.
 */
export class WaitQueue {
  readonly #clock: Clock;
  readonly #waitMs: number;
  readonly #waits = new Set<QueuedWait>();
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, waitMs: number) {
    this.#clock = clock;
    this.#waitMs = waitMs;
  }

  /** Puts a wait in: it is answered when its time is over, unless it has left by then. */
  add(wait: QueuedWait): void {
    wait.endsAtMs = Math.ceil(this.#clock.monotonic()) + this.#waitMs;
    this.#waits.add(wait);
    if (this.#cancel === null) this.#arm();
  }

  /** A wait is over. */
  remove(wait: QueuedWait): void {
    this.#waits.delete(wait);
    if (this.#waits.size > 0) return;
    this.#cancel?.();
    this.#cancel = null;
  }

  /** Answers all of them now. */
  dismiss(): void {
    for (const wait of this.#waits) wait.dismiss();
  }

  /** Sets the timer for the first wait, in place of the one that was set before. */
  #arm(): void {
    this.#cancel?.();
    this.#cancel = null;
    const [first] = this.#waits;
    if (first === undefined) return;
    this.#cancel = this.#clock.after(first.endsAtMs - this.#clock.monotonic(), () => this.#look());
  }

  #look(): void {
    const nowMs = this.#clock.monotonic();
    for (const wait of this.#waits) {
      if (wait.endsAtMs > nowMs) break;
      wait.answer();
    }
    this.#arm();
  }
}
