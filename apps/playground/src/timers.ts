/** Time and chance, injected so that tests can hold them. */
export interface Timers {
  /** Runs `task` once after `delayMs`; the answer cancels it. */
  after(delayMs: number, task: () => void): () => void;
  /** In [0, 1). */
  random(): number;
}

/** The machine's own. */
export const systemTimers: Timers = Object.freeze({
  after(delayMs: number, task: () => void): () => void {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
});
