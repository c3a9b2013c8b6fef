import type { GapReason } from "@sluice/core";
import { LagHistogram } from "./lag-histogram.ts";

/** What is counted of one transport. */
export class TransportFigures {
  deliveries = 0;
  deliveredBytes = 0;
  connections = 0;
  leftBehind = 0;
  readonly gaps: Record<GapReason, number> = { expired: 0, reset: 0 };
  /** By code; never more of them than there are codes. */
  readonly refusals: Map<string, number> = new Map();
  readonly lag: LagHistogram = new LagHistogram();
}
