import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { planOf } from "../src/plan/plan.ts";
import { readScenario } from "../src/plan/read-scenario.ts";
import { scenarioFile } from "../src/plan/scenario-file.ts";
import { casesOf, FULL, loadsOf, QUICK } from "../src/plan/scenario.ts";
import { gateway } from "../src/servers/gateway.ts";

const option = (key: string): string => `--${key}`;

describe("what a scenario says", () => {
  test("each part", () => {
    const said = {
      clients: "1000",
      topics: 4,
      rate: "2.5",
      size: "1KiB",
      window: "3s",
      lead: 0.5,
      settle: "1s",
      drain: "2m",
      patience: 3,
      cut: "250ms",
      storm: false,
      transports: ["sse", "polling"],
      intervals: "200ms,1s",
      peers: "ws",
      client_processes: 2,
    };
    expect(readScenario(FULL, said, option)).toEqual({
      name: "full",
      load: { clients: 1000, topics: 4, eventsPerSecond: 2.5, eventBytes: 1024, durationMs: 3000 },
      sweep: null,
      leadMs: 500,
      settleMs: 1000,
      drainMs: 120_000,
      patienceMs: 3000,
      cutMs: 250,
      hasStorm: false,
      transports: ["sse", "polling"],
      pollIntervalsMs: [200, 1000],
      peers: ["ws"],
      clientProcesses: 2,
    });
  });

  test.each([
    [{ clients: "many" }, "--clients: expected a whole number from 1 to 100000"],
    [{ rate: 0 }, "--rate: expected events per second, like 20 or 0.5"],
    [{ window: "3 parsecs" }, "--window: expected a duration like 200ms or 5s"],
    [{ window: "0s" }, "the window is empty"],
    [{ size: 20 }, "an event needs 41 bytes to be recognised"],
    [{ topics: 501 }, "501 topics need as many clients at least, not 500"],
    [{ transports: "sse,carrier-pigeon" }, "--transports: expected some of polling, "],
    [{ clients: "5,1", topics: 2 }, "2 topics need as many clients at least, not 1"],
    [{ clients: "5,many" }, "--clients: expected a whole number from 1 to 100000"],
    [{ clients: "5,50", size: "1KiB,2KiB" }, "only one of clients, topics, rate and size can have several values"],
    [{ intervals: "0s" }, "polling needs an interval above 0"],
    [{ colour: "red" }, "--colour is unknown; expected name, clients, topics, "],
  ])("%o is refused", (said, message) => {
    expect(() => readScenario(FULL, said, option)).toThrow(message);
  });

  test("several values of one part are a sweep, and one said later is none", () => {
    const swept = readScenario(FULL, { clients: [50, "500"], rate: 20 }, option);
    expect(swept.sweep).toEqual({ part: "clients", values: [50, 500] });
    expect(loadsOf(swept).map(({ clients, eventsPerSecond }) => [clients, eventsPerSecond])).toEqual([
      [50, 20],
      [500, 20],
    ]);
    expect(readScenario(swept, { clients: 70 }, option)).toMatchObject({ load: { clients: 70 }, sweep: null });
  });
});

describe("a scenario file", () => {
  let folder = "";
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "sluice-bench-test-"))));
  afterEach(() => rmSync(folder, { recursive: true }));
  const written = (text: string): string => {
    const path = join(folder, "many-topics.yaml");
    writeFileSync(path, text);
    return path;
  };

  test("says what differs from the full one, and has its file's name", async () => {
    const scenario = await scenarioFile(written("clients: 50\ntransports: [sse]\ncut: 2s\n"));
    expect(scenario).toEqual({
      ...FULL,
      name: "many-topics",
      load: { ...FULL.load, clients: 50 },
      transports: ["sse"],
      cutMs: 2000,
    });
  });

  test.each([
    ["many-topics", { load: { topics: 500 }, sweep: null, cutMs: 0, hasStorm: false }],
    ["many-clients", { sweep: { part: "clients", values: [100, 300, 1000, 3000] } }],
  ])("%s, which comes with the benchmark, can be read", async (name, expected) => {
    const path = fileURLToPath(new URL(`../scenarios/${name}.yaml`, import.meta.url));
    expect(await scenarioFile(path)).toMatchObject({ name, ...expected });
  });

  test.each([
    ["clients: [1]\nclients: 2\n", "can't be read: Map keys must be unique"],
    ["- 1\n", "expected keys and values"],
    ["clients: -1\n", ": clients: expected a whole number"],
  ])("%j is refused", async (text, message) => {
    await expect(scenarioFile(written(text))).rejects.toThrow(message);
  });

  test("that is not there is refused", async () => {
    await expect(scenarioFile(join(folder, "nothing.yaml"))).rejects.toThrow("can't be read: ENOENT");
  });
});

describe("the plan", () => {
  test("has polling once for each interval, and a label for each", () => {
    const labels = casesOf(FULL).map(({ label }) => label);
    expect(labels.slice(0, 4)).toEqual([
      "polling every 0.2 s",
      "polling every 1 s",
      "polling every 5 s",
      "long polling",
    ]);
    expect(new Set(labels).size).toBe(labels.length);
  });

  test("has the servers of a transport beside each other, where they have it", () => {
    const peer = { ...gateway, name: "peer", transports: ["sse"] };
    const plan = planOf({ ...FULL, transports: ["sse", "bosh"] }, [gateway, peer]);
    expect(plan.map(({ kind, what }) => `${kind.name} ${what.label}`)).toEqual([
      "sluice SSE",
      "peer SSE",
      "sluice BOSH",
    ]);
  });

  test("of a sweep has each load, with its value in the label", () => {
    const sweep = { part: "clients", values: [50, 500] } as const;
    const plan = planOf({ ...FULL, transports: ["sse"], sweep }, [gateway]);
    expect(plan.map(({ what, load }) => [what.label, load.clients])).toEqual([
      ["SSE, 50 clients", 50],
      ["SSE, 500 clients", 500],
    ]);
  });

  test("of the quick one takes less than a minute", () => {
    const plan = planOf(QUICK, [gateway]);
    expect(new Set(plan.map(({ what }) => what.transport))).toEqual(new Set(gateway.transports));
    expect(plan.reduce((sum, { estimateMs }) => sum + estimateMs, 0)).toBeLessThan(60_000);
  });
});
