import { stripVTControlCharacters } from "node:util";
import { SaxesParser } from "saxes";
import { describe, expect, test } from "vitest";
import { casesOf, FULL } from "../src/plan/scenario.ts";
import { compare } from "../src/report/compare.ts";
import { comparisonText } from "../src/report/comparison-text.ts";
import { digits, duration, figure, size } from "../src/report/figures.ts";
import { plotFiles } from "../src/report/plot-files.ts";
import { renderHtml } from "../src/report/html-report.ts";
import { terminalTable } from "../src/report/terminal-table.ts";
import type { Run } from "../src/results.ts";
import { sampleResults, sampleRun } from "./support/sample-results.ts";

const plain = stripVTControlCharacters;

/** The cells of the row that begins so, of all tables. */
function row(text: string, name: string): readonly string[] {
  return plain(text)
    .split("\n")
    .filter((line) => line.startsWith(`| ${name} `))
    .flatMap((line) => line.split("|").map((cell) => cell.trim()));
}

describe("figures", () => {
  test.each([
    [digits(0), "0"],
    [digits(0.0421), "0.042"],
    [digits(9.999), "10"],
    [digits(12.34), "12.3"],
    [digits(100), "100"],
    [digits(1_234_567), "1\u202F234\u202F567"],
    [digits(null), "–"],
    [digits(Number.NaN), "–"],
    [figure(9.999), "10.0"],
    [figure(2), "2.00"],
    [figure(0), "0"],
    [figure(99.97), "100"],
    [duration(999), "999 ms"],
    [duration(999.7), "1 s"],
    [size(1023.7), "1 KiB"],
    [duration(2500), "2.5 s"],
    [size(1023), "1\u202F023 B"],
    [size(1536), "1.5 KiB"],
    [size(3 * 1024 * 1024), "3 MiB"],
    [size(null), "–"],
  ])("%s", (written, expected) => expect(written).toBe(expected));
});

describe("the terminal's table", () => {
  test("has a run's figures, all of a column in the same unit", () => {
    const text = plain(terminalTable(sampleResults([sampleRun()])));
    expect(row(text, "transport")).toEqual(
      [
        ["transport", "p50", "p90", "p99", "worst", "cut", "storm", "losses"],
        ["transport", "requests", "in vain", "up", "down"],
        ["transport", "CPU", "user", "system", "idle", "busy", "generator"],
      ].flatMap((cells) => ["", ...cells, ""]),
    );
    expect(row(text, "WebSocket")).toEqual(
      [
        ["WebSocket", "1.25", "2.50", "4.50", "1\u202F234", "150", "420", "none"],
        ["WebSocket", "0.040", "12", "0.25", "262"],
        ["WebSocket", "10.5", "6.50", "4.00", "8.60", "9.30", "31 %"],
      ].flatMap((cells) => ["", ...cells, ""]),
    );
  });

  test("fits a terminal of 80 columns", () => {
    const delay = { ...sampleRun().delay, p50Ms: 5000, p90Ms: 5000, p99Ms: 5000 };
    const runs = casesOf(FULL).map(({ label }) => sampleRun({ label, delay }));
    for (const line of plain(terminalTable(sampleResults(runs))).split("\n"))
      expect(line.length).toBeLessThanOrEqual(80);
  });

  test("names a peer by its server, and tells every loss, those of a cut and a storm too", () => {
    const run = sampleRun({
      server: "peer",
      losses: { lost: 3, doubled: 0, disordered: 0 },
      catchUp: { cutMs: 5000, wholeAfterMs: null, losses: { lost: 4, doubled: 0, disordered: 1 } },
      storm: { wholeAfterMs: 1, losses: { lost: 0, doubled: 2, disordered: 0 } },
    });
    const cells = row(terminalTable(sampleResults([run])), "peer, WebSocket");
    expect(cells).toEqual(expect.arrayContaining(["7 lost, 2 doubled, 1 out of order", "never"]));
  });

  test("what was not measured is a dash, what was skipped has its reason", () => {
    const run = sampleRun({ cpu: null, memory: null, catchUp: null, storm: null });
    const text = terminalTable(sampleResults([run], { skipped: ["nchan: not installed"] }));
    expect(row(text, "WebSocket").filter((cell) => cell === "–")).toHaveLength(7);
    expect(text).toContain("Not measured: nchan: not installed");
  });

  test("a generator at its limit is said", () => {
    const generator = { cpuShare: 0.97, worstLagMs: 80, isSaturated: true };
    expect(terminalTable(sampleResults([sampleRun({ generator })]))).toContain("97 %, at its limit, 80 ms late");
  });
});

