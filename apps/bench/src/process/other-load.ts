import { nowMs } from "../load/clock.ts";
import { canReadProcesses, cpuTimeOf, familyOf, machineCpuUs } from "./process-figures.ts";

interface Sample {
  readonly atMs: number;
  readonly machineUs: number;
  readonly ownUs: number;
}

/** Load by processes that have nothing to do with the benchmark, while it measures. */
export class OtherLoad {
  #otherUs = 0;
  #wallMs = 0;

  /** Watches for as long as `measured` takes. */
  async during(measured: Promise<void>): Promise<void> {
    const before = await sample();
    await measured;
    const after = await sample();
    if (before === null || after === null) return;
    this.#otherUs += Math.max(0, after.machineUs - before.machineUs - (after.ownUs - before.ownUs));
    this.#wallMs += after.atMs - before.atMs;
  }

  /** In cores, the mean of all that was watched; `null` where the system does not tell. */
  get cores(): number | null {
    return this.#wallMs === 0 ? null : Number((this.#otherUs / 1000 / this.#wallMs).toFixed(2));
  }
}

async function sample(): Promise<Sample | null> {
  if (!canReadProcesses) return null;
  const family = await familyOf([process.pid]);
  const [machineUs, own] = await Promise.all([machineCpuUs(), cpuTimeOf(family)]);
  return machineUs === null ? null : { atMs: nowMs(), machineUs, ownUs: own.totalUs };
}
