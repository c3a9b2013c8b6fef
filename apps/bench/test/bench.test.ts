import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Comparison } from "../src/report/compare.ts";
import type { Results } from "../src/results.ts";
import { sampleResults, sampleRun } from "./support/sample-results.ts";

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const WAIT = { timeout: 60_000, interval: 20 };
const NONE = { lost: 0, doubled: 0, disordered: 0 };

let folder = "";
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "sluice-bench-test-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const tiny = (...more: readonly string[]): readonly string[] => [
  MAIN,
  "--quick",
  "--clients",
  "10",
  "--window",
  "1s",
  "--cut",
  "100ms",
  "--out",
  folder,
  ...more,
];

test(
  "a small run against the gateway finds nothing wrong, and writes what it found",
  { timeout: 120_000 },
  async () => {
    const { stdout, stderr } = await run(process.execPath, [
      ...tiny("--transports", "bosh,xmpp-websocket,rest-hooks", "--json"),
    ]);
    const results = JSON.parse(stdout) as Results;
    expect(JSON.parse(readFileSync(join(folder, "results.json"), "utf8"))).toEqual(results);
    expect(readFileSync(join(folder, "report.html"), "utf8")).toContain("REST Hooks");
    expect(results).toMatchObject({ format: 1, scenario: "quick", skipped: [] });
    expect(results.versions).toMatchObject({ node: process.versions.node, sluice: expect.any(String) as string });
    expect(results.runs.map(({ transport }) => transport)).toEqual(["bosh", "xmpp-websocket", "rest-hooks"]);
    for (const { server, load, deliveries, delay, losses, catchUp, storm, wire, cpu, memory } of results.runs) {
      expect(server).toBe("sluice");
      expect(load).toMatchObject({ clients: 10, topics: 2, durationMs: 1000 });
      expect(deliveries).toBeGreaterThan(0);
      expect(delay.worstMs).toBeGreaterThan(0);
      expect([losses, catchUp?.losses, storm?.losses]).toEqual([NONE, NONE, NONE]);
      expect(wire.downBytesPerDelivery).toBeGreaterThan(load.eventBytes);
      if (process.platform === "linux") expect(cpu?.userUsPerDelivery).toBeGreaterThan(0);
      if (process.platform === "linux") expect(memory).not.toBeNull();
    }
    expect(stderr).toContain("[1/3] sluice BOSH: p50 ");
  },
);

test(
  "stopped in the middle it says what it had measured, and leaves nothing running",
  { timeout: 120_000 },
  async () => {
    const child = spawn(process.execPath, [...tiny("--transports", "sse,websocket", "--json")]);
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      if (!child.killed && stderr.includes("[2/2] sluice WebSocket: about")) child.kill("SIGINT");
    });
    // All that it has started shares its stderr: the stream ends with the last of them.
    const [code] = (await once(child, "close")) as [number];
    expect(code).toBe(1);
    const { runs, skipped } = JSON.parse(stdout) as Results;
    expect(runs.map(({ transport }) => transport)).toEqual(["sse"]);
    expect(skipped).toEqual(["it was stopped after 1 of 2 runs"]);
  },
);

test.runIf(process.platform === "linux")(
  "killed in the middle it leaves nothing running, and no folder",
  { timeout: 120_000 },
  async () => {
    const scratch = join(folder, "scratch");
    mkdirSync(scratch);
    const child = spawn(process.execPath, [...tiny("--transports", "sse", "--peers", "nchan")], {
      env: { ...process.env, TMPDIR: scratch },
      stdio: ["ignore", "ignore", "pipe"],
    });
    // What it starts is in a folder there, and says so in its command line.
    await vi.waitFor(() => expect(processesNaming(scratch).join()).toContain("sluice.json"), WAIT);
    child.kill("SIGKILL");
    // Clients and publisher share its stderr: the stream ends with the last of them.
    child.stderr.resume();
    await once(child, "close");
    await vi.waitFor(() => {
      expect(processesNaming(scratch)).toEqual([]);
      expect(readdirSync(scratch)).toEqual([]);
    }, WAIT);
  },
);

test("--compare with --json prints what has changed, and nothing else", async () => {
  const [before, after] = ["before.json", "after.json"].map((name) => join(folder, name)) as [string, string];
  const slower = sampleRun({ delay: { ...sampleRun().delay, p99Ms: 9 } });
  writeFileSync(before, JSON.stringify(sampleResults([sampleRun()])));
  writeFileSync(after, JSON.stringify(sampleResults([slower])));
  const { stdout } = await run(process.execPath, [MAIN, "--json", "--compare", before, after]);
  const { runs } = JSON.parse(stdout) as Comparison;
  expect(runs).toMatchObject([{ name: "WebSocket", figures: { p99Ms: { before: 4.5, after: 9 } } }]);
});

/** Command lines in which that stands. */
function processesNaming(text: string): readonly string[] {
  const lines = readdirSync("/proc").map((name) => {
    try {
      return readFileSync(`/proc/${name}/cmdline`, "utf8");
    } catch {
      return "";
    }
  });
  return lines.filter((line) => line.includes(text));
}

test.runIf(process.platform === "linux").each(["/proc", "/proc/some/where", "/sys/some", "/dev/null/some"])(
  "%s, where nothing can be written, is refused before anything is measured",
  async (out) => {
    const refused = run(process.execPath, [MAIN, "--quick", "--out", out]);
    const stderr = expect.stringMatching(/^bench: --out: nothing can be written to .*: E[A-Z]+: .*\n$/) as string;
    await expect(refused).rejects.toMatchObject({ code: 2, stdout: "", stderr });
  },
);

test.each([
  [["--clients", "none"], "bench: --clients: expected a whole number from 1 to 100000\n"],
  [["--compare", "nothing.json"], "bench: --compare needs two files, one after the other\n"],
  [["--quick", "--scenario", "some.yaml"], "bench: --quick is a scenario, and so is --scenario\n"],
  [["--quick", "--compare", "one.json", "other.json"], "bench: --quick means nothing with --compare\n"],
  [["rate", "--clients", "5"], "bench: --clients means nothing with rate\n"],
  [["--kind", "ws"], "bench: --kind means nothing without fan-out, idle, rate\n"],
  [["--transports", "sse", "--intervals", "1s"], "bench: --intervals means nothing without polling\n"],
  [["sideways"], "bench: there is no sideways: choose from fan-out, idle, rate\n"],
  [
    ["fan-out", "--server", "nobody"],
    "bench: there is no nobody: choose from sluice, sluice-memory, ws-tuned, nchan-2w\n",
  ],
])("%j is told in one line what is wrong", async (args, line) => {
  await expect(run(process.execPath, [MAIN, ...args])).rejects.toMatchObject({ code: 2, stdout: "", stderr: line });
});
