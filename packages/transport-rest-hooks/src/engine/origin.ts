import type { HookFlow } from "./hook-flow.ts";

const FIRST_LIMIT = 10;
/** The part of an origin's slots that retries may take, at least one. */
const RETRY_PART = 0.3;

/** All hooks with one scheme, host and port: they share its concurrency, and pause together. */
export class Origin {
  readonly key: string;
  readonly #most: number;
  /** Additive increase, multiplicative decrease. */
  #limit: number;
  inFlight = 0;
  retriesInFlight = 0;
  /** Steady milliseconds until which nothing is sent. */
  pausedUntilMs = 0;
  /** Flows that have something to send, in turn. */
  readonly flows: HookFlow[] = [];
  /** Whether it stands in the engine's ring. */
  isQueued = false;
  /** Hooks that there are. */
  hooks = 0;

  constructor(key: string, most: number) {
    this.key = key;
    this.#most = most;
    this.#limit = Math.min(FIRST_LIMIT, most);
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  hasRoom(nowMs: number): boolean {
    return this.inFlight < this.limit && this.pausedUntilMs <= nowMs;
  }

  hasRoomForRetry(): boolean {
    return this.retriesInFlight < Math.max(1, Math.floor(this.limit * RETRY_PART));
  }

  succeeded(): void {
    this.#limit = Math.min(this.#limit + 1, this.#most);
  }

  overloaded(): void {
    this.#limit = Math.max(1, this.#limit / 2);
  }

  pause(untilMs: number): void {
    this.pausedUntilMs = Math.max(this.pausedUntilMs, untilMs);
  }
}
