import { readFileSync } from "node:fs";
import type { SweptPart } from "../plan/scenario.ts";
import { sweptPart, sweptText } from "../plan/swept.ts";
import type { Results, Run } from "../results.ts";
import { COLOURS } from "./colours.ts";
import { digits, duration, grouped, span } from "./figures.ts";
import { DELIVERY, NAME, SERVER, WIRE, type ColumnGroup } from "./columns.ts";
import { cpuBars, memoryBars, wireBars } from "./plots/cost-plots.ts";
import { delayByInterval, delayRows } from "./plots/delay-plots.ts";
import { isOurs, NARROW, WIDE, type Layout } from "./plots/frame.ts";
import { recoveryDots } from "./plots/recovery-plot.ts";
import { sweptCpu, sweptDelay, sweptMemory } from "./plots/sweep-plots.ts";
import { allLosses, disturbance, isWhole, lossesText, nameOf } from "./run-figures.ts";

const STYLE = COLOURS + readFileSync(new URL("report.css", import.meta.url), "utf8");

/** The results as one HTML page that needs nothing beside it: no script, no font, no request. */
export function renderHtml(results: Results): string {
  const { runs, skipped } = results;
  const part = sweptPart(runs.map(({ load }) => load));
  return [
    "<!doctype html>",
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>Which transport costs what: ${escape(results.scenario)}</title><style>${STYLE}</style></head><body>`,
    "<header><h1>Which transport costs what</h1>",
    `<p>${escape(headline(results))}</p></header>`,
    "<main>",
    verdict(results),
    part === null ? "" : sweep(runs, part),
    section(
      "How late",
      "From the moment when an event was due to be published to its arrival at the client. The darker, the more events took so long; the marks are the median and the 99th percentile, the thin line goes on to the worst.",
      (layout) => delayRows(runs, layout),
    ),
    // Over the loads of a sweep it would be drawn upon itself.
    part === null && runs.some((run) => isOurs(run) && run.intervalMs !== null)
      ? section(
          "What an interval costs",
          "A poll sees an event half an interval late at the median, a whole one at worst. The grey lines are the medians of the transports that push.",
          (layout) => delayByInterval(runs, layout),
        )
      : "",
    runs.every(({ cpu }) => cpu === null)
      ? ""
      : section("CPU", "Of all processes of the server, by delivered event, wasted requests included.", (layout) =>
          cpuBars(runs, layout),
        ),
    section(
      "Bytes",
      "Counted at the clients' sockets, heads and framing included. For long polling and BOSH each event brings a request along.",
      (layout) => wireBars(runs, layout),
    ),
    runs.every(({ memory }) => memory === null)
      ? ""
      : section("Memory", "Resident memory above that of the server without clients, by client.", (layout) =>
          memoryBars(runs, layout),
        ),
    runs.some(({ catchUp, storm }) => catchUp !== null || storm !== null)
      ? section("Coming back", comingBack(runs), (layout) => recoveryDots(runs, layout))
      : "",
    `<section class="figures"><h2>All figures</h2><p>${FIGURES}</p>${scrolling("All figures", figures(runs))}</section>`,
    skipped.length === 0
      ? ""
      : `<section><h2>Not measured</h2><ul>${skipped.map((reason) => `<li>${escape(reason)}</li>`).join("")}</ul></section>`,
    "</main>",
    `<footer>${footer(results)}</footer></body></html>`,
  ].join("\n");
}

function headline({ runs, machine, startedAt, durationMs }: Results): string {
  const when = `${startedAt.slice(0, 16).replace("T", " ")} UTC`;
  return `${loadText(runs)}${machine.cpu}, ${machine.cores} cores shared with the clients; ${when}, ${span(durationMs)} in all.`;
}

/** The load, with all values of what differs. */
function loadText(runs: readonly Run[]): string {
  const loads = runs.map(({ load }) => load);
  const all = (part: SweptPart): string => [...new Set(loads.map((load) => sweptText(part, load)))].join(", ");
  if (loads.length === 0) return "";
  return `${all("clients")} on ${all("topics")}, ${all("eventsPerSecond")} of ${all("eventBytes")}. `;
}

/** What becomes of it when the load differs. */
function sweep(runs: readonly Run[], part: SweptPart): string {
  return section(
    "With the load",
    "Median delay, and CPU per delivered event and memory per client of the server, a line for each transport.",
    (layout) =>
      sweptDelay(runs, part, layout) +
      (runs.every(({ cpu }) => cpu === null) ? "" : sweptCpu(runs, part, layout)) +
      (runs.every(({ memory }) => memory === null) ? "" : sweptMemory(runs, part, layout)),
  );
}

/** What comes before all figures: whether they can be believed. */
function verdict(results: Results): string {
  const { runs } = results;
  const bad = runs.filter((run) => !isWhole(allLosses(run)));
  const whole = runs.filter((run) => !bad.includes(run));
  const saturated = runs.filter(({ generator }) => generator.isSaturated);
  const disturbed = disturbance(results);
  const deliveries = grouped(whole.reduce((total, run) => total + run.deliveries, 0));
  const where = bad.length === 0 ? "" : ` in ${whole.length} of ${runs.length} runs`;
  return [
    whole.length === 0
      ? ""
      : `<p class="whole">${deliveries} deliveries${where}: nothing lost, nothing doubled, nothing out of order.</p>`,
    ...bad.map((run) => `<p class="bad"><strong>${escape(nameOf(run))}</strong>: ${lossesOf(run)}</p>`),
    saturated.length === 0
      ? ""
      : `<p class="doubtful">The generator was at its limit with ${escape(saturated.map(nameOf).join(", "))}: those delays are not the server's alone.</p>`,
    disturbed === null ? "" : `<p class="doubtful">${disturbed}</p>`,
  ].join("\n");
}

