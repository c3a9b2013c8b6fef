import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Results } from "../src/results.ts";

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
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
  "300ms",
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
      expect(load).toMatchObject({ clients: 10, topics: 2, durationMs: 300 });
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

test.each([
  [["--clients", "none"], "bench: --clients: expected a whole number from 1 to 100000\n"],
  [["--compare", "nothing.json"], "bench: --compare needs two files, one after the other\n"],
  [["--quick", "--scenario", "some.yaml"], "bench: --quick is a scenario, and so is --scenario\n"],
  [["sideways"], "bench: there is no sideways: choose from fan-out, idle, rate\n"],
  [
    ["fan-out", "--server", "nobody"],
    "bench: there is no nobody: choose from sluice, sluice-memory, ws-tuned, nchan-2w\n",
  ],
])("%j is told in one line what is wrong", async (args, line) => {
  await expect(run(process.execPath, [MAIN, ...args])).rejects.toMatchObject({ code: 2, stdout: "", stderr: line });
});
