import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { Run } from "../results.ts";
import { digits, duration, size } from "./figures.ts";
import { cpuUs, nameOf, recoveryText } from "./run-figures.ts";

/** Colours are the page's: CSS variables, so that light and dark share one drawing. */
const INK = "var(--ink)";
const QUIET = "var(--quiet)";
const FIRST = "var(--first)";
const SECOND = "var(--second)";

const WIDTH = 920;
const ROW = 30;
const LEFT = 170;
/** Ticks of a logarithmic axis of milliseconds. */
const DECADES = [0.1, 1, 10, 100, 1000, 10_000];

type Options = Plot.PlotOptions;

/** How long events took, a curve per run: at each delay the share of deliveries that had arrived by then. */
export function delayCurves(runs: readonly Run[]): string {
  const names = runs.map(nameOf);
  return draw("Share of events that had arrived, by delay", {
    height: ROW * runs.length + 70,
    marginRight: 120,
    x: { type: "log", label: "delay, ms →", grid: true, ticks: DECADES, tickFormat: axisMs },
    y: { domain: names, label: null },
    marks: [
      Plot.ruleX([1000], { stroke: QUIET, strokeDasharray: "2 3" }),
      Plot.rect(
        runs.flatMap((run) => shares(run)),
        {
          x1: "from",
          x2: "to",
          y: "name",
          fill: FIRST,
          fillOpacity: "share",
          insetTop: 6,
          insetBottom: 6,
        },
      ),
      ...percentiles(runs),
    ],
    opacity: { type: "sqrt", range: [0, 0.85] },
  });
}

function percentiles(runs: readonly Run[]): readonly Plot.Markish[] {
  const tick = (pick: (run: Run) => number): Plot.Markish =>
    Plot.tickX(runs, { x: pick, y: nameOf, stroke: INK, strokeWidth: 2, insetTop: 4, insetBottom: 4 });
  return [
    tick(({ delay }) => delay.p50Ms),
    tick(({ delay }) => delay.p99Ms),
    Plot.text(runs, {
      y: nameOf,
      frameAnchor: "right",
      textAnchor: "start",
      dx: 8,
      fill: INK,
      text: ({ delay }: Run) => `${duration(delay.p50Ms)} · ${duration(delay.p99Ms)}`,
    }),
  ];
}

/** Each bucket's share of the run's fullest one, between this bucket's bound and the one before. */
function shares(run: Run): readonly { name: string; from: number; to: number; share: number }[] {
  const most = Math.max(...run.delay.histogram.map(([, deliveries]) => deliveries));
  return run.delay.histogram.map(([to, deliveries], index) => ({
    name: nameOf(run),
    from: Math.max(run.delay.histogram[index - 1]?.[0] ?? 0, to * 0.7),
    to,
    share: deliveries / most,
  }));
}

