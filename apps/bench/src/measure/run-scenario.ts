import { planOf } from "../plan/plan.ts";
import type { Scenario } from "../plan/scenario.ts";
import { describeMachine, gitRevision } from "../process/machine.ts";
import { OtherLoad } from "../process/other-load.ts";
import { Progress, type ProgressOutput } from "../progress/progress.ts";
import type { Results, Run } from "../results.ts";
import type { ServerKind } from "../servers/server.ts";
import { measureRun } from "./measure-run.ts";

/** What {@link runScenario} needs beside the scenario. */
export interface ScenarioOptions {
  /** All servers that are asked for; those that are not installed are skipped. */
  readonly kinds: readonly ServerKind[];
  /** Ends it: the results are then those of the runs that were done. */
  readonly signal: AbortSignal;
  readonly output: ProgressOutput;
}

/** Measures all that a scenario asks for, one run after the other. */
export async function runScenario(scenario: Scenario, { kinds, signal, output }: ScenarioOptions): Promise<Results> {
  const startedAt = new Date();
  const startedMs = performance.now();
  const otherLoad = new OtherLoad();
  const { installed, versions, missing } = await lookFor(kinds);
  const plan = planOf(scenario, installed);
  const idle = installed.filter((kind) => !plan.some((run) => run.kind === kind));
  const skipped = [...missing, ...idle.map(({ name, transports }) => `${name}: it has ${transports.join(", ")} only`)];
  const runs: Run[] = [];
  const progress = new Progress(output, plan);
  // Whoever asked for them need not wait until all else is done to hear of it.
  for (const reason of skipped) progress.tell(`not measured: ${reason}`);
  for (const { kind, what, load } of plan) {
    if (signal.aborted) break;
    progress.begin();
    try {
      // Side by side they would measure each other.
      const run = await measureRun(kind, what, { ...scenario, load }, { signal, onStep: progress.step, otherLoad });
      runs.push(run);
      progress.done(run);
    } catch (error) {
      if (signal.aborted) break;
      const why = error instanceof Error ? error.message : String(error);
      skipped.push(`${kind.name}, ${what.label}: ${why}`);
      progress.failed(why);
    }
  }
  progress.end();
  if (signal.aborted) skipped.push(`it was stopped after ${runs.length} of ${plan.length} runs`);
  return {
    format: 1,
    startedAt: startedAt.toISOString(),
    durationMs: Math.round(performance.now() - startedMs),
    machine: { ...describeMachine(), otherCores: otherLoad.cores },
    versions: { node: process.versions.node, ...versions },
    git: await gitRevision(),
    scenario: scenario.name,
    runs,
    skipped,
  };
}

async function lookFor(kinds: readonly ServerKind[]): Promise<{
  readonly installed: readonly ServerKind[];
  readonly versions: Readonly<Record<string, string>>;
  readonly missing: string[];
}> {
  const found = await Promise.all(kinds.map(async (kind) => ({ kind, ...(await kind.find()) })));
  return {
    installed: found.filter((one) => "version" in one).map(({ kind }) => kind),
    versions: Object.fromEntries(found.flatMap((one) => ("version" in one ? [[one.kind.name, one.version]] : []))),
    missing: found.flatMap((one) => ("missing" in one ? [`${one.kind.name}: ${one.missing}`] : [])),
  };
}
