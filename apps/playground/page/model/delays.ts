/** The newest ones, of which the median is taken. */
const KEPT = 500;

/** How long things took: the median of the newest, and the worst of all. */
export class Delays {
  readonly #kept: number[] = [];
  #worst: number | null = null;
  #median: number | null = null;

  add(ms: number): void {
    this.#kept.push(ms);
    if (this.#kept.length > KEPT) this.#kept.shift();
    this.#worst = Math.max(ms, this.#worst ?? 0);
    this.#median = null;
  }

  /** `null` if there are none. */
  median(): number | null {
    if (this.#kept.length === 0) return null;
    if (this.#median === null) {
      const sorted = this.#kept.toSorted((a, b) => a - b);
      const middle = (sorted.length - 1) / 2;
      this.#median = ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
    }
    return this.#median;
  }

  worst(): number | null {
    return this.#worst;
  }
}