function lossesOf(run: Run): string {
  const text = lossesText(allLosses(run));
  return isWhole(run.losses) ? `${text}, all of it when its clients were cut off` : text;
}

function comingBack(runs: readonly Run[]): string {
  const cutMs = runs.find(({ catchUp }) => catchUp !== null)?.catchUp?.cutMs ?? null;
  const cut = cutMs === null ? "" : `A cut: all clients are away for ${duration(cutMs)} while events go on. `;
  return `${cut}A storm: all connections are cut at once, and all come back at once. The time until each has everything again.`;
}

/** Drawn twice, for wide pages and for narrow ones; CSS shows the one that fits. */
function section(title: string, what: string, plot: (layout: Layout) => string): string {
  const drawings = [`<div class="plot wide">${plot(WIDE)}</div>`, `<div class="plot narrow">${plot(NARROW)}</div>`];
  return `<section><h2>${title}</h2><p>${what}</p>${drawings.join("")}</section>`;
}

function scrolling(title: string, content: string): string {
  return `<div class="scrolling" tabindex="0" role="region" aria-label="${title}">${content}</div>`;
}

const FIGURES =
  "Requests, bytes and CPU by delivered event, memory by client; in vain: requests without an event, in all. Losses are those of the whole run, the generator's figure is the busy share of a core of its busiest process.";

const GROUPS: readonly ColumnGroup[] = [
  ...DELIVERY,
  ...WIRE,
  ...SERVER,
  { title: "", columns: [{ title: "deliveries", of: ({ deliveries }) => grouped(deliveries) }] },
];

function figures(runs: readonly Run[]): string {
  const columns = GROUPS.flatMap((group) =>
    group.columns.map((column, index) => ({ ...column, isFirst: index === 0 })),
  );
  const groups = GROUPS.map(
    ({ title, columns: { length } }) => `<th scope="colgroup" colspan="${length}">${title}</th>`,
  ).join("");
  const mark = (isFirst: boolean, isText = false): string =>
    ` class="${isFirst ? "first" : ""}${isText ? " text" : ""}"`;
  const head = columns
    .map(({ title, isText, isFirst }) => `<th scope="col"${mark(isFirst, isText)}>${title}</th>`)
    .join("");
  const rows = runs.map((run) => {
    const cells = columns
      .map(({ of, isText, isFirst }) => `<td${mark(isFirst, isText)}>${escape(of(run))}</td>`)
      .join("");
    const kind = isWhole(allLosses(run)) ? "" : ' class="bad"';
    return `<tr${kind}><th scope="row">${escape(nameOf(run))}</th>${cells}</tr>`;
  });
  return (
    `<table><thead><tr><th rowspan="2" scope="col">${NAME.title}</th>${groups}</tr><tr>${head}</tr></thead>` +
    `<tbody>${rows.join("")}</tbody></table>`
  );
}

function footer({ versions, git, machine }: Results): string {
  const parts = [
    ...Object.entries(versions).map(([name, version]) => `${name} ${version}`),
    machine.system,
    git === null ? "" : `revision ${git.revision.slice(0, 12)}${git.isDirty ? ", with uncommitted changes" : ""}`,
    machine.otherCores === null ? "" : `other programs took ${digits(machine.otherCores)} cores meanwhile`,
  ];
  return escape(parts.filter((part) => part !== "").join(" · "));
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
