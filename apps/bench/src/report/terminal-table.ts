import { styleText } from "node:util";
import type { Results, Run } from "../results.ts";
import { digits, duration, grouped, size } from "./figures.ts";
import { allLosses, cpuUs, disturbance, isWhole, lossesText, nameOf, recoveryText } from "./run-figures.ts";

interface Column {
  readonly title: string;
  /** Text is set to the left, figures to the right. */
  readonly isText?: boolean;
  readonly of: (run: Run) => string;
}

const NAME: Column = { title: "transport", isText: true, of: nameOf };

const DELIVERY: readonly Column[] = [
  NAME,
  { title: "p50", of: (run) => duration(run.delay.p50Ms) },
  { title: "p90", of: (run) => duration(run.delay.p90Ms) },
  { title: "p99", of: (run) => duration(run.delay.p99Ms) },
  { title: "worst", of: (run) => duration(run.delay.worstMs) },
  { title: "whole after cut", of: (run) => recoveryText(run.catchUp) },
  { title: "after storm", of: (run) => recoveryText(run.storm) },
  { title: "losses", isText: true, of: (run) => lossesText(allLosses(run)) },
];

const COST: readonly Column[] = [
  NAME,
  { title: "requests", of: (run) => digits(run.requests.perDelivery) },
  { title: "wasted", of: (run) => grouped(run.requests.wasted) },
  { title: "up", of: (run) => size(run.wire.upBytesPerDelivery) },
  { title: "down", of: (run) => size(run.wire.downBytesPerDelivery) },
  { title: "CPU, µs", of: (run) => digits(cpuUs(run)) },
  { title: "memory, idle", of: (run) => size(run.memory?.idleBytesPerClient ?? null) },
  { title: "busy", of: (run) => size(run.memory?.busyBytesPerClient ?? null) },
  { title: "generator", isText: true, of: (run) => generatorText(run) },
];

/**
 * The results for a terminal: two Markdown tables, what a reader gets and what it costs, with what was skipped below.
 * Losses and a generator that was at its limit are red and yellow where the terminal has colours.
 */
export function terminalTable(results: Results): string {
  const { runs, skipped } = results;
  const parts = [
    "Delay from when an event was due to its arrival; time until all have everything after a cut and a reconnect storm",
    "",
    ...table(DELIVERY, runs),
    "",
    "Per delivered event: requests (and how many in vain, in all), bytes on the wire, the server's CPU; memory per client",
    "",
    ...table(COST, runs),
  ];
  const disturbed = disturbance(results);
  if (disturbed !== null) parts.push("", styleText("yellow", disturbed));
  if (skipped.length > 0) parts.push("", ...skipped.map((reason) => `Skipped: ${reason}`));
  return `${parts.join("\n")}\n`;
}

function table(columns: readonly Column[], runs: readonly Run[]): readonly string[] {
  const cells = runs.map((run) => columns.map(({ of }) => of(run)));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, 3, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, index) => padded(text, widths[index] ?? 0, columns[index])).join(" | ")} |`;
  const rule = columns.map(({ isText }, index) => (isText === true ? "---" : "--:").padStart(widths[index] ?? 0, "-"));
  return [
    line(columns.map(({ title }) => title)),
    `| ${rule.join(" | ")} |`,
    ...cells.map((row, index) => painted(line(row), runs[index])),
  ];
}

function padded(text: string, width: number, column: Column | undefined): string {
  return column?.isText === true ? text.padEnd(width) : text.padStart(width);
}

function painted(line: string, run: Run | undefined): string {
  if (run !== undefined && !isWhole(allLosses(run))) return styleText("red", line);
  return run?.generator.isSaturated === true ? styleText("yellow", line) : line;
}

function generatorText({ generator }: Run): string {
  return generator.isSaturated
    ? `at its limit (${Math.round(generator.cpuShare * 100)} % of a core, ${duration(generator.worstLagMs)} late)`
    : `${Math.round(generator.cpuShare * 100)} % of a core`;
}
