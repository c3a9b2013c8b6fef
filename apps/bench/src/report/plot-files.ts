import type { Results } from "../results.ts";
import { COLOURS } from "./colours.ts";
import { cpuBars, memoryBars, wireBars } from "./plots/cost-plots.ts";
import { delayByInterval, delayRows } from "./plots/delay-plots.ts";
import { WIDE } from "./plots/frame.ts";
import { recoveryDots } from "./plots/recovery-plot.ts";

/** The report's plots as SVG files for other pages, by name: they bring their colours along, light and dark. */
export function plotFiles({ runs }: Results): ReadonlyMap<string, string> {
  return new Map(
    Object.entries({
      delay: delayRows(runs, WIDE),
      interval: delayByInterval(runs, WIDE),
      cpu: cpuBars(runs, WIDE),
      bytes: wireBars(runs, WIDE),
      memory: memoryBars(runs, WIDE),
      recovery: recoveryDots(runs, WIDE),
    }).map(([name, svg]) => [`${name}.svg`, standingAlone(svg)]),
  );
}

function standingAlone(svg: string): string {
  const head = `<style>${COLOURS}:root{color:var(--ink)}</style><rect width="100%" height="100%" fill="var(--card)"/>`;
  return svg.replace(/^<svg ([^>]*)>/, `<svg xmlns="http://www.w3.org/2000/svg" $1>${head}`);
}
