import { setTimeout as sleep } from "node:timers/promises";
import { at, nowMs } from "../load/clock.ts";
import type { Strain } from "../load/self-check.ts";
import type { Scenario } from "../plan/scenario.ts";
import type { OtherLoad } from "../process/other-load.ts";
import { canReadProcesses, cpuTimeOf, familyOf, residentBytesOf, type CpuTime } from "../process/process-figures.ts";
import type { Run } from "../results.ts";
import type { RunningServer, ServerKind, TransportCase } from "../servers/server.ts";
import { Generator, worstOf } from "./generator.ts";
import { measureCut } from "./measure-cut.ts";

/** What is around a run. */
export interface RunSurroundings {
  /** Ends it in the middle. */
  readonly signal: AbortSignal;
  /** What it is about to do, for whoever watches. */
  readonly onStep: (step: string) => void;
  readonly otherLoad: OtherLoad;
}

const WARM_EVENTS = 200;
const SETTLE_MS = 300;
/** Between the order to begin and the first event. */
const START_MS = 50;
/** A busier process of the generator, or a later one, spoils the figures. */
const SATURATED_SHARE = 0.8;
const SATURATED_LAG_MS = 100;

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

async function measure(context: RunContext): Promise<Run> {
  const { kind, what, scenario, generator, server, onStep, otherLoad } = context;
  const { load, leadMs } = scenario;
  await generator.warm(server.publish, WARM_EVENTS);
  const pids = canReadProcesses && server.pids.length > 0 ? await familyOf(server.pids) : null;
  await sleep(SETTLE_MS);
  const aloneBytes = await residentOf(pids);
  onStep(`connecting ${load.clients} clients`);
  await generator.open(server.target);
  await sleep(SETTLE_MS);
  const idleBytes = await residentOf(pids);

  const startMs = nowMs() + START_MS;
  const fromMs = startMs + leadMs + (what.intervalMs ?? 0);
  const toMs = fromMs + load.durationMs;
  const { topics, eventsPerSecond } = load;
  onStep(`measuring for ${(toMs - startMs) / 1000} s`);
  await generator.begin(server.publish, { phase: 1, startMs, eventsPerSecond, topics }, { fromMs, toMs });
  await at(fromMs);
  const before = await cpuOf(pids);
  await otherLoad.during(at(toMs));
  const after = await cpuOf(pids);
  const busyBytes = await residentOf(pids);
  const { published, strain: publisherStrain } = await generator.finish();
  const losses = await generator.drain(published, scenario.drainMs + (what.intervalMs ?? 0));
  const { delay, deliveries, traffic, strain } = await generator.window();
  if (delay === null || deliveries === 0) throw new Error("nothing was delivered while it was measured");

  const perClient = (bytes: number | null): number => Math.round(((bytes ?? 0) - (aloneBytes ?? 0)) / load.clients);
  const per = (value: number): number => Number((value / deliveries).toPrecision(4));
  return {
    server: kind.name,
    transport: what.transport,
    intervalMs: what.intervalMs,
    label: what.label,
    load,
    deliveries,
    delay,
    requests: { total: traffic.requests, perDelivery: per(traffic.requests), wasted: traffic.wasted },
    wire: { upBytesPerDelivery: per(traffic.upBytes), downBytesPerDelivery: per(traffic.downBytes) },
    cpu:
      before === null || after === null
        ? null
        : {
            userUsPerDelivery: per(after.userUs - before.userUs),
            systemUsPerDelivery: per(after.systemUs - before.systemUs),
          },
    memory:
      aloneBytes === null
        ? null
        : { idleBytesPerClient: perClient(idleBytes), busyBytesPerClient: perClient(busyBytes) },
    losses,
    catchUp: scenario.cutMs === 0 ? null : { cutMs: scenario.cutMs, ...(await measureCut(context, 2, scenario.cutMs)) },
    storm: scenario.hasStorm ? await measureCut(context, 3, 0) : null,
    generator: judged(worstOf([strain, publisherStrain])),
  };
}

function judged({ cpuShare, worstLagMs }: Strain): Run["generator"] {
  return {
    cpuShare: Number(cpuShare.toFixed(3)),
    worstLagMs: Number(worstLagMs.toFixed(1)),
    isSaturated: cpuShare > SATURATED_SHARE || worstLagMs > SATURATED_LAG_MS,
  };
}

async function cpuOf(pids: readonly number[] | null): Promise<CpuTime | null> {
  return pids === null ? null : cpuTimeOf(pids);
}

async function residentOf(pids: readonly number[] | null): Promise<number | null> {
  return pids === null ? null : residentBytesOf(pids);
}
