import * as Plot from "@observablehq/plot";
import type { Run } from "../../results.ts";
import { figure, grouped } from "../figures.ts";
import { cpuUs, nameOf } from "../run-figures.ts";
import { drawRows, FIRST, INK, isOurs, legend, middleOf, PALE, SECOND, type Layout } from "./frame.ts";

/** CPU of the server per delivered event: user and system. */
export function cpuBars(runs: readonly Run[], layout: Layout): string {
  const measured = runs.filter(({ cpu }) => cpu !== null);
  return bars("CPU of the server per delivered event", measured, layout, {
    label: "µs per delivered event →",
    parts: [
      { what: "user", of: ({ cpu }) => cpu?.userUsPerDelivery ?? 0 },
      { what: "system", of: ({ cpu }) => cpu?.systemUsPerDelivery ?? 0 },
    ],
    total: (run) => `${figure(cpuUs(run))} µs`,
  });
}

/** Bytes on the wire per delivered event: down to the client and up from it. */
export function wireBars(runs: readonly Run[], layout: Layout): string {
  return bars("Bytes on the wire per delivered event", runs, layout, {
    label: "bytes per delivered event →",
    parts: [
      { what: "down", of: ({ wire }) => wire.downBytesPerDelivery },
      { what: "up", of: ({ wire }) => wire.upBytesPerDelivery },
    ],
    total: ({ wire }) => `${figure(wire.downBytesPerDelivery)} + ${figure(wire.upBytesPerDelivery)} B`,
  });
}

/** Memory of the server per client: idle, and what the load adds. */
export function memoryBars(runs: readonly Run[], layout: Layout): string {
  const measured = runs.filter(({ memory }) => memory !== null);
  const [idle, busy] = [
    ({ memory }: Run): number => (memory?.idleBytesPerClient ?? 0) / 1024,
    ({ memory }: Run): number => (memory?.busyBytesPerClient ?? 0) / 1024,
  ];
  return bars("Memory of the server per client", measured, layout, {
    label: "KiB per client →",
    parts: [
      { what: "idle", of: (run) => Math.max(0, idle(run)) },
      { what: "more under load", of: (run) => Math.max(0, busy(run) - Math.max(0, idle(run))) },
    ],
    total: (run) => `${figure(idle(run))} → ${figure(busy(run))} KiB`,
  });
}

interface Bars {
  readonly label: string;
  /** They add up. */
  readonly parts: readonly [Part, Part];
  /** What is written behind a bar. */
  readonly total: (run: Run) => string;
}

interface Part {
  readonly what: string;
  readonly of: (run: Run) => number;
}

function bars(title: string, runs: readonly Run[], layout: Layout, { label, parts, total }: Bars): string {
  const { insetTop, insetBottom } = layout;
  const partsOf = (ours: boolean): readonly { name: string; what: string; value: number }[] =>
    runs
      .filter((run) => isOurs(run) === ours)
      .flatMap((run) => parts.map(({ what, of }) => ({ name: nameOf(run), what, value: of(run) })));
  const bar = { x: "value", y: "name", fill: "what", insetTop, insetBottom } as const;
  const names = parts.map(({ what }) => what);
  return drawRows(title, runs, layout, {
    marginRight: 110,
    x: { label, grid: true, tickFormat: grouped, ticks: Math.round((layout.width - layout.left) / 80) },
    color: { domain: names, range: [FIRST, SECOND] },
    marks: [
      Plot.barX(partsOf(true), bar),
      Plot.barX(partsOf(false), { ...bar, fillOpacity: PALE }),
      ...legend(names),
      Plot.text(runs, {
        x: (run: Run) => parts.reduce((sum, { of }) => sum + of(run), 0),
        y: nameOf,
        text: total,
        textAnchor: "start",
        dx: 6,
        dy: middleOf(layout),
        fill: INK,
      }),
    ],
  });
}
