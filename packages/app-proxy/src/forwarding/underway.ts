/** Counts what must come to its end before the gateway may stop. */
export class Underway {
  #count = 0;
  #onNone: (() => void) | null = null;

  enter(): void {
    this.#count += 1;
  }

  leave(): void {
    this.#count -= 1;
    if (this.#count === 0) this.#onNone?.();
  }

  /** Resolves when nothing is under way, or at the deadline. */
  async none(deadline: AbortSignal): Promise<void> {
    if (this.#count === 0 || deadline.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onNone = resolve;
    const onAbort = (): void => resolve();
    deadline.addEventListener("abort", onAbort, { once: true });
    await promise;
    deadline.removeEventListener("abort", onAbort);
  }
}
