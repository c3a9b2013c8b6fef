import type { Results } from "../results.ts";
import { COLOURS } from "./colours.ts";
import { cpuBars, delayByInterval, delayCurves, memoryBars, recoveryBars, wireBars } from "./plots.ts";

/** The report's plots as SVG files for other pages, by name: they bring their colours along, light and dark. */
export function plotFiles({ runs }: Results): ReadonlyMap<string, string> {
  return new Map(
    Object.entries({
      delay: delayCurves(runs),
      interval: delayByInterval(runs),
      cpu: cpuBars(runs),
      bytes: wireBars(runs),
      memory: memoryBars(runs),
      recovery: recoveryBars(runs),
    }).map(([name, svg]) => [`${name}.svg`, standingAlone(svg)]),
  );
}

function standingAlone(svg: string): string {
  const head = `<style>${COLOURS}:root{color:var(--ink)}</style><rect width="100%" height="100%" fill="var(--card)"/>`;
  return svg.replace(/^<svg ([^>]*)>/, `<svg xmlns="http://www.w3.org/2000/svg" $1>${head}`);
}
