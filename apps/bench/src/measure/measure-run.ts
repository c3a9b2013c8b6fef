import { setTimeout as sleep } from "node:timers/promises";
import type { Scenario } from "../plan/scenario.ts";
import type { OtherLoad } from "../process/other-load.ts";
import { canReadProcesses, familyOf, residentBytesOf } from "../process/process-figures.ts";
import type { Run } from "../results.ts";
import type { RunningServer, ServerKind, TransportCase } from "../servers/server.ts";
import { Generator } from "./generator.ts";
import { measureCut } from "./measure-cut.ts";
import { measureWindow } from "./measure-window.ts";

/** What is around a run. */
export interface RunSurroundings {
  /** Ends it in the middle. */
  readonly signal: AbortSignal;
  /** What it is about to do, for whoever watches. */
  readonly onStep: (step: string) => void;
  readonly otherLoad: OtherLoad;
}

/** All that a run has to do with. */
export interface RunContext {
  readonly kind: ServerKind;
  readonly what: TransportCase;
  readonly scenario: Scenario;
  readonly generator: Generator;
  readonly server: RunningServer;
  readonly onStep: RunSurroundings["onStep"];
  readonly otherLoad: OtherLoad;
}

const WARM_EVENTS = 200;

/** Measures one transport of one server. @throws if it can't be measured, with the reason */
export async function measureRun(
  kind: ServerKind,
  what: TransportCase,
  scenario: Scenario,
  { signal, onStep, otherLoad }: RunSurroundings,
): Promise<Run> {
  onStep("starting");
  const generator = new Generator(scenario.load, scenario.clientProcesses);
  let server: RunningServer | null = null;
  const stopped = Promise.withResolvers<never>();
  // While nobody waits for it yet it is no fault that nobody hears of it.
  stopped.promise.catch(() => undefined);
  const stop = (): void => stopped.reject(signal.reason as Error);
  signal.addEventListener("abort", stop);
  try {
    server = await kind.start(what);
    signal.throwIfAborted();
    const measuring = measure({ kind, what, scenario, generator, server, onStep, otherLoad });
    return await Promise.race([measuring, stopped.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
    generator.end();
    await server?.close();
  }
}

async function measure(context: RunContext): Promise<Run> {
  const { kind, what, scenario, generator, server, onStep } = context;
  const { load, settleMs, cutMs, hasStorm } = scenario;
  await generator.warm(server.publish, WARM_EVENTS);
  const pids = canReadProcesses && server.pids.length > 0 ? await familyOf(server.pids) : null;
  await sleep(settleMs);
  const alone = await residentOf(pids);
  onStep(`connecting ${load.clients} clients`);
  await generator.open(server.target);
  await sleep(settleMs);
  const idle = await residentOf(pids);
  const { residentBytes: busy, ...figures } = await measureWindow(context, pids);
  return {
    server: kind.name,
    transport: what.transport,
    intervalMs: what.intervalMs,
    label: what.label,
    load,
    ...figures,
    memory:
      alone === null || idle === null || busy === null
        ? null
        : {
            idleBytesPerClient: Math.round((idle - alone) / load.clients),
            busyBytesPerClient: Math.round((busy - alone) / load.clients),
          },
    catchUp: cutMs === 0 ? null : { cutMs, ...(await measureCut(context, 2, cutMs)) },
    storm: hasStorm ? await measureCut(context, 3, 0) : null,
  };
}

async function residentOf(pids: readonly number[] | null): Promise<number | null> {
  return pids === null ? null : residentBytesOf(pids);
}
