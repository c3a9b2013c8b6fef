import type { Clock } from "@sluice/core";

/** In how many steps a round is made, so that no step takes long. */
const STEPS = 16;

/**
 * Looks at all members of a set again and again: at each at least once per period, at a slice at a time. What joins
 * while a round is made is met at its end. One timer in all, and none while the set is empty.
 */
export class Rounds<Member> {
  readonly #clock: Clock;
  readonly #members: ReadonlySet<Member>;
  readonly #look: (member: Member) => void;
  #periodMs: number | null = null;
  #round: IterableIterator<Member> | undefined;
  #slice = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, members: ReadonlySet<Member>, look: (member: Member) => void) {
    this.#clock = clock;
    this.#members = members;
    this.#look = look;
  }

  /** Changes the period; `null`: no rounds are made. */
  setPeriod(periodMs: number | null): void {
    if (periodMs === this.#periodMs) return;
    this.#periodMs = periodMs;
    this.stop();
    this.wake();
  }

  /** Goes on if it rested: to be called when the set is no longer empty. */
  wake(): void {
    if (this.#periodMs === null || this.#cancel !== undefined || this.#members.size === 0) return;
    // Two steps to spare, since the set may grow meanwhile.
    const stepMs = Math.max(1, Math.floor(this.#periodMs / (STEPS + 2)));
    this.#cancel = this.#clock.after(stepMs, () => this.#step());
  }

  /** Rests. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#round = undefined;
  }

  #step(): void {
    this.#cancel = undefined;
    if (this.#round === undefined) {
      this.#round = this.#members.values();
      this.#slice = 0;
    }
    // A set that shrinks must not make its round longer.
    this.#slice = Math.max(this.#slice, Math.ceil(this.#members.size / STEPS));
    for (let count = 0; count < this.#slice; count += 1) {
      const { done, value } = this.#round.next();
      if (done === true) {
        this.#round = undefined;
        break;
      }
      this.#look(value);
    }
    this.wake();
  }
}
