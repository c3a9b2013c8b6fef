import { systemClock, type Clock } from "@sluice/core";

/** The machine's clock, whose date can be set on: what lives by the date ends when a test wants it to. */
export interface ShiftingClock extends Clock {
  /** Makes it so late, or later: Unix seconds, as in a token's `exp`. */
  setOn(toSeconds: number): void;
}

export function shiftingClock(): ShiftingClock {
  let aheadMs = 0;
  return {
    ...systemClock,
    now: () => systemClock.now() + aheadMs,
    setOn: (toSeconds) => void (aheadMs = Math.max(aheadMs, toSeconds * 1000 - systemClock.now())),
  };
}
