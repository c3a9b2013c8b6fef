/** Time and chance, injected so that tests can hold them. */
export interface Clock {
  /** Milliseconds from an arbitrary start; never steps back. */
  monotonic(): number;
  /** Runs `task` once after `delayMs`; the answer cancels it. */
  after(delayMs: number, task: () => void): () => void;
  /** In [0, 1). */
  random(): number;
}

/** The machine's own clock. Its timers keep a Node process alive: a client that waits to come back is at work. */
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, Math.max(0, delayMs));
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};
