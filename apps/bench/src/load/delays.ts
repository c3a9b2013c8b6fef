import type { Delay } from "../results.ts";

/** Upper bounds of neighbouring buckets differ by this: 12 %. */
const STEPS_PER_DECADE = 20;
const FIRST_CAPACITY = 4096;

/** Delays as they come, in milliseconds; exact, not bucketed. */
export class Delays {
  #values = new Float32Array(FIRST_CAPACITY);
  #count = 0;

  add(ms: number): void {
    if (this.#count === this.#values.length) {
      const wider = new Float32Array(this.#values.length * 2);
      wider.set(this.#values);
      this.#values = wider;
    }
    this.#values[this.#count] = ms;
    this.#count += 1;
  }

  get values(): Float32Array {
    return this.#values.slice(0, this.#count);
  }
}

/** What many delays come to; `null` if there is none. */
export function summarize(parts: readonly Float32Array[]): Delay | null {
  const sorted = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    sorted.set(part, offset);
    offset += part.length;
  }
  sorted.sort();
  if (sorted.length === 0) return null;
  // The smallest value that so large a share of all does not exceed.
  const rank = (share: number): number => rounded(sorted[Math.ceil(sorted.length * share) - 1] ?? 0);
  return { p50Ms: rank(0.5), p90Ms: rank(0.9), p99Ms: rank(0.99), worstMs: rank(1), histogram: histogramOf(sorted) };
}

function histogramOf(sorted: Float32Array): readonly (readonly [number, number])[] {
  const buckets = new Map<number, number>();
  for (const ms of sorted) {
    const step = Math.ceil(Math.log10(Math.max(ms, 0.01)) * STEPS_PER_DECADE);
    buckets.set(step, (buckets.get(step) ?? 0) + 1);
  }
  return [...buckets].map(([step, count]) => [Number((10 ** (step / STEPS_PER_DECADE)).toPrecision(3)), count]);
}

function rounded(ms: number): number {
  return Number(ms.toFixed(2));
}
