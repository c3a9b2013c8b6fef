import type { Clock } from "@sluice/core";

/** Something that is to happen at a time. */
export interface Deadline {
  /** Milliseconds of the {@link Deadlines}' own time; stays the same while it is in there. */
  readonly atMs: number;
  /** The time has come. Called at most once per `add`, and after it `remove` does nothing. Must not throw. */
  reached(): void;
}

/** How {@link Deadlines} tell the time, and how finely. */
export interface DeadlineTime {
  readonly bucketMs: number;
  readonly now: (clock: Clock) => number;
}

const WALL_CLOCK: DeadlineTime = { bucketMs: 1_000, now: (clock) => clock.now() };

/**
 * Any number of deadlines on one timer: a bucket per second, looked at once a second while there is one. A deadline on
 * a whole second is met within the timer's own precision, any other up to a second late, none early.
 *
 * It goes by the wall clock and looks again every second, so that a clock that is set, a suspended machine or a date
 * beyond what `setTimeout` can count to (24.8 days) can't make it miss one. Buckets of another width, and another time,
 * can be asked for.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #time: DeadlineTime;
  readonly #buckets = new Map<number, Set<Deadline>>();
  #earliest = Infinity;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, time: DeadlineTime = WALL_CLOCK) {
    this.#clock = clock;
    this.#time = time;
  }

  /** How many deadlines wait. */
  get size(): number {
    let size = 0;
    for (const bucket of this.#buckets.values()) size += bucket.size;
    return size;
  }

  /** Watches the deadline; one that has passed is reached soon, but not before this returns. */
  add(deadline: Deadline): void {
    const slot = this.#slotOf(deadline);
    const bucket = this.#buckets.get(slot);
    if (bucket === undefined) this.#buckets.set(slot, new Set([deadline]));
    else bucket.add(deadline);
    if (slot >= this.#earliest && this.#cancel !== undefined) return;
    this.#earliest = Math.min(this.#earliest, slot);
    this.#arm();
  }

  /** Forgets the deadline, if it is there. */
  remove(deadline: Deadline): void {
    const slot = this.#slotOf(deadline);
    const bucket = this.#buckets.get(slot);
    if (bucket?.delete(deadline) !== true || bucket.size > 0) return;
    this.#buckets.delete(slot);
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
    const { bucketMs, now } = this.#time;
    // Whole milliseconds: a fraction could be too little to be added to the time.
    const untilDueMs = Math.ceil(this.#earliest * bucketMs - now(this.#clock));
    this.#cancel = this.#clock.after(Math.min(Math.max(untilDueMs, 0), bucketMs), () => this.#look());
  }

  #look(): void {
    this.#cancel = undefined;
    const { bucketMs, now } = this.#time;
    const nowMs = now(this.#clock);
    if (this.#earliest * bucketMs <= nowMs) this.#expire(nowMs);
    if (this.#buckets.size > 0) this.#arm();
  }

  #expire(nowMs: number): void {
    const buckets = [...this.#buckets];
    for (const [slot, bucket] of buckets) {
      if (slot * this.#time.bucketMs > nowMs) continue;
      // What one deadline does may remove another one, or add one: only those that were there and still are count.
      const deadlines = [...bucket];
      for (const deadline of deadlines) if (bucket.delete(deadline)) deadline.reached();
      // By now another bucket may stand in its place.
      if (bucket.size === 0 && this.#buckets.get(slot) === bucket) this.#buckets.delete(slot);
    }
    this.#earliest = Infinity;
    for (const slot of this.#buckets.keys()) this.#earliest = Math.min(this.#earliest, slot);
  }

  #slotOf(deadline: Deadline): number {
    return Math.ceil(deadline.atMs / this.#time.bucketMs);
  }
}
