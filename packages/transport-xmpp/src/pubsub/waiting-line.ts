/** Somebody who wants to send much, and has to wait until there is room. */
export interface Waiting {
  /** There is: until {@link WaitingLine.add} again or {@link WaitingLine.done}. */
  turn(): void;
}

/** All who wait for room on one stream, in the order in which they came: ten thousand that were told at once would not fit. */
export class WaitingLine {
  readonly #atOnce: number;
  readonly #isOpen: () => boolean;
  readonly #waiting = new Set<Waiting>();
  readonly #served = new Set<Waiting>();
  #isMoving = false;

  /**
   * @param atOnce so many may be at it at once: each reads a page of the log and sends it
   * @param isOpen whether there is room; {@link move} is to be called when there is again
   */
  constructor(atOnce: number, isOpen: () => boolean) {
    this.#atOnce = atOnce;
    this.#isOpen = isOpen;
  }

  /** Queues up, at the end. */
  add(one: Waiting): void {
    this.#served.delete(one);
    this.#waiting.add(one);
    this.move();
  }

  /** Wants nothing for now. */
  done(one: Waiting): void {
    this.#waiting.delete(one);
    if (this.#served.delete(one)) this.move();
  }

  /** Lets in as many as there is room for. */
  move(): void {
    // A turn that ends at once comes back to here: a loop, so that the stack stays flat.
    if (this.#isMoving) return;
    this.#isMoving = true;
    while (this.#served.size < this.#atOnce && this.#isOpen()) {
      const [first] = this.#waiting;
      if (first === undefined) break;
      this.#waiting.delete(first);
      this.#served.add(first);
      first.turn();
    }
    this.#isMoving = false;
  }

  clear(): void {
    this.#waiting.clear();
    this.#served.clear();
  }
}
