const SHORTEST_MS = 20;
const LONGEST_MS = 180_000;
/** Behind the present there is a little room, so that labels of the newest arrows can be read. */
const AHEAD = 0.04;
/** Who does not like motion sees a page that is turned, this much of it at once. */
const PAGE_TURN = 0.25;

/**
 * The part of the time axis that is shown, the same for all lanes. It follows the present, or stands still.
 */
export class TimeWindow {
  readonly #now: () => number;
  readonly #isCalm: () => boolean;
  /** Before this there is nothing to see. */
  readonly #begin: number;
  #spanMs: number;
  /** Its right edge, if it stands still. */
  #stoodAt: number | null = null;

  /** @param isCalm whether it moves in steps rather than all the time */
  constructor(now: () => number, spanMs: number, isCalm: () => boolean) {
    this.#now = now;
    this.#spanMs = spanMs;
    this.#isCalm = isCalm;
    this.#begin = now();
  }

  get spanMs(): number {
    return this.#spanMs;
  }

  get isFollowing(): boolean {
    return this.#stoodAt === null;
  }

  get to(): number {
    if (this.#stoodAt !== null) return this.#stoodAt;
    const now = this.#now();
    if (!this.#isCalm()) return now + this.#spanMs * AHEAD;
    const step = this.#spanMs * PAGE_TURN;
    return (Math.floor(now / step) + 1) * step;
  }

  get from(): number {
    return this.to - this.#spanMs;
  }

  stop(): void {
    this.#stoodAt ??= this.to;
  }

  follow(): void {
    this.#stoodAt = null;
  }

  /** Shows what is so much later (or, if negative, earlier), as far as there is something. */
  pan(byMs: number): void {
    this.stop();
    this.#stoodAt = this.#within(this.to + byMs);
  }

  /** Makes the span so many times as long. The time at `anchor`, 0 (left) to 1 (right), stays where it is. */
  zoom(factor: number, anchor: number): void {
    const spanMs = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, this.#spanMs * factor));
    const fixed = this.from + this.#spanMs * anchor;
    this.#spanMs = spanMs;
    if (this.#stoodAt !== null) this.#stoodAt = this.#within(fixed + spanMs * (1 - anchor));
  }

  /** Moves just as far as is needed to see the time well. */
  reveal(time: number): void {
    this.stop();
    const margin = this.#spanMs * 0.15;
    if (time < this.from + margin) this.pan(time - margin - this.from);
    else if (time > this.to - margin) this.pan(time + margin - this.to);
  }

  /** The place of a time on an axis of this width. */
  x(time: number, width: number): number {
    return ((time - this.from) / this.#spanMs) * width;
  }

  /** A right edge that leaves something to be seen. */
  #within(to: number): number {
    return Math.min(this.#now() + this.#spanMs / 2, Math.max(this.#begin + this.#spanMs / 4, to));
  }
}
