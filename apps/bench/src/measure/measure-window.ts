import { at, nowMs } from "../load/clock.ts";
import type { Strain } from "../load/self-check.ts";
import { cpuBetween, cpuTimeOf, residentBytesOf } from "../process/process-figures.ts";
import type { Run } from "../results.ts";
import { worstOf } from "./generator.ts";
import type { RunContext } from "./measure-run.ts";

/** What a stretch of steady load comes to. */
export interface WindowResult extends Pick<
  Run,
  "deliveries" | "delay" | "requests" | "wire" | "cpu" | "losses" | "generator"
> {
  /** Of the server, at its end. */
  readonly residentBytes: number | null;
}

/** Between the order to begin and the first event. */
const START_MS = 50;
/** A busier process of the generator, or a later one, spoils the figures. */
const SATURATED_SHARE = 0.8;
const SATURATED_LAG_MS = 100;

/**
 * Measures a stretch of steady load: it begins before, so that pollers have something to find, and all that it brought
 * is waited for after.
 * @throws if nothing is delivered, or a publication is refused
 */
export async function measureWindow(
  { what, scenario, generator, server, onStep, otherLoad }: RunContext,
  pids: readonly number[] | null,
): Promise<WindowResult> {
  const { load, leadMs, drainMs } = scenario;
  const { topics, eventsPerSecond, durationMs } = load;
  const waitMs = what.intervalMs ?? 0;
  const startMs = nowMs() + START_MS;
  const fromMs = startMs + leadMs + waitMs;
  const toMs = fromMs + durationMs;
  onStep(`measuring for ${(toMs - startMs) / 1000} s`);
  await generator.begin(server.publish, { phase: 1, startMs, eventsPerSecond, topics }, { fromMs, toMs });
  await at(fromMs);
  const before = pids === null ? null : await cpuTimeOf(pids);
  await otherLoad.during(at(toMs));
  const used = before === null || pids === null ? null : cpuBetween(before, await cpuTimeOf(pids));
  const residentBytes = pids === null ? null : await residentBytesOf(pids);

  const { published, strain: publisherStrain } = await generator.finish();
  const losses = await generator.drain(published, drainMs + waitMs);
  const { delay, deliveries, traffic, strain } = await generator.window();
  if (delay === null || deliveries === 0) throw new Error("nothing was delivered while it was measured");
  const per = (value: number): number => Number((value / deliveries).toPrecision(4));
  return {
    deliveries,
    delay,
    requests: { total: traffic.requests, perDelivery: per(traffic.requests), wasted: traffic.wasted },
    wire: { upBytesPerDelivery: per(traffic.upBytes), downBytesPerDelivery: per(traffic.downBytes) },
    cpu: used === null ? null : { userUsPerDelivery: per(used.userUs), systemUsPerDelivery: per(used.systemUs) },
    losses,
    generator: judged(worstOf([strain, publisherStrain])),
    residentBytes,
  };
}

function judged({ cpuShare, worstLagMs }: Strain): Run["generator"] {
  return {
    cpuShare: Number(cpuShare.toFixed(3)),
    worstLagMs: Number(worstLagMs.toFixed(1)),
    isSaturated: cpuShare > SATURATED_SHARE || worstLagMs > SATURATED_LAG_MS,
  };
}
