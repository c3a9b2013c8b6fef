import { ERRORS, type GapReason, type Meter } from "@sluice/core";
import { TransportFigures } from "./transport-figures.ts";

/** The names that a label may have are ours; this bounds them should that ever not hold. */
const TRANSPORTS_MAX = 32;
const OTHER = "other";

/** Counts in plain numbers, once per batch; the registry reads them when somebody asks. */
export class GatewayMeter implements Meter {
  readonly #transports = new Map<string, TransportFigures>();
  published = 0;

  /** With these transports from the start, so that their figures are there before anything happens. */
  constructor(transports: readonly string[] = []) {
    for (const name of transports) this.#of(name);
  }

  /** Figures by transport. */
  get transports(): ReadonlyMap<string, TransportFigures> {
    return this.#transports;
  }

  delivered(transport: string, readers: number, events: number, bytes: number, lagMs: number): void {
    const figures = this.#of(transport);
    figures.deliveries += readers * events;
    figures.deliveredBytes += readers * bytes;
    // 0 stands for events that were caught up with: how long they lay there says nothing about the gateway.
    if (lagMs > 0 && readers > 0) figures.lag.observe(lagMs, readers);
  }

  leftBehind(transport: string): void {
    this.#of(transport).leftBehind += 1;
  }

  gapTold(transport: string, reason: GapReason): void {
    this.#of(transport).gaps[reason] += 1;
  }

  connections(transport: string, change: 1 | -1): void {
    this.#of(transport).connections += change;
  }

  refused(transport: string, code: string): void {
    const { refusals } = this.#of(transport);
    const label = Object.hasOwn(ERRORS, code) ? code : OTHER;
    refusals.set(label, (refusals.get(label) ?? 0) + 1);
  }

  #of(name: string): TransportFigures {
    let figures = this.#transports.get(name);
    if (figures === undefined) {
      if (this.#transports.size >= TRANSPORTS_MAX && name !== OTHER) return this.#of(OTHER);
      figures = new TransportFigures();
      this.#transports.set(name, figures);
    }
    return figures;
  }
}
