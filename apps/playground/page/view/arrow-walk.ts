import type { Arrow } from "../../src/stage/stage-protocol.ts";

/** The arrow after one (or, by -1, before it); without one, the newest that has ended by then. */
export function neighbour(arrows: readonly Arrow[], from: Arrow | null, by: 1 | -1, now: number): Arrow | undefined {
  const index = from === null ? -1 : arrows.indexOf(from);
  if (index === -1) return arrows.findLast(({ beganAt }) => beganAt <= now);
  return arrows[index + by];
}

/** The arrow that began the nearest to a time. */
export function nearest(arrows: readonly Arrow[], time: number): Arrow | undefined {
  let best: Arrow | undefined;
  for (const arrow of arrows) {
    if (best === undefined || Math.abs(arrow.beganAt - time) < Math.abs(best.beganAt - time)) best = arrow;
  }
  return best;
}
