import type { Clock } from "../clock.ts";

interface Task {
  dueAtMs: number;
  /** `null`: runs once. */
  readonly periodMs: number | null;
  readonly run: () => void;
}

/**
 * A clock that stands still until a test moves it. Tasks run inside {@link ManualClock.advance}, in the order in which
 * they fall due, each at its own time.
 */
export class ManualClock implements Clock {
  readonly #tasks = new Set<Task>();
  #nowMs: number;
  #monotonicMs = 0;
  #seed: number;

  /** @param startMs Unix milliseconds; @param seed of what `random()` answers: the same seed gives the same numbers */
  constructor(startMs: number = Date.UTC(2026, 0, 1), seed = 1) {
    this.#nowMs = startMs;
    this.#seed = seed;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, run: () => void): () => void {
    return this.#add({ dueAtMs: this.#monotonicMs + Math.max(delayMs, 0), periodMs: null, run });
  }

  every(periodMs: number, run: () => void): () => void {
    const period = Math.max(periodMs, 1);
    return this.#add({ dueAtMs: this.#monotonicMs + period, periodMs: period, run });
  }

  random(): number {
    // A linear congruential generator (Numerical Recipes): short, and good enough to spread things in a test.
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#seed / 2 ** 32;
  }

  /** How many tasks wait: a test sees whether what it stopped has let go of its timers. */
  get pending(): number {
    return this.#tasks.size;
  }

  /** Moves both clocks on and runs what falls due, tasks that other tasks add included. */
  advance(ms: number): void {
    const end = this.#monotonicMs + ms;
    for (let task = this.#next(end); task !== undefined; task = this.#next(end)) {
      this.#moveTo(task.dueAtMs);
      if (task.periodMs === null) this.#tasks.delete(task);
      else task.dueAtMs += task.periodMs;
      task.run();
    }
    this.#moveTo(end);
  }

  /** Sets the wall clock on (or back, if negative) as an operator or NTP would: no task falls due by it. */
  step(ms: number): void {
    this.#nowMs += ms;
  }

  #add(task: Task): () => void {
    this.#tasks.add(task);
    return () => this.#tasks.delete(task);
  }

  #next(endMs: number): Task | undefined {
    let next: Task | undefined;
    for (const task of this.#tasks) {
      if (task.dueAtMs <= endMs && (next === undefined || task.dueAtMs < next.dueAtMs)) next = task;
    }
    return next;
  }

  #moveTo(monotonicMs: number): void {
    const step = Math.max(monotonicMs - this.#monotonicMs, 0);
    this.#monotonicMs += step;
    this.#nowMs += step;
  }
}
