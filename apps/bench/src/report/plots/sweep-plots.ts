import * as Plot from "@observablehq/plot";
import { caseName, type SweptPart } from "../../plan/scenario.ts";
import type { Run } from "../../results.ts";
import { digits } from "../figures.ts";
import { cpuUs } from "../run-figures.ts";
import { apart, decades, draw, isOurs, NARROW, type Layout } from "./frame.ts";

const AXES: Readonly<Record<SweptPart, string>> = {
  clients: "clients",
  topics: "topics",
  eventsPerSecond: "events/s",
  eventBytes: "bytes of an event's data",
};

/** Median delay over the part of the load that differs, a line per transport. */
export function sweptDelay(runs: readonly Run[], part: SweptPart, layout: Layout): string {
  const of = ({ delay }: Run): number => delay.p50Ms;
  const y = decades("↑ median delay", runs.map(of));
  return lines("Median delay", runs, part, layout, { of, y, next: (at) => at * 1.45 });
}

/** CPU of the server per delivered event over the part of the load that differs. */
export function sweptCpu(runs: readonly Run[], part: SweptPart, layout: Layout): string {
  return fromZero("CPU of the server, µs per delivered event", runs, part, layout, cpuUs);
}

/** Memory of the server per client under load, over the part of the load that differs. */
export function sweptMemory(runs: readonly Run[], part: SweptPart, layout: Layout): string {
  return fromZero("memory under load, KiB per client", runs, part, layout, ({ memory }) =>
    memory === null ? null : memory.busyBytesPerClient / 1024,
  );
}

function fromZero(
  title: string,
  runs: readonly Run[],
  part: SweptPart,
  layout: Layout,
  of: (run: Run) => number | null,
): string {
  const most = Math.max(...runs.map((run) => of(run) ?? 0));
  const y = { label: `↑ ${title}`, grid: true, domain: [0, most] };
  return lines(title, runs, part, layout, { of, y, next: (at) => at + most / 22 });
}

interface Lines {
  readonly of: (run: Run) => number | null;
  readonly y: Plot.ScaleOptions;
  /** Where the next label may stand at the earliest, above one that stands there. */
  readonly next: (at: number) => number;
}

function lines(title: string, runs: readonly Run[], part: SweptPart, layout: Layout, { of, y, next }: Lines): string {
  const points = runs.flatMap((run) => {
    const value = of(run);
    return value === null ? [] : [{ name: seriesOf(run), at: run.load[part], value }];
  });
  const names = [...new Set(points.map(({ name }) => name))];
  const ticks = [...new Set(points.map(({ at }) => at))];
  const most = Math.max(...ticks);
  return draw(`${title} by the load`, layout, {
    height: 400,
    marginTop: 40,
    marginLeft: 60,
    marginRight: layout === NARROW ? 140 : 190,
    insetLeft: 20,
    insetRight: 20,
    x: {
      type: "log",
      label: `${AXES[part]} →`,
      ticks,
      // The axis counts in logarithms: what comes back is not quite the value.
      tickFormat: (at: number) => digits(at),
    },
    y,
    color: { domain: names, scheme: "observable10" },
    marks: [
      Plot.line(points, { x: "at", y: "value", z: "name", stroke: "name", strokeWidth: 2 }),
      Plot.dot(points, { x: "at", y: "value", fill: "name", r: 4 }),
      Plot.text(
        apart(
          points.filter(({ at }) => at === most),
          ({ value }) => value,
          next,
        ),
        {
          y: "at",
          text: ({ item }: { readonly item: { readonly name: string } }) => item.name,
          fill: ({ item }: { readonly item: { readonly name: string } }) => item.name,
          frameAnchor: "right",
          textAnchor: "start",
          dx: 6,
        },
      ),
    ],
  });
}

/** What a line stands for: the run's name without its load. */
function seriesOf(run: Run): string {
  const name = caseName(run.transport, run.intervalMs);
  return isOurs(run) ? name : `${run.server}, ${name}`;
}
