/** Time and chance, injected so that tests can hold them. */
export interface Timers {
  /** Milliseconds since some time in the past; never goes back. */
  now(): number;
  /** Runs `task` once after `delayMs`; the answer cancels it. */
  after(delayMs: number, task: () => void): () => void;
  /** In [0, 1). */
  random(): number;
}

/** The machine's own. */
export const systemTimers: Timers = Object.freeze({
  now: () => performance.now(),
  after(delayMs: number, task: () => void): () => void {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
});
