import type { LaneName } from "./stage-protocol.ts";

/** All lanes, in the order in which the page shows them. */
export const LANES: readonly LaneName[] = Object.freeze([
  "polling",
  "long-polling",
  "sse",
  "websocket",
  "rest-hooks",
  "bosh",
  "switcher",
]);

/** Whether the text names a lane. */
export function isLane(text: string): text is LaneName {
  return (LANES as readonly string[]).includes(text);
}

/** Something for each lane. */
export function forEachLane<Value>(make: (lane: LaneName) => Value): Record<LaneName, Value> {
  return Object.fromEntries(LANES.map((lane) => [lane, make(lane)])) as Record<LaneName, Value>;
}
