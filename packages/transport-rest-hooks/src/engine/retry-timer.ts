import type { Clock, Logger } from "@sluice/core";
import type { HookStore } from "../store/hook-store.ts";
import { LONGEST_TIMER_MS } from "./schedule.ts";
import type { HeldLane } from "../store/store-messages.ts";

/** Held lanes that are fetched at once. */
const FETCHED = 64;
/** How soon is asked again when the store did not answer. */
const AGAIN_MS = 1000;

/** Options of {@link RetryTimer}. */
export interface RetryTimerOptions {
  readonly store: HookStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds that never step back, near the wall clock: what due times are kept in. */
  readonly nowMs: () => number;
  readonly onDue: (lane: HeldLane) => void;
}

/** Fetches held lanes from the store when they are due: one timer for all of them, whose index the store has. */
export class RetryTimer {
  readonly #options: RetryTimerOptions;
  #dueAtMs: number | null = null;
  #cancel: (() => void) | null = null;
  #isFetching = false;
  #isStopped = false;

  constructor(options: RetryTimerOptions) {
    this.#options = options;
  }

  /** The store says when the next lane is due. */
  next(dueAtMs: number | null): void {
    if (dueAtMs === this.#dueAtMs && this.#cancel !== null) return;
    this.#dueAtMs = dueAtMs;
    this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
    this.#cancel = null;
  }

  #arm(): void {
    this.#cancel?.();
    this.#cancel = null;
    if (this.#dueAtMs === null || this.#isFetching || this.#isStopped) return;
    const waitMs = Math.min(Math.max(this.#dueAtMs - this.#options.nowMs(), 0), LONGEST_TIMER_MS);
    this.#cancel = this.#options.clock.after(waitMs, () => {
      this.#cancel = null;
      void this.#fetch();
    });
  }

  async #fetch(): Promise<void> {
    const { store, clock, logger, nowMs, onDue } = this.#options;
    if (this.#dueAtMs !== null && this.#dueAtMs > nowMs()) {
      this.#arm();
      return;
    }
    this.#isFetching = true;
    // What the answer says of the next one, it says before it is here.
    this.#dueAtMs = null;
    try {
      for (const lane of await store.due(nowMs(), FETCHED)) onDue(lane);
    } catch (error) {
      if (!this.#isStopped) {
        logger.warn({ err: error }, "held events can't be fetched");
        clock.after(AGAIN_MS, () => this.next(nowMs()));
      }
    }
    this.#isFetching = false;
    this.#arm();
  }
}