describe("the HTML report", () => {
  test("needs nothing beside it", () => {
    const html = renderHtml(sampleResults([sampleRun(), sampleRun({ label: "polling every 1 s", intervalMs: 1000 })]));
    expect(html).not.toMatch(/<script|<link|@import|url\(|src=/);
    expect(html.match(/<svg[^>]*viewBox/g)?.length).toBeGreaterThanOrEqual(6);
  });

  test("draws each plot for wide pages and for narrow ones", () => {
    const html = renderHtml(sampleResults([sampleRun()]));
    const widths = [...html.matchAll(/<div class="plot (\w+)"><svg[^>]* width="(\d+)"/g)].map(([, which, width]) =>
      [which, width].join(),
    );
    expect(widths).toEqual(Array.from({ length: 5 }, () => ["wide,920", "narrow,350"]).flat());
  });

  test("has a line for each transport where the load differs, and all values in its head", () => {
    const runs = [50, 500].flatMap((clients) =>
      ["sse", "websocket"].map((transport) =>
        sampleRun({ transport, label: `${transport}, ${clients} clients`, load: { ...sampleRun().load, clients } }),
      ),
    );
    const html = renderHtml(sampleResults(runs));
    expect(html).toContain("50 clients, 500 clients on 10 topics, 50 events/s of 200 B.");
    expect(html).toContain("<h2>With the load</h2>");
    const [plot = ""] = /<svg[^>]*aria-label="Median delay by the load".*?<\/svg>/s.exec(html) ?? [];
    for (const text of ["SSE", "WebSocket", "50", "500", "clients →"]) expect(plot).toContain(`>${text}<`);
    expect(renderHtml(sampleResults([sampleRun()]))).not.toContain("With the load");
  });

  test("tells losses of those who were cut off as such", () => {
    const storm = { wholeAfterMs: null, losses: { lost: 12_000, doubled: 0, disordered: 0 } };
    const html = renderHtml(sampleResults([sampleRun(), sampleRun({ server: "peer", storm })]));
    expect(html).toContain("5\u202F000 deliveries in 1 of 2 runs: nothing lost");
    expect(html).toContain(
      "<strong>peer, WebSocket</strong>: 12\u202F000 lost, all of it when its clients were cut off<",
    );
  });

  test("says first whether the figures can be believed", () => {
    const good = renderHtml(sampleResults([sampleRun()]));
    expect(good).toContain("5\u202F000 deliveries: nothing lost, nothing doubled, nothing out of order.");
    const bad = renderHtml(sampleResults([sampleRun({ losses: { lost: 1, doubled: 0, disordered: 0 } })]));
    expect(bad).not.toContain("nothing lost");
    expect(bad).toMatch(/<p class="bad"><strong>WebSocket<\/strong>: 1 lost/);
  });

  test("a machine with other things to do is said, here and on the terminal", () => {
    const machine = { ...sampleResults([]).machine, otherCores: 1.25 };
    const results = sampleResults([sampleRun()], { machine });
    for (const text of [renderHtml(results), terminalTable(results)]) {
      expect(text).toContain("Other programs took 1.25 of 2 cores meanwhile");
    }
    expect(renderHtml(sampleResults([sampleRun()]))).not.toContain("Other programs");
  });

  test("escapes what comes from files", () => {
    const html = renderHtml(sampleResults([sampleRun({ label: "<b>x</b>" })], { skipped: ["<i>y</i>"] }));
    expect(html).not.toMatch(/<b>|<i>/);
  });

  test("a server that tells neither CPU nor memory has the other plots", () => {
    const html = renderHtml(sampleResults([sampleRun({ cpu: null, memory: null })]));
    expect(html).toContain("<h2>Bytes</h2>");
    expect(html).not.toMatch(/<h2>(CPU|Memory)</);
    expect(html).not.toMatch(/NaN|undefined/);
  });
});

describe("the plots as files", () => {
  test("each is an SVG that any XML parser reads, and that brings its colours along", () => {
    const files = plotFiles(sampleResults([sampleRun(), sampleRun({ label: "polling every 1 s", intervalMs: 1000 })]));
    expect([...files.keys()]).toEqual([
      "delay.svg",
      "interval.svg",
      "cpu.svg",
      "bytes.svg",
      "memory.svg",
      "recovery.svg",
    ]);
    for (const svg of files.values()) {
      const parser = new SaxesParser({ xmlns: true });
      const names = new Set<string>();
      parser.on("error", (error) => {
        throw error;
      });
      parser.on("opentag", ({ local }) => names.add(local));
      parser.write(svg).close();
      expect([...names]).toEqual(expect.arrayContaining(["svg", "style", "rect", "text"]));
      for (const [, colour] of svg.matchAll(/var\((--[a-z]+)\)/g)) expect(svg).toContain(`${colour}:`);
    }
  });
});

describe("comparing", () => {
  const before = sampleResults([sampleRun(), sampleRun({ label: "SSE" }), sampleRun({ label: "gone" })]);
  const toldWith = (runs: readonly Run[]): string => plain(comparisonText(compare(before, sampleResults(runs))));

  test("tells what moved by more than a tenth, and by how much", () => {
    const slower = sampleRun({ delay: { ...sampleRun().delay, p99Ms: 9, p50Ms: 1.3 } });
    const text = toldWith([slower, sampleRun({ label: "SSE" }), sampleRun({ label: "new" })]);
    expect(text).toMatch(/WebSocket\n +p99 +4\.5 ms → 9 ms +× 2\n/);
    expect(text).not.toContain("p50");
    expect(text).toContain("No figure moved by more than a tenth: SSE.");
    expect(text).toMatch(/new\n +only in the second/);
    expect(text).toMatch(/gone\n +only in the first/);
  });

  test("losses are always told, and who never came back any more", () => {
    expect(toldWith([sampleRun({ losses: { lost: 2, doubled: 0, disordered: 0 } })])).toMatch(/losses +none → 2 lost/);
    const storm = { wholeAfterMs: null, losses: { lost: 0, doubled: 0, disordered: 0 } };
    expect(toldWith([sampleRun({ storm })])).toMatch(/whole after a storm +420 ms → –\n/);
  });

  test("another load is another run", () => {
    const load = { ...sampleRun().load, clients: 400 };
    expect(toldWith([sampleRun({ load })])).toContain("only in the second, or under another load");
  });
});
