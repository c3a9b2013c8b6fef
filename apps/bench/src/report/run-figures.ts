import type { Losses, Results, Run } from "../results.ts";
import { digits, grouped } from "./figures.ts";

const NONE: Losses = { lost: 0, doubled: 0, disordered: 0 };

/** All that went wrong in a run, its cut and its storm included. */
export function allLosses(run: Run): Losses {
  const parts = [run.losses, run.catchUp?.losses ?? NONE, run.storm?.losses ?? NONE];
  return {
    lost: sum(parts, ({ lost }) => lost),
    doubled: sum(parts, ({ doubled }) => doubled),
    disordered: sum(parts, ({ disordered }) => disordered),
  };
}

/** Whether every event arrived once and in its order. */
export function isWhole(losses: Losses): boolean {
  return losses.lost === 0 && losses.doubled === 0 && losses.disordered === 0;
}

/** `3 lost, 1 doubled`, or `none`. */
export function lossesText({ lost, doubled, disordered }: Losses): string {
  const parts = [
    lost === 0 ? "" : `${grouped(lost)} lost`,
    doubled === 0 ? "" : `${grouped(doubled)} doubled`,
    disordered === 0 ? "" : `${grouped(disordered)} out of order`,
  ].filter((part) => part !== "");
  return parts.length === 0 ? "none" : parts.join(", ");
}

/** CPU of the server's processes per delivered event, in µs. */
export function cpuUs(run: Run): number | null {
  return run.cpu === null ? null : run.cpu.userUsPerDelivery + run.cpu.systemUsPerDelivery;
}

/** Both ways together, per delivered event. */
export function wireBytes(run: Run): number {
  return run.wire.upBytesPerDelivery + run.wire.downBytesPerDelivery;
}

/** How many ms it took until all had everything: `2 500`, `never`, or a dash where it wasn't tried. */
export function wholeAfterText(recovery: { readonly wholeAfterMs: number | null } | null): string {
  if (recovery === null) return "–";
  return recovery.wholeAfterMs === null ? "never" : grouped(recovery.wholeAfterMs);
}

/** Other programs that took so much, in cores, have slowed down what was measured. */
const BUSY_CORES = 0.3;

/** What to say of a machine that had other things to do while it was measured; else `null`. */
export function disturbance({ machine }: Results): string | null {
  const { otherCores, cores } = machine;
  if (otherCores === null || otherCores <= BUSY_CORES) return null;
  return `Other programs took ${digits(otherCores)} of ${cores} cores meanwhile: the delays are theirs, too.`;
}

/** What names a run among all: the label, and the server where it isn't ours. */
export function nameOf(run: Run): string {
  return run.server === "sluice" ? run.label : `${run.server}, ${run.label}`;
}

/** The same run of another benchmark: same server, transport, interval and load. */
export function isSameRun(one: Run, other: Run): boolean {
  return (
    nameOf(one) === nameOf(other) &&
    one.load.clients === other.load.clients &&
    one.load.topics === other.load.topics &&
    one.load.eventsPerSecond === other.load.eventsPerSecond &&
    one.load.eventBytes === other.load.eventBytes
  );
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
