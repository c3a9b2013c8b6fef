import { styleText } from "node:util";
import type { Results, Run } from "../results.ts";
import { digits } from "./figures.ts";
import { allLosses, cpuUs, isSameRun, lossesText, nameOf, wireBytes } from "./run-figures.ts";

interface Figure {
  readonly title: string;
  readonly of: (run: Run) => number | null;
}

const FIGURES: readonly Figure[] = [
  { title: "p50, ms", of: ({ delay }) => delay.p50Ms },
  { title: "p99, ms", of: ({ delay }) => delay.p99Ms },
  { title: "requests per event", of: ({ requests }) => requests.perDelivery },
  { title: "bytes per event", of: wireBytes },
  { title: "CPU per event, µs", of: cpuUs },
  { title: "memory per idle client, KiB", of: ({ memory }) => kib(memory?.idleBytesPerClient) },
  { title: "memory per busy client, KiB", of: ({ memory }) => kib(memory?.busyBytesPerClient) },
  { title: "whole after a cut, ms", of: ({ catchUp }) => catchUp?.wholeAfterMs ?? null },
  { title: "whole after a storm, ms", of: ({ storm }) => storm?.wholeAfterMs ?? null },
];

/** Machines are noisy: what moved less is not worth a line. */
const NOISE = 0.1;

/**
 * What has changed from one benchmark to another, as text: the figures that moved by more than a tenth, by transport, all
 * losses, and what is in only one of the two. Runs are compared where server, transport and load are the same.
 */
export function compare(before: Results, after: Results): string {
  const lines = [`before  ${headOf(before)}`, `after   ${headOf(after)}`];
  if (before.machine.cpu !== after.machine.cpu || before.machine.cores !== after.machine.cores) {
    lines.push("", "The machines are not the same: read the differences with care.");
  }
  const unmoved: string[] = [];
  for (const run of after.runs) {
    const old = before.runs.find((candidate) => isSameRun(candidate, run));
    const moved = old === undefined ? ["  only in the second, or under another load there"] : changes(old, run);
    if (moved.length === 0) unmoved.push(nameOf(run));
    else lines.push("", styleText("bold", nameOf(run)), ...moved);
  }
  for (const run of before.runs.filter((old) => !after.runs.some((candidate) => isSameRun(candidate, old)))) {
    lines.push("", styleText("bold", nameOf(run)), "  only in the first, or under another load there");
  }
  if (unmoved.length > 0) lines.push("", `No figure moved by more than a tenth: ${unmoved.join(", ")}.`);
  return `${lines.join("\n")}\n`;
}

function changes(before: Run, after: Run): readonly string[] {
  const lines = FIGURES.flatMap(({ title, of }) => change(title, of(before), of(after)));
  const [lossesBefore, lossesAfter] = [lossesText(allLosses(before)), lossesText(allLosses(after))];
  if (lossesBefore !== lossesAfter || lossesAfter !== "none") {
    lines.push(styleText("red", `  ${"losses".padEnd(28)} ${lossesBefore} → ${lossesAfter}`));
  }
  for (const [run, when] of [
    [before, "first"],
    [after, "second"],
  ] as const) {
    if (run.generator.isSaturated) lines.push(styleText("yellow", `  the generator was at its limit in the ${when}`));
  }
  return lines;
}

function change(title: string, before: number | null, after: number | null): string[] {
  if (before === null || after === null || before === after) return [];
  const ratio = before === 0 ? Number.POSITIVE_INFINITY : after / before;
  if (Math.abs(ratio - 1) <= NOISE) return [];
  const by = Number.isFinite(ratio) ? `× ${digits(ratio)}` : "from nothing";
  // All figures are better when they are smaller.
  return [`  ${title.padEnd(28)} ${digits(before)} → ${digits(after)}  ${styleText(ratio > 1 ? "red" : "green", by)}`];
}

function headOf({ startedAt, scenario, git, machine }: Results): string {
  const revision = git === null ? "" : `, ${git.revision.slice(0, 12)}${git.isDirty ? " with changes" : ""}`;
  return `${startedAt.slice(0, 16).replace("T", " ")} UTC, ${scenario}${revision}, ${machine.cpu}, ${machine.cores} cores`;
}

function kib(bytes: number | undefined): number | null {
  return bytes === undefined ? null : bytes / 1024;
}
