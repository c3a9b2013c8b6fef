import { styleText } from "node:util";
import type { Comparison, FigureName, Pair, RunChange, Side } from "./compare.ts";
import { digits, duration, size } from "./figures.ts";
import { isWhole, lossesText } from "./run-figures.ts";

type Written = (value: number | null) => string;

const FIGURES: Readonly<Record<FigureName, readonly [title: string, written: Written]>> = {
  p50Ms: ["p50", duration],
  p99Ms: ["p99", duration],
  requestsPerDelivery: ["requests per event", digits],
  wireBytesPerDelivery: ["bytes per event", digits],
  cpuUsPerDelivery: ["CPU per event, µs", digits],
  idleBytesPerClient: ["memory per idle client", size],
  busyBytesPerClient: ["memory per busy client", size],
  wholeAfterCutMs: ["whole after a cut", duration],
  wholeAfterStormMs: ["whole after a storm", duration],
};

const WIDTH = 22;

/** What has changed, as text: figures that moved, by transport, all losses, and what is in only one of the two. */
export function comparisonText({ before, after, isSameMachine, runs, onlyBefore, onlyAfter }: Comparison): string {
  const told = runs.map((run) => [run.name, linesOf(run)] as const);
  const unmoved = told.filter(([, lines]) => lines.length === 0).map(([name]) => name);
  const parts = [
    ...told.filter(([, lines]) => lines.length > 0),
    ...onlyAfter.map((name) => [name, ["  only in the second, or under another load there"]] as const),
    ...onlyBefore.map((name) => [name, ["  only in the first, or under another load there"]] as const),
  ];
  return [
    `before  ${headOf(before)}`,
    `after   ${headOf(after)}`,
    ...(isSameMachine ? [] : ["", "The machines are not the same: read the differences with care."]),
    ...parts.flatMap(([name, lines]) => ["", styleText("bold", name), ...lines]),
    ...(unmoved.length === 0 ? [] : ["", `No figure moved by more than a tenth: ${unmoved.join(", ")}.`]),
    "",
  ].join("\n");
}

function linesOf({ figures, losses, isSaturated }: RunChange): readonly string[] {
  const lines = Object.entries(FIGURES).flatMap(([name, [title, written]]) => {
    const pair = figures[name as FigureName];
    return pair === undefined ? [] : [figureLine(title, pair, written)];
  });
  if (!isWhole(losses.before) || !isWhole(losses.after)) {
    lines.push(
      styleText("red", `  ${"losses".padEnd(WIDTH)} ${lossesText(losses.before)} → ${lossesText(losses.after)}`),
    );
  }
  if (isSaturated.before) lines.push(styleText("yellow", "  the generator was at its limit in the first"));
  if (isSaturated.after) lines.push(styleText("yellow", "  the generator was at its limit in the second"));
  return lines;
}

function figureLine(title: string, { before, after }: Pair<number | null>, written: Written): string {
  const values = `  ${title.padEnd(WIDTH)} ${written(before)} → ${written(after)}`;
  if (before === null || after === null) return values;
  const by = before === 0 ? "from nothing" : `× ${digits(after / before)}`;
  return `${values}  ${styleText(after > before ? "red" : "green", by)}`;
}

function headOf({ startedAt, scenario, git, machine }: Side): string {
  const revision = git === null ? "" : `, ${git.revision.slice(0, 12)}${git.isDirty ? " with changes" : ""}`;
  return `${startedAt.slice(0, 16).replace("T", " ")} UTC, ${scenario}${revision}, ${machine.cpu}, ${machine.cores} cores`;
}