/** Median and 99th percentile of polling by its interval, and those of the transports that push as lines to compare. */
export function delayByInterval(runs: readonly Run[]): string {
  const polling = runs.filter((run) => run.server === "sluice" && run.intervalMs !== null);
  const pushing = runs.filter((run) => run.server === "sluice" && run.intervalMs === null);
  const points = polling.flatMap(({ intervalMs, delay }) => [
    { interval: intervalMs, delay: delay.p50Ms, what: "p50" },
    { interval: intervalMs, delay: delay.p99Ms, what: "p99" },
  ]);
  return draw("Delay of polling by its interval", {
    height: 380,
    marginTop: 40,
    marginLeft: 70,
    insetLeft: 40,
    insetRight: 40,
    insetTop: 20,
    marginRight: 190,
    x: {
      type: "log",
      label: "time between polls →",
      ticks: polling.map(({ intervalMs }) => intervalMs ?? 0),
      tickFormat: axisMs,
    },
    y: { type: "log", label: "↑ delay, ms", grid: true, ticks: DECADES, tickFormat: axisMs },
    color: { domain: ["p50", "p99"], range: [FIRST, SECOND] },
    marks: [
      Plot.ruleY(pushing, { y: ({ delay }: Run) => delay.p50Ms, stroke: QUIET }),
      Plot.text(spread(pushing), {
        y: "at",
        frameAnchor: "right",
        textAnchor: "start",
        dx: 6,
        text: "name",
        fill: QUIET,
      }),
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

/** Labels of lines that lie close together, set at least so far apart that they can be read. */
function spread(runs: readonly Run[]): readonly { name: string; at: number }[] {
  let last = 0;
  return runs
    .toSorted((one, other) => one.delay.p50Ms - other.delay.p50Ms)
    .map((run) => {
      last = Math.max(run.delay.p50Ms, last * 1.5);
      return { name: `${nameOf(run)} ${duration(run.delay.p50Ms)}`, at: last };
    });
}

/** CPU of the server per delivered event: user and system. */
export function cpuBars(runs: readonly Run[]): string {
  const measured = runs.filter(({ cpu }) => cpu !== null);
  return bars("CPU of the server per delivered event", {
    runs: measured,
    label: "µs per delivered event →",
    parts: [
      { what: "user", of: ({ cpu }) => cpu?.userUsPerDelivery ?? 0 },
      { what: "system", of: ({ cpu }) => cpu?.systemUsPerDelivery ?? 0 },
    ],
    total: (run) => `${digits(cpuUs(run))} µs`,
  });
}

/** Bytes on the wire per delivered event: down to the client and up from it. */
export function wireBars(runs: readonly Run[]): string {
  return bars("Bytes on the wire per delivered event", {
    runs,
    label: "bytes per delivered event →",
    parts: [
      { what: "down", of: ({ wire }) => wire.downBytesPerDelivery },
      { what: "up", of: ({ wire }) => wire.upBytesPerDelivery },
    ],
    total: ({ wire }) => `${size(wire.downBytesPerDelivery)} + ${size(wire.upBytesPerDelivery)}`,
  });
}

/** Memory of the server per client: idle, and what the load adds. */
export function memoryBars(runs: readonly Run[]): string {
  const measured = runs.filter(({ memory }) => memory !== null);
  return bars("Memory of the server per client", {
    runs: measured,
    label: "KiB per client →",
    parts: [
      { what: "idle", of: ({ memory }) => positive(memory?.idleBytesPerClient ?? 0) / 1024 },
      {
        what: "more under load",
        of: ({ memory }) => positive((memory?.busyBytesPerClient ?? 0) - (memory?.idleBytesPerClient ?? 0)) / 1024,
      },
    ],
    total: ({ memory }) => `${size(memory?.idleBytesPerClient ?? null)} → ${size(memory?.busyBytesPerClient ?? null)}`,
  });
}

/** How long it takes until everybody has everything again: after a cut, and after all were thrown out at once. */
export function recoveryBars(runs: readonly Run[]): string {
  const measured = runs.filter(({ catchUp, storm }) => catchUp !== null || storm !== null);
  return bars("Time until every client has everything again", {
    runs: measured,
    label: "ms →",
    parts: [
      { what: "after a cut", of: ({ catchUp }) => catchUp?.wholeAfterMs ?? 0 },
      { what: "after a reconnect storm", of: ({ storm }) => storm?.wholeAfterMs ?? 0 },
    ],
    total: ({ catchUp, storm }) => `${recoveryText(catchUp)}, ${recoveryText(storm)}`,
    isSideBySide: true,
  });
}

interface Bars {
  readonly runs: readonly Run[];
  readonly label: string;
  readonly parts: readonly [Part, Part];
  /** What is written behind a bar. */
  readonly total: (run: Run) => string;
  /** Parts that do not add up stand one under the other. */
  readonly isSideBySide?: boolean;
}

interface Part {
  readonly what: string;
  readonly of: (run: Run) => number;
}

interface Bar {
  readonly name: string;
  readonly what: string;
  readonly value: number;
}

function bars(title: string, { runs, label, parts, total, isSideBySide = false }: Bars): string {
  const data: readonly Bar[] = runs.flatMap((run) =>
    parts.map(({ what, of }) => ({ name: nameOf(run), what, value: of(run) })),
  );
  const lengthOf = (run: Run): number => {
    const [first, second] = parts.map(({ of }) => of(run)) as [number, number];
    return isSideBySide ? Math.max(first, second) : first + second;
  };
  const drawn = isSideBySide
    ? parts.map(({ what }, index) =>
        Plot.barX(
          data.filter((bar) => bar.what === what),
          { x: "value", y: "name", fill: "what", insetTop: index === 0 ? 5 : 16, insetBottom: index === 0 ? 16 : 5 },
        ),
      )
    : [Plot.barX(data, { x: "value", y: "name", fill: "what", insetTop: 5, insetBottom: 5 })];
  return draw(title, {
    height: ROW * runs.length + 80,
    marginTop: 34,
    marginRight: 130,
    x: { label, grid: true },
    y: { domain: runs.map(nameOf), label: null },
    color: { domain: parts.map(({ what }) => what), range: [FIRST, SECOND] },
    marks: [
      ...drawn,
      ...legend(parts.map(({ what }) => what)),
      Plot.text(runs, { x: lengthOf, y: nameOf, text: total, textAnchor: "start", dx: 6, fill: INK }),
    ],
  });
}

/** What the two colours mean, above the plot: Plot's own legends are HTML, and these have to be in the SVG. */
function legend(names: readonly string[]): readonly Plot.Markish[] {
  const place = { frameAnchor: "top-left", textAnchor: "start", dy: -24 } as const;
  return names.map((name, index) =>
    Plot.text([`■ ${name}`], { ...place, dx: index * 120, fill: index === 0 ? FIRST : SECOND }),
  );
}

/** As SVG; `title` is what a screen reader says. */
function draw(title: string, options: Options): string {
  const { document } = parseHTML("<!doctype html><html></html>");
  const plot = Plot.plot({
    document,
    width: WIDTH,
    marginLeft: LEFT,
    marginRight: 60,
    marginBottom: 46,
    ariaLabel: title,
    style: { background: "transparent", fontSize: "12px" },
    ...options,
  });
  return plot.outerHTML;
}

function axisMs(ms: number): string {
  return duration(ms).replace(" ", "\u202F");
}

function positive(value: number): number {
  return Math.max(0, value);
}
