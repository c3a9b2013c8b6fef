import { styleText } from "node:util";
import type { Results, Run } from "../results.ts";
import { DELIVERY, NAME, SERVER, WIRE, type Column, type ColumnGroup } from "./columns.ts";
import { allLosses, disturbance, isWhole } from "./run-figures.ts";

const TABLES: readonly (readonly [caption: string, groups: readonly ColumnGroup[]])[] = [
  ["Delay from when an event was due, ms; whole again after a cut, a storm, ms", DELIVERY],
  ["Requests per event, and in vain in all; bytes on the wire per event", WIRE],
  ["CPU per event, µs; memory per client, KiB; busiest process of the generator", SERVER],
];

/**
 * The results for a terminal: Markdown tables that fit 80 columns, with what was skipped below. Losses and a generator
 * that was at its limit are red and yellow where the terminal has colours.
 */
export function terminalTable(results: Results): string {
  const { runs, skipped } = results;
  const parts = TABLES.flatMap(([caption, groups]) => [
    caption,
    "",
    ...table([NAME, ...groups.flatMap(({ columns }) => columns)], runs),
    "",
  ]);
  const disturbed = disturbance(results);
  if (disturbed !== null) parts.push(styleText("yellow", disturbed), "");
  if (skipped.length > 0) parts.push(...skipped.map((reason) => `Not measured: ${reason}`), "");
  return parts.join("\n");
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
