/** A slow line is shared in turns of so long. */
const SLICE_MS = 20;

/** How fast one direction of a lane is: all its connections share it. Times in milliseconds. */
export class Pace {
  #latencyMs = 0;
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  /** When the line has sent what it was given. */
  #freeAt = 0;

  /** How late each byte is. */
  get latencyMs(): number {
    return this.#latencyMs;
  }

  /** When the next byte may go. */
  get freeAt(): number {
    return this.#freeAt;
  }

  slow(latencyMs: number, bytesPerSecond: number): void {
    this.#latencyMs = latencyMs;
    this.#bytesPerSecond = bytesPerSecond;
    this.#freeAt = 0;
  }

  heal(): void {
    this.slow(0, Number.POSITIVE_INFINITY);
  }

  /** Takes the line for the first of some bytes; answers how many. */
  take(bytes: number, now: number): number {
    if (!Number.isFinite(this.#bytesPerSecond)) return bytes;
    const taken = Math.min(bytes, Math.max(1, Math.ceil((this.#bytesPerSecond * SLICE_MS) / 1000)));
    this.#freeAt = Math.max(this.#freeAt, now) + (taken * 1000) / this.#bytesPerSecond;
    return taken;
  }
}
