import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { Run } from "../../results.ts";
import { duration } from "../figures.ts";
import { nameOf } from "../run-figures.ts";

/** Colours are the page's: CSS variables, so that light and dark share one drawing. */
export const INK = "var(--ink)";
export const QUIET = "var(--quiet)";
export const FIRST = "var(--first)";
export const SECOND = "var(--second)";
/** Of what is drawn of other servers. */
export const PALE = 0.5;

/** How a plot is laid out; sizes in pixels. */
export interface Layout {
  readonly width: number;
  /** In front of the rows. */
  readonly left: number;
  readonly row: number;
  readonly insetTop: number;
  readonly insetBottom: number;
}

/** Names stand beside their rows. */
export const WIDE: Layout = { width: 920, left: 170, row: 30, insetTop: 6, insetBottom: 6 };
/** For telephones: names stand above their rows, and there is no room for more. */
export const NARROW: Layout = { width: 350, left: 16, row: 46, insetTop: 22, insetBottom: 6 };

/** Above the rows: the legend. */
const HEAD = 30;
/** Below them: the axis. */
const FOOT = 46;
/** Whether a run is of the gateway and not of a peer. */
export const isOurs = ({ server }: Run): boolean => server === "sluice";

/** A plot with a row for each run, as SVG. */
export function drawRows(title: string, runs: readonly Run[], layout: Layout, options: Plot.PlotOptions): string {
  const { row } = layout;
  // In a sweep, and with peers, names are longer than those of the transports.
  const left =
    layout === NARROW ? layout.left : Math.max(layout.left, 7 * Math.max(...runs.map((run) => nameOf(run).length)));
  return draw(title, layout, {
    height: row * runs.length + HEAD + FOOT,
    marginTop: HEAD,
    marginLeft: left,
    y: { type: "band", domain: runs.map(nameOf), axis: null, padding: 0 },
    ...options,
    marks: [...(options.marks ?? []), ...rowNames(runs, layout)],
  });
}

/** A plot as SVG; `title` is what a screen reader says. */
export function draw(title: string, { width }: Layout, options: Plot.PlotOptions): string {
  const { document } = parseHTML("<!doctype html><html></html>");
  const plot = Plot.plot({
    document,
    width,
    marginBottom: FOOT,
    ariaLabel: title,
    style: { background: "transparent", fontSize: "12px" },
    ...options,
  });
  return plot.outerHTML;
}

function rowNames(runs: readonly Run[], layout: Layout): readonly Plot.Markish[] {
  const place =
    layout === NARROW
      ? ({ textAnchor: "start", dy: (layout.insetTop - layout.row) / 2 } as const)
      : ({ textAnchor: "end", dx: -10 } as const);
  return [true, false].map((ours) =>
    Plot.text(
      runs.filter((run) => isOurs(run) === ours),
      { ...place, y: nameOf, text: nameOf, frameAnchor: "left", fill: ours ? INK : QUIET },
    ),
  );
}

/** What the two colours mean, above the plot: Plot's own legends are HTML, and these have to be in the SVG. */
export function legend(parts: readonly string[]): readonly Plot.Markish[] {
  const place = { frameAnchor: "top-left", textAnchor: "start", dy: -22 } as const;
  return parts.map((name, index) =>
    Plot.text([`■ ${name}`], { ...place, dx: index * 90, fill: index === 0 ? FIRST : SECOND }),
  );
}

/** Figures in the margin to the right of their rows, and what they are above them. */
export function figuresBeside(
  runs: readonly Run[],
  layout: Layout,
  head: string,
  text: (run: Run) => string,
): readonly Plot.Markish[] {
  const place = { textAnchor: "start", dx: 10 } as const;
  return [
    Plot.text([head], { ...place, frameAnchor: "top-right", dy: -22, fill: QUIET }),
    Plot.text(runs, { ...place, y: nameOf, frameAnchor: "right", dy: middleOf(layout), fill: INK, text }),
  ];
}

/** Where the middle of what is drawn in a row is, from the middle of the row. */
export function middleOf({ insetTop, insetBottom }: Layout): number {
  return (insetTop - insetBottom) / 2;
}

/** A logarithmic axis of milliseconds with whole decades, for values above 0. */
export function decades(label: string, values: readonly number[]): Plot.ScaleOptions {
  const [from, to] = [Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)))];
  const ticks = Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
  return { type: "log", label, grid: true, domain: [10 ** from, 10 ** to], ticks, tickFormat: axisMs, clamp: true };
}

/** Where labels stand that would lie upon each other: from the lowest on, each no nearer to the one below than `next` says. */
export function apart<Item>(
  items: readonly Item[],
  of: (item: Item) => number,
  next: (at: number) => number,
): readonly { readonly item: Item; readonly at: number }[] {
  let lowest = Number.NEGATIVE_INFINITY;
  return items
    .toSorted((one, other) => of(one) - of(other))
    .map((item) => {
      const at = Math.max(of(item), lowest);
      lowest = next(at);
      return { item, at };
    });
}

/** `100 ms`, `5 s`, for an axis. */
export function axisMs(ms: number): string {
  return duration(ms).replace(" ", "\u202F");
}
