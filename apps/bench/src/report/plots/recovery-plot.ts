import * as Plot from "@observablehq/plot";
import type { Run } from "../../results.ts";
import { nameOf, wholeAfterText } from "../run-figures.ts";
import {
  decades,
  drawRows,
  figuresBeside,
  FIRST,
  isOurs,
  legend,
  middleOf,
  PALE,
  QUIET,
  SECOND,
  type Layout,
} from "./frame.ts";

const PARTS = ["after a cut", "after a storm"] as const;

/** How long it takes until everybody has everything again: after a cut, and after all were thrown out at once. */
export function recoveryDots(runs: readonly Run[], layout: Layout): string {
  const measured = runs.filter(({ catchUp, storm }) => catchUp !== null || storm !== null);
  const dy = middleOf(layout);
  const dots = (ours: boolean): readonly Dot[] => measured.filter((run) => isOurs(run) === ours).flatMap(dotsOf);
  const all = measured.flatMap(dotsOf).map(({ ms }) => ms);
  // Where both come at the same time, the first one is a ring around the other.
  const dot = { x: "ms", y: "name", fill: "what", r: ({ what }: Dot) => (what === PARTS[0] ? 7 : 4), dy };
  return drawRows("Time until every client has everything again", measured, layout, {
    marginRight: 105,
    x: decades("until all are whole →", all.length === 0 ? [1, 10] : all),
    r: { type: "identity" },
    color: { domain: [...PARTS], range: [FIRST, SECOND] },
    marks: [
      Plot.ruleY(measured, { y: nameOf, stroke: QUIET, strokeOpacity: 0.3, dy }),
      Plot.dot(dots(true), dot),
      Plot.dot(dots(false), { ...dot, fillOpacity: PALE }),
      ...legend(PARTS),
      ...figuresBeside(
        measured,
        layout,
        "cut · storm, ms",
        ({ catchUp, storm }) => `${wholeAfterText(catchUp)} · ${wholeAfterText(storm)}`,
      ),
    ],
  });
}

interface Dot {
  readonly name: string;
  readonly what: string;
  readonly ms: number;
}

/** None for those that never were whole. */
function dotsOf(run: Run): readonly Dot[] {
  return [run.catchUp, run.storm].flatMap((recovery, index) => {
    const ms = recovery?.wholeAfterMs ?? null;
    return ms === null ? [] : [{ name: nameOf(run), what: PARTS[index] ?? "", ms: Math.max(1, ms) }];
  });
}
