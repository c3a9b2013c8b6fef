import type { Job } from "./lane.ts";
import type { Origin } from "./origin.ts";

/** Of one hook at once. */
const PER_HOOK = 5;
/** Part of all slots that retries may take. */
const RETRY_PART = 0.3;

/** Counts the requests under way, of each flow, of its origin and in all, and knows whether there may be more. */
export class Slots {
  readonly #most: number;
  #inFlight = 0;
  #retriesInFlight = 0;
  #whenIdle: (() => void) | null = null;

  /** @param most in all */
  constructor(most: number) {
    this.#most = most;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get retriesInFlight(): number {
    return this.#retriesInFlight;
  }

  get hasRoom(): boolean {
    return this.#inFlight < this.#most;
  }

  /** Whether a request to that origin may be one that is not the first for its event. */
  hasRoomForRetry(origin: Origin): boolean {
    const mostRetries = Math.max(1, Math.floor(this.#most * RETRY_PART));
    return this.#retriesInFlight < mostRetries && origin.hasRoomForRetry();
  }

  /** Whether there may be one more of a hook. */
  hasRoomForHook(inFlight: number): boolean {
    return inFlight < PER_HOOK;
  }

  /** A request for the job begins. */
  take(job: Job, origin: Origin | null): void {
    this.#add(job, origin, 1);
  }

  /** It has ended; to be told with the same origin, whatever the hook's is by now. */
  give(job: Job, origin: Origin | null): void {
    this.#add(job, origin, -1);
  }

  /** To be called when all that the end of a request leads to has been done. */
  settled(): void {
    if (this.#inFlight === 0) this.#whenIdle?.();
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle = resolve;
    });
  }

  #add({ flow, attempts }: Job, origin: Origin | null, change: 1 | -1): void {
    flow.inFlight += change;
    this.#inFlight += change;
    if (origin !== null) origin.inFlight += change;
    if (attempts === 0) return;
    this.#retriesInFlight += change;
    if (origin !== null) origin.retriesInFlight += change;
  }
}
