import * as Plot from "@observablehq/plot";
import type { Run } from "../../results.ts";
import { duration, figure } from "../figures.ts";
import { nameOf } from "../run-figures.ts";
import {
  apart,
  axisMs,
  decades,
  draw,
  drawRows,
  figuresBeside,
  FIRST,
  INK,
  isOurs,
  NARROW,
  QUIET,
  SECOND,
  type Layout,
} from "./frame.ts";

/** How long events took, a row per run: the darker, the more. Marks at the median and at the 99th percentile. */
export function delayRows(runs: readonly Run[], layout: Layout): string {
  const { insetTop, insetBottom } = layout;
  const tick = (pick: (run: Run) => number): Plot.Markish =>
    Plot.tickX(runs, {
      x: pick,
      y: nameOf,
      stroke: INK,
      strokeWidth: 2,
      insetTop: insetTop - 2,
      insetBottom: insetBottom - 2,
    });
  const buckets = runs.flatMap(shares);
  return drawRows("Delay of events", runs, layout, {
    marginRight: 95,
    x: decades("delay →", [...buckets.map(({ to }) => to), ...runs.map(({ delay }) => delay.worstMs)]),
    opacity: { type: "sqrt", range: [0, 0.85] },
    marks: [
      // Bars, not rules, since these know no insets.
      Plot.barX(runs, {
        x1: ({ delay }: Run) => delay.p99Ms,
        x2: ({ delay }: Run) => delay.worstMs,
        y: nameOf,
        fill: QUIET,
        insetTop: insetTop + 8.5,
        insetBottom: insetBottom + 8.5,
      }),
      Plot.rect(buckets, {
        x1: "from",
        x2: "to",
        y: "name",
        fill: FIRST,
        fillOpacity: "share",
        insetTop,
        insetBottom,
      }),
      tick(({ delay }) => delay.p50Ms),
      tick(({ delay }) => delay.p99Ms),
      ...figuresBeside(runs, layout, "p50 · p99, ms", ({ delay }) => `${figure(delay.p50Ms)} · ${figure(delay.p99Ms)}`),
    ],
  });
}

/** A bucket of the histogram begins at this share of its bound, or where the one before it ends. */
const BUCKET_BEGINS = 0.89;

/** Each bucket's share of the run's fullest one. */
function shares(run: Run): readonly { name: string; from: number; to: number; share: number }[] {
  const most = Math.max(...run.delay.histogram.map(([, deliveries]) => deliveries));
  return run.delay.histogram.map(([to, deliveries], index) => ({
    name: nameOf(run),
    from: Math.max(run.delay.histogram[index - 1]?.[0] ?? 0, to * BUCKET_BEGINS),
    to,
    share: deliveries / most,
  }));
}

/** Median and 99th percentile of polling by its interval, and the medians of the transports that push as lines to compare. */
export function delayByInterval(runs: readonly Run[], layout: Layout): string {
  const polling = runs.filter((run) => isOurs(run) && run.intervalMs !== null);
  const pushing = runs.filter((run) => isOurs(run) && run.intervalMs === null);
  const points = polling.flatMap(({ intervalMs, delay }) => [
    { interval: intervalMs, delay: delay.p50Ms, what: "p50" },
    { interval: intervalMs, delay: delay.p99Ms, what: "p99" },
  ]);
  const isNarrow = layout === NARROW;
  const labels = apart(
    pushing,
    ({ delay }) => delay.p50Ms,
    (at) => at * 1.6,
  ).map(({ item, at }) => ({ at, name: `${nameOf(item)} ${duration(item.delay.p50Ms)}` }));
  return draw("Delay of polling by its interval", layout, {
    height: 400,
    marginTop: 40,
    marginLeft: 56,
    marginRight: isNarrow ? 12 : 200,
    insetLeft: 36,
    insetRight: 36,
    insetTop: 20,
    x: {
      type: "log",
      label: "time between polls →",
      ticks: polling.map(({ intervalMs }) => intervalMs ?? 0),
      tickFormat: axisMs,
    },
    y: decades("↑ delay", [...pushing.map(({ delay }) => delay.p50Ms), ...points.map(({ delay }) => delay)]),
    color: { domain: ["p50", "p99"], range: [FIRST, SECOND] },
    marks: [
      Plot.ruleY(pushing, { y: ({ delay }: Run) => delay.p50Ms, stroke: QUIET }),
      isNarrow
        ? null
        : Plot.text(labels, { y: "at", text: "name", frameAnchor: "right", textAnchor: "start", dx: 6, fill: QUIET }),
      Plot.line(points, { x: "interval", y: "delay", z: "what", stroke: "what", strokeWidth: 2 }),
      Plot.dot(points, { x: "interval", y: "delay", fill: "what", r: 4 }),
      ...(["p50", "p99"] as const).map((what) =>
        Plot.text(
          points.filter((point) => point.what === what),
          {
            x: "interval",
            y: "delay",
            text: ({ delay }: { readonly delay: number }) => `${what} ${duration(delay)}`,
            fill: INK,
            dy: what === "p50" ? 15 : -13,
          },
        ),
      ),
    ],
  });
}
