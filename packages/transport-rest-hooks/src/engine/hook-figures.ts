import { Histogram } from "./histogram.ts";
import type { HookStatus } from "../hooks/hook.ts";

/** What there is now, beside what was counted. */
export interface HookGauges {
  readonly hooks: Readonly<Record<HookStatus, number>>;
  readonly inFlight: number;
  readonly retriesInFlight: number;
  /** Lanes whose head waits to be tried again. */
  readonly held: number;
  /** Positions of the log between the hook that is furthest behind and the head. */
  readonly backlog: number;
}

/** Counts of the delivery engine. No label is made of what a user gives: no URL, no id. */
export class HookFigures {
  /** By `outcome error`, the error `none` where there was an answer. */
  readonly attempts: Map<string, number> = new Map();
  readonly attemptSeconds: Histogram = new Histogram();
  /** From an event's arrival to the 2xx of its first attempt. */
  readonly ackSeconds: Histogram = new Histogram();
  blockedTargets = 0;
  deadLetters = 0;

  attempted(outcome: string, error: string | null, durationMs: number): void {
    const key = `${outcome} ${error ?? "none"}`;
    this.attempts.set(key, (this.attempts.get(key) ?? 0) + 1);
    this.attemptSeconds.observe(durationMs);
  }
}
