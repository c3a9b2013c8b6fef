/** What is larger is written too seldom to be worth keeping. */
const MAX_BYTES = 64 * 1024;
const MIN_BYTES = 4096;

/**
 * One piece of memory in which stanzas are put together that a socket takes at once, one after the other: a buffer per item
 * and reader is memory outside the heap, and with some thousand a second the collector marked the whole heap every few
 * seconds on their account.
 */
export class Scratch {
  #memory: Buffer = Buffer.alloc(0);
  /** The part that was given out last: most often the next one is as long. */
  #lent: Buffer = this.#memory;
  #isLent = false;

  /** So many bytes, to be written over. They are the caller's until {@link giveBack}, or for good. */
  lend(bytes: number): Buffer {
    if (bytes > MAX_BYTES) return Buffer.allocUnsafeSlow(bytes);
    if (this.#isLent || bytes > this.#memory.length) {
      this.#memory = Buffer.allocUnsafeSlow(Math.max(MIN_BYTES, bytes));
      this.#lent = this.#memory;
    }
    if (this.#lent.length !== bytes) this.#lent = this.#memory.subarray(0, bytes);
    this.#isLent = true;
    return this.#lent;
  }

  /** Nobody needs them any more. */
  giveBack(lent: Buffer): void {
    if (lent === this.#lent) this.#isLent = false;
  }
}
