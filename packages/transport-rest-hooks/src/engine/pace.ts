/** Time for one portion of work on the event loop. */
const PORTION_MS = 0.25;
/** After one in which not all was done, the loop is everybody else's for so long. */
const PAUSE_MS = 1;

/**
 * Does work on the event loop in small portions, with pauses between them when there is much of it: what somebody else has
 * to do there takes a few turns of the loop, and each would be longer by all that hooks have to do in it.
 */
export class Pace {
  readonly #work: (isOver: () => boolean) => boolean;
  #isComing = false;

  /** @param work does some of what there is, until it is over; whether there is more */
  constructor(work: (isOver: () => boolean) => boolean) {
    this.#work = work;
  }

  /** There is something to do. */
  wake(): void {
    if (this.#isComing) return;
    this.#isComing = true;
    setImmediate(() => this.#come());
  }

  #come(): void {
    const endMs = performance.now() + PORTION_MS;
    this.#isComing = this.#work(() => performance.now() >= endMs);
    if (this.#isComing) setTimeout(() => this.#come(), PAUSE_MS);
  }
}
