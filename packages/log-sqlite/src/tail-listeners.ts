import type { Logger, StoredEvent } from "@sluice/core";

/** Those who are told of every event that became durable. */
export class TailListeners {
  readonly #logger: Logger | undefined;
  readonly #listeners = new Set<(batch: readonly StoredEvent[]) => void>();

  constructor(logger: Logger | undefined) {
    this.#logger = logger;
  }

  /** The answer takes it out again. */
  add(listener: (batch: readonly StoredEvent[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** One that throws disturbs nobody else. */
  tell(batch: readonly StoredEvent[]): void {
    for (const listener of this.#listeners) {
      try {
        listener(batch);
      } catch (error) {
        this.#logger?.error({ err: error }, "a reader of the log's tail failed");
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
