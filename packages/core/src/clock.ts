/** Time and chance, injected so that tests can hold them. */
export interface Clock {
  /** Wall clock, Unix milliseconds. May step back. */
  now(): number;
  /** Milliseconds from an arbitrary start; never steps back. */
  monotonic(): number;
  /** Runs `task` once after `delayMs`; the answer cancels it. Does not keep the process alive. */
  after(delayMs: number, task: () => void): () => void;
  /** Runs `task` every `periodMs`; the answer ends that. Does not keep the process alive. */
  every(periodMs: number, task: () => void): () => void;
  /** In [0, 1). */
  random(): number;
}

/** The machine's own clock. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs: number, task: () => void): () => void {
    const timer = setTimeout(task, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
  every(periodMs: number, task: () => void): () => void {
    const timer = setInterval(task, periodMs);
    timer.unref();
    return () => clearInterval(timer);
  },
  random: () => Math.random(),
});
