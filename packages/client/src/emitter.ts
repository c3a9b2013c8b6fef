import type { SluiceListeners } from "./sluice.ts";

type Any = (value: never) => unknown;

/** The listeners of one client. */
export class Emitter {
  readonly #listeners = new Map<keyof SluiceListeners<unknown>, Set<Any>>();

  /** The answer takes it away. */
  on(name: keyof SluiceListeners<unknown>, listener: Any): () => void {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set.add(listener));
    return () => set.delete(listener);
  }

  has(name: keyof SluiceListeners<unknown>): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  /**
   * Calls all. A promise if one of them answered with one, kept when all are. A listener that fails is reported as if
   * nobody had called it, and disturbs neither the others nor the client.
   */
  emit<Name extends keyof SluiceListeners<unknown>>(
    name: Name,
    value: Parameters<SluiceListeners<unknown>[Name]>[0],
  ): Promise<unknown> | undefined {
    const waiting: Promise<unknown>[] = [];
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        const answer = listener(value as never);
        if (answer instanceof Promise) waiting.push(answer.catch(report));
      } catch (error) {
        report(error);
      }
    }
    return waiting.length > 0 ? Promise.all(waiting) : undefined;
  }
}

function report(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
