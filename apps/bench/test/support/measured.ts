import { measureRun } from "../../src/measure/measure-run.ts";
import { FULL, type Scenario } from "../../src/plan/scenario.ts";
import { OtherLoad } from "../../src/process/other-load.ts";
import type { Losses, Run } from "../../src/results.ts";
import type { ServerKind } from "../../src/servers/server.ts";

export const CLIENTS = 6;
export const TOPICS = 2;
export const NO_LOSSES: Losses = { lost: 0, doubled: 0, disordered: 0 };

/** As small as a scenario can be, on a machine that may be busy: nobody waits longer than it takes until all is there. */
export const TINY: Scenario = {
  ...FULL,
  load: { clients: CLIENTS, topics: TOPICS, eventsPerSecond: 60, eventBytes: 80, durationMs: 800 },
  leadMs: 100,
  settleMs: 0,
  drainMs: 20_000,
  patienceMs: 20_000,
  cutMs: 0,
  hasStorm: false,
};

/** For runs in which something is lost, which is waited for to the end. */
export const LOSSY: Partial<Scenario> = { drainMs: 3000, patienceMs: 3000 };

/** Measures one transport of a server, with {@link TINY} and what differs from it. */
export function measured(kind: ServerKind, transport: string, changes: Partial<Scenario> = {}): Promise<Run> {
  const what = { transport, intervalMs: transport === "polling" ? 50 : null, label: transport };
  const surroundings = { signal: new AbortController().signal, onStep: () => undefined, otherLoad: new OtherLoad() };
  return measureRun(kind, what, { ...TINY, ...changes }, surroundings);
}
