import type { Clock } from "@sluice/core";

/** Something that is to happen at a time. */
export interface Deadline {
  /** Wall-clock milliseconds; stays the same while the deadline is in a {@link Deadlines}. */
  readonly atMs: number;
  /** The time has come. Called at most once per `add`, and after it `remove` does nothing. Must not throw. */
  reached(): void;
}

const BUCKET_MS = 1_000;

/**
 * Any number of deadlines on one timer: a bucket per second, looked at once a second while there is one. A deadline on
 * a whole second is met within the timer's own precision, any other up to a second late, none early.
 *
 * It goes by the wall clock and looks again every second, so that a clock that is set, a suspended machine or a date
 * beyond what `setTimeout` can count to (24.8 days) can't make it miss one.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #buckets = new Map<number, Set<Deadline>>();
  #earliest = Infinity;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many deadlines wait. */
  get size(): number {
    let size = 0;
    for (const bucket of this.#buckets.values()) size += bucket.size;
    return size;
  }

  /** Watches the deadline; one that has passed is reached soon, but not before this returns. */
  add(deadline: Deadline): void {
    const second = secondOf(deadline);
    const bucket = this.#buckets.get(second);
    if (bucket === undefined) this.#buckets.set(second, new Set([deadline]));
    else bucket.add(deadline);
    if (second >= this.#earliest && this.#cancel !== undefined) return;
    this.#earliest = Math.min(this.#earliest, second);
    this.#arm();
  }

  /** Forgets the deadline, if it is there. */
  remove(deadline: Deadline): void {
    const second = secondOf(deadline);
    const bucket = this.#buckets.get(second);
    if (bucket?.delete(deadline) !== true || bucket.size > 0) return;
    this.#buckets.delete(second);
    // An earliest that is too early costs one look; only the last one to go matters.
    if (this.#buckets.size === 0) this.close();
  }

  /** Forgets all deadlines. */
  close(): void {
    for (const bucket of this.#buckets.values()) bucket.clear();
    this.#buckets.clear();
    this.#earliest = Infinity;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(): void {
    this.#cancel?.();
    const untilDueMs = this.#earliest * BUCKET_MS - this.#clock.now();
    this.#cancel = this.#clock.after(Math.min(Math.max(untilDueMs, 0), BUCKET_MS), () => this.#look());
  }

  #look(): void {
    this.#cancel = undefined;
    const nowMs = this.#clock.now();
    if (this.#earliest * BUCKET_MS <= nowMs) this.#expire(nowMs);
    if (this.#buckets.size > 0) this.#arm();
  }

  #expire(nowMs: number): void {
    const buckets = [...this.#buckets];
    for (const [second, bucket] of buckets) {
      if (second * BUCKET_MS > nowMs) continue;
      // What one deadline does may remove another one, or add one: only those that were there and still are count.
      const deadlines = [...bucket];
      for (const deadline of deadlines) if (bucket.delete(deadline)) deadline.reached();
      // By now another bucket may stand in its place.
      if (bucket.size === 0 && this.#buckets.get(second) === bucket) this.#buckets.delete(second);
    }
    this.#earliest = Infinity;
    for (const second of this.#buckets.keys()) this.#earliest = Math.min(this.#earliest, second);
  }
}

function secondOf(deadline: Deadline): number {
  return Math.ceil(deadline.atMs / BUCKET_MS);
}
