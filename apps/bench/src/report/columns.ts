import type { Run } from "../results.ts";
import { figure, duration, grouped } from "./figures.ts";
import { allLosses, cpuUs, lossesText, nameOf, wholeAfterText } from "./run-figures.ts";

/** A column of the tables, on the terminal and in the report: one unit in all of it, so that rows can be compared. */
export interface Column {
  readonly title: string;
  /** Text is set to the left, figures to the right. */
  readonly isText?: boolean;
  readonly of: (run: Run) => string;
}

/** Columns that belong together. */
export interface ColumnGroup {
  /** With the unit that they have in common. */
  readonly title: string;
  readonly columns: readonly Column[];
}

/** In front of every table. */
export const NAME: Column = { title: "transport", isText: true, of: nameOf };

/** What a reader gets. */
export const DELIVERY: readonly ColumnGroup[] = [
  {
    title: "delay, ms",
    columns: [
      { title: "p50", of: ({ delay }) => figure(delay.p50Ms) },
      { title: "p90", of: ({ delay }) => figure(delay.p90Ms) },
      { title: "p99", of: ({ delay }) => figure(delay.p99Ms) },
      { title: "worst", of: ({ delay }) => figure(delay.worstMs) },
    ],
  },
  {
    title: "whole after, ms",
    columns: [
      { title: "cut", of: ({ catchUp }) => wholeAfterText(catchUp) },
      { title: "storm", of: ({ storm }) => wholeAfterText(storm) },
    ],
  },
  { title: "", columns: [{ title: "losses", isText: true, of: (run) => lossesText(allLosses(run)) }] },
];

/** What it asks of the network. */
export const WIRE: readonly ColumnGroup[] = [
  {
    title: "",
    columns: [
      { title: "requests", of: ({ requests }) => figure(requests.perDelivery) },
      { title: "in vain", of: ({ requests }) => grouped(requests.wasted) },
    ],
  },
  {
    title: "bytes",
    columns: [
      { title: "up", of: ({ wire }) => figure(wire.upBytesPerDelivery) },
      { title: "down", of: ({ wire }) => figure(wire.downBytesPerDelivery) },
    ],
  },
];

/** What it asks of the server, and whether the generator could keep up. */
export const SERVER: readonly ColumnGroup[] = [
  {
    title: "CPU, µs",
    columns: [
      { title: "CPU", of: (run) => figure(cpuUs(run)) },
      { title: "user", of: ({ cpu }) => figure(cpu?.userUsPerDelivery ?? null) },
      { title: "system", of: ({ cpu }) => figure(cpu?.systemUsPerDelivery ?? null) },
    ],
  },
  {
    title: "memory, KiB",
    columns: [
      { title: "idle", of: ({ memory }) => kib(memory?.idleBytesPerClient) },
      { title: "busy", of: ({ memory }) => kib(memory?.busyBytesPerClient) },
    ],
  },
  { title: "", columns: [{ title: "generator", isText: true, of: generatorText }] },
];

function kib(bytes: number | undefined): string {
  return figure(bytes === undefined ? null : bytes / 1024);
}

function generatorText({ generator: { cpuShare, worstLagMs, isSaturated } }: Run): string {
  const busy = `${Math.round(cpuShare * 100)} %`;
  return isSaturated ? `${busy}, at its limit, ${duration(worstLagMs)} late` : busy;
}
