import type { Arrow } from "../../src/stage/stage-protocol.ts";
import type { Recording } from "../model/recording.ts";

/** Where things are in a strip, in CSS pixels from its top. */
export const STRIP = { height: 100, client: 32, gateway: 76, topLabels: 9, bottomLabels: 91 } as const;

/** An arrow as it is drawn. */
export interface DrawnArrow {
  readonly arrow: Arrow;
  readonly x1: number;
  readonly x2: number;
  readonly y1: number;
  readonly y2: number;
  readonly isWasted: boolean;
}

/** From times to pixels. */
export interface Axis {
  readonly from: number;
  readonly to: number;
  readonly width: number;
  x(time: number): number;
}

/** How far an arrow leans at the least, so that there and back can be told apart. */
const LEAN = 5;
/** How far an arrow may be moved to the right of its time, so that it does not leave before what it follows. */
const MOVED = 24;
/** A transfer that began before the window and goes on in it. */
const LONGEST_TRANSFER_MS = 30_000;

/**
 * The arrows of a window, the earliest first. None leaves left of where the one that it follows has arrived, however
 * little time there was between them: so question and answer form a V.
 */
export function layOut(recording: Recording, axis: Axis): DrawnArrow[] {
  const { arrows } = recording;
  const drawn: DrawnArrow[] = [];
  /** Where the newest arrow has arrived at each side, and when. */
  const arrived = { client: { x: -MOVED, at: 0 }, gateway: { x: -MOVED, at: 0 } };
  for (let index = firstAfter(arrows, axis.from - marginMs(axis)); index < arrows.length; index += 1) {
    const arrow = arrows[index] as Arrow;
    if (arrow.beganAt > axis.to) {
      if (arrow.endedAt > axis.to + LONGEST_TRANSFER_MS) break;
      continue;
    }
    const before = arrived[arrow.from];
    const one = placeArrow(arrow, axis, before.at <= arrow.beganAt ? before.x : undefined);
    arrived[arrow.from === "client" ? "gateway" : "client"] = { x: one.x2, at: arrow.endedAt };
    drawn.push({ ...one, isWasted: arrow.isWasted || (recording.exchangeOf(arrow)?.isWasted ?? false) });
  }
  return drawn;
}

/** An arrow at its time; or as little to the right as lets it begin behind `after`. */
export function placeArrow(arrow: Arrow, axis: Axis, after: number = Number.NEGATIVE_INFINITY): DrawnArrow {
  const x = axis.x(arrow.beganAt);
  const x1 = Math.max(x, Math.min(after, x + MOVED));
  const x2 = Math.max(axis.x(arrow.endedAt), x1 + LEAN);
  const isDown = arrow.from === "client";
  const [y1, y2] = isDown ? [STRIP.client, STRIP.gateway] : [STRIP.gateway, STRIP.client];
  return { arrow, x1, x2, y1, y2, isWasted: arrow.isWasted };
}

/** The arrow that is nearest to a point, if one is near. */
export function arrowAt(drawn: readonly DrawnArrow[], x: number, y: number, reach: number): DrawnArrow | undefined {
  let nearest: DrawnArrow | undefined;
  let least = reach;
  for (const one of drawn) {
    const distance = distanceTo(one, x, y);
    // What is drawn later lies above.
    if (distance <= least) [nearest, least] = [one, distance];
  }
  return nearest;
}

function distanceTo({ x1, y1, x2, y2 }: DrawnArrow, x: number, y: number): number {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const along = Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy)));
  return Math.hypot(x - x1 - along * dx, y - y1 - along * dy);
}

/** A few pixels' worth of time, so that what leans into the window is drawn too. */
function marginMs({ from, to, width }: Axis): number {
  return ((to - from) / Math.max(1, width)) * 160;
}

/** Index of the first arrow that ends at this time or later. */
function firstAfter(arrows: readonly Arrow[], time: number): number {
  let [low, high] = [0, arrows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((arrows[middle] as Arrow).endedAt < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
