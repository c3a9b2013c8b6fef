import { setTimeout as sleep } from "node:timers/promises";
import { at, nowMs } from "../load/clock.ts";
import type { Losses } from "../results.ts";
import type { RunContext } from "./measure-run.ts";

/** How long the load goes on before the cut. */
const BEFORE_MS = 200;
const START_MS = 50;
/** Of a server that keeps nothing, nothing is to be expected. */
const FORGETFUL_MS = 2000;

/**
 * Cuts all clients off for so long, while events go on: how long it takes from the end of the cut until all are back
 * with everything, and what was lost, came twice or out of order in all of that.
 */
export async function measureCut(
  { kind, what, scenario: { load, drainMs, patienceMs }, generator, server, onStep }: RunContext,
  phase: number,
  cutMs: number,
): Promise<{ readonly wholeAfterMs: number | null; readonly losses: Losses }> {
  onStep(cutMs === 0 ? "cutting all connections at once" : `cutting all clients off for ${cutMs / 1000} s`);
  const { topics, eventsPerSecond } = load;
  const startMs = nowMs() + START_MS;
  await generator.begin(server.publish, { phase, startMs, eventsPerSecond, topics }, null);
  await at(startMs + BEFORE_MS);
  await generator.cut();
  if (cutMs > 0) await sleep(cutMs);
  const backMs = nowMs();
  const hasMemory = kind.hasMemory(what.transport);
  const comeBackMs = (hasMemory ? patienceMs : FORGETFUL_MS) + (what.intervalMs ?? 0);
  const wholeMs = await generator.reopen(comeBackMs);
  const { published } = await generator.finish();
  const losses = await generator.drain(published, (hasMemory ? drainMs : FORGETFUL_MS) + (what.intervalMs ?? 0));
  return { wholeAfterMs: wholeMs === null ? null : Math.max(0, Math.round(wholeMs - backMs)), losses };
}
