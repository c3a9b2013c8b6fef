/** Milliseconds since the epoch, with fractions, that never go back. */
export type Clock = () => number;

/** The machine's own. */
export const systemClock: Clock = () => performance.timeOrigin + performance.now();
