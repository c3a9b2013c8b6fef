/** In a row, and over how long, failures open the breaker. */
const STREAK = 5;
const STREAK_OVER_MS = 60_000;
/** Or this many attempts of which half failed, in this time. */
const SAMPLE = 20;
const SAMPLE_WITHIN_MS = 5 * 60_000;

/** Judges one target by what its attempts came to. Times are monotonic milliseconds. */
export class Breaker {
  #streak = 0;
  #streakSinceMs = 0;
  /** The latest attempts: when, and whether they failed. */
  #recent: { readonly atMs: number; readonly isFailure: boolean }[] = [];

  /** The target took a delivery. */
  succeeded(nowMs: number): void {
    this.#streak = 0;
    this.#add(nowMs, false);
  }

  /** The target failed; the answer says whether that opens the breaker. */
  failed(nowMs: number): boolean {
    if (this.#streak === 0) this.#streakSinceMs = nowMs;
    this.#streak += 1;
    this.#add(nowMs, true);
    if (this.#streak >= STREAK && nowMs - this.#streakSinceMs >= STREAK_OVER_MS) return true;
    const failures = this.#recent.filter(({ isFailure }) => isFailure).length;
    return this.#recent.length >= SAMPLE && failures * 2 >= SAMPLE;
  }

  /** Begins anew. */
  reset(): void {
    this.#streak = 0;
    this.#recent = [];
  }

  #add(atMs: number, isFailure: boolean): void {
    this.#recent.push({ atMs, isFailure });
    while (this.#recent.length > SAMPLE || (this.#recent[0]?.atMs ?? atMs) < atMs - SAMPLE_WITHIN_MS) {
      this.#recent.shift();
    }
  }
}
