import { readFileSync } from "node:fs";
import type { Results, Run } from "../results.ts";
import { COLOURS } from "./colours.ts";
import { digits, duration, grouped, size } from "./figures.ts";
import { cpuBars, delayByInterval, delayCurves, memoryBars, recoveryBars, wireBars } from "./plots.ts";
import { allLosses, cpuUs, disturbance, isWhole, lossesText, nameOf, recoveryText } from "./run-figures.ts";

const STYLE = COLOURS + readFileSync(new URL("report.css", import.meta.url), "utf8");

/** The results as one HTML page that needs nothing beside it: no script, no font, no request. */
export function renderHtml(results: Results): string {
  const { runs, skipped } = results;
  return [
    "<!doctype html>",
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>Which transport costs what: ${escape(results.scenario)}</title><style>${STYLE}</style></head><body>`,
    "<header><h1>Which transport costs what</h1>",
    `<p>${escape(headline(results))}</p></header>`,
    "<main>",
    verdict(results),
    section(
      "How late",
      "From the moment when an event was due to be published to its arrival at the client. The darker, the more events took so long; the two marks, and the figures on the right, are the median and the 99th percentile.",
      delayCurves(runs),
    ),
    runs.some(({ intervalMs }) => intervalMs !== null)
      ? section(
          "What an interval costs",
          "A poll sees an event half an interval late at the median, a whole one at worst. The grey lines are the medians of the transports that push.",
          delayByInterval(runs),
        )
      : "",
    runs.every(({ cpu }) => cpu === null)
      ? ""
      : section("CPU", "Of all processes of the server, by delivered event, wasted requests included.", cpuBars(runs)),
    section(
      "Bytes",
      "Counted at the clients' sockets, heads and framing included. For long polling and BOSH each event brings a request along.",
      wireBars(runs),
    ),
    runs.every(({ memory }) => memory === null)
      ? ""
      : section("Memory", "Resident memory above that of the server without clients, by client.", memoryBars(runs)),
    runs.some(({ catchUp, storm }) => catchUp !== null || storm !== null)
      ? section(
          "Coming back",
          "All clients are cut off while events go on; and all are thrown out at once. The time until each has everything again.",
          recoveryBars(runs),
        )
      : "",
    `<section><h2>All figures</h2><div class="wide" tabindex="0" role="region" aria-label="All figures">${figures(runs)}</div></section>`,
    skipped.length === 0
      ? ""
      : `<section><h2>Not measured</h2><ul>${skipped.map((reason) => `<li>${escape(reason)}</li>`).join("")}</ul></section>`,
    "</main>",
    `<footer>${footer(results)}</footer></body></html>`,
  ].join("\n");
}

function headline({ runs, machine, startedAt, durationMs }: Results): string {
  const [first] = runs;
  const load =
    first === undefined
      ? ""
      : `${grouped(first.load.clients)} clients on ${grouped(first.load.topics)} topics, ` +
        `${digits(first.load.eventsPerSecond)} events/s of ${size(first.load.eventBytes)}. `;
  const when = `${startedAt.slice(0, 16).replace("T", " ")} UTC`;
  return `${load}${machine.cpu}, ${machine.cores} cores shared with the clients; ${when}, ${duration(durationMs)} in all.`;
}

/** What comes before all figures: whether they can be believed. */
function verdict(results: Results): string {
  const { runs } = results;
  const deliveries = grouped(runs.reduce((total, run) => total + run.deliveries, 0));
  const bad = runs.filter((run) => !isWhole(allLosses(run)));
  const saturated = runs.filter(({ generator }) => generator.isSaturated);
  const parts =
    bad.length === 0
      ? [`<p class="whole">${deliveries} deliveries: nothing lost, nothing doubled, nothing out of order.</p>`]
      : bad.map((run) => `<p class="bad"><strong>${escape(nameOf(run))}</strong>: ${lossesText(allLosses(run))}</p>`);
  if (saturated.length > 0) {
    parts.push(
      `<p class="doubtful">The generator was at its limit with ${escape(saturated.map(nameOf).join(", "))}: those delays are not the server's alone.</p>`,
    );
  }
  const disturbed = disturbance(results);
  if (disturbed !== null) parts.push(`<p class="doubtful">${disturbed}</p>`);
  return parts.join("\n");
}

function section(title: string, what: string, plot: string): string {
  return `<section><h2>${title}</h2><p>${what}</p><div class="wide" tabindex="0" role="region" aria-label="${title}">${plot}</div></section>`;
}

const COLUMNS: readonly (readonly [title: string, of: (run: Run) => string])[] = [
  ["p50", (run) => duration(run.delay.p50Ms)],
  ["p90", (run) => duration(run.delay.p90Ms)],
  ["p99", (run) => duration(run.delay.p99Ms)],
  ["worst", (run) => duration(run.delay.worstMs)],
  ["requests per event", (run) => digits(run.requests.perDelivery)],
  ["wasted", (run) => grouped(run.requests.wasted)],
  ["up", (run) => size(run.wire.upBytesPerDelivery)],
  ["down", (run) => size(run.wire.downBytesPerDelivery)],
  ["CPU, µs", (run) => digits(cpuUs(run))],
  ["idle", (run) => size(run.memory?.idleBytesPerClient ?? null)],
  ["busy", (run) => size(run.memory?.busyBytesPerClient ?? null)],
  ["after cut", (run) => recoveryText(run.catchUp)],
  ["after storm", (run) => recoveryText(run.storm)],
  ["deliveries", (run) => grouped(run.deliveries)],
  ["losses", (run) => lossesText(allLosses(run))],
  [
    "generator",
    ({ generator }) => `${Math.round(generator.cpuShare * 100)} %${generator.isSaturated ? ", at its limit" : ""}`,
  ],
];

function figures(runs: readonly Run[]): string {
  const head = COLUMNS.map(([title]) => `<th scope="col">${title}</th>`).join("");
  const rows = runs.map((run) => {
    const kind = isWhole(allLosses(run)) ? "" : ' class="bad"';
    const cells = COLUMNS.map(([, of]) => `<td>${escape(of(run))}</td>`).join("");
    return `<tr${kind}><th scope="row">${escape(nameOf(run))}</th>${cells}</tr>`;
  });
  return `<table><thead><tr><th scope="col">transport</th>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

function footer({ versions, git, machine }: Results): string {
  const parts = [
    ...Object.entries(versions).map(([name, version]) => `${name} ${version}`),
    machine.system,
    git === null ? "" : `revision ${git.revision.slice(0, 12)}${git.isDirty ? ", with uncommitted changes" : ""}`,
    machine.otherCores === null ? "" : `${digits(machine.otherCores)} cores busy with other things meanwhile`,
  ];
  return escape(parts.filter((part) => part !== "").join(" · "));
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
