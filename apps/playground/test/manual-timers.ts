import type { Timers } from "../src/timers.ts";

interface Task {
  readonly atMs: number;
  readonly run: () => void;
}

/** Time that passes when a test says so. */
export class ManualTimers implements Timers {
  #nowMs = Date.UTC(2026, 0, 1);
  #seed = 1;
  readonly #tasks = new Set<Task>();

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, task: () => void): () => void {
    const entry: Task = { atMs: this.#nowMs + delayMs, run: task };
    this.#tasks.add(entry);
    return () => this.#tasks.delete(entry);
  }

  random(): number {
    this.#seed = (this.#seed * 48_271) % 2_147_483_647;
    return this.#seed / 2_147_483_647;
  }

  /** Tasks that are still to run. */
  get waiting(): number {
    return this.#tasks.size;
  }

  /** Lets time pass, running what becomes due in its order. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (;;) {
      const due = [...this.#tasks].filter((task) => task.atMs <= endMs).sort((one, other) => one.atMs - other.atMs)[0];
      if (due === undefined) break;
      this.#tasks.delete(due);
      this.#nowMs = due.atMs;
      due.run();
    }
    this.#nowMs = endMs;
  }
}
