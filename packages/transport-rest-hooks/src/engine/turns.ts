import type { HookFlow } from "./hook-flow.ts";
import type { Origin } from "./origin.ts";
import { Pace } from "./pace.ts";

/** Options of {@link Turns}. */
export interface TurnsOptions {
  readonly nowMs: () => number;
  /** Whether anything may be begun now. */
  readonly mayBegin: () => boolean;
  /** It is the flow's turn. */
  readonly begin: (flow: HookFlow, origin: Origin) => void;
}

/**
 * Whose turn it is. Each flow that has something to send stands in its origin's ring, each origin that has room in this
 * one: so every origin gets its turn, and within it every hook, however much others have to send.
 */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #ring: Origin[] = [];
  /** Flows with nothing but retries, of which there are enough under way. */
  readonly #starved = new Set<HookFlow>();
  readonly #pace: Pace = new Pace((isOver) => this.#begin(isOver));

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** The flow has something to send. */
  ready(flow: HookFlow): void {
    const { origin } = flow.hook;
    if (flow.isQueued || origin === null) return;
    flow.isQueued = true;
    origin.flows.push(flow);
    this.enqueue(origin);
  }

  /** The origin may have room. */
  enqueue(origin: Origin): void {
    if (origin.isQueued || origin.flows.length === 0 || !origin.hasRoom(this.#options.nowMs())) return;
    origin.isQueued = true;
    this.#ring.push(origin);
    this.#pace.wake();
  }

  /** The flow has to wait for a retry to end, its own or another's. */
  starve(flow: HookFlow): void {
    this.#starved.add(flow);
  }

  /** A retry has ended. */
  feed(): void {
    for (const flow of this.#starved) this.ready(flow);
    this.#starved.clear();
  }

  /** Something may be begun again. */
  goOn(): void {
    if (this.#ring.length > 0) this.#pace.wake();
  }

  /** Whether there is more to begin. */
  #begin(isOver: () => boolean): boolean {
    while (this.#options.mayBegin()) {
      const origin = this.#ring.shift();
      if (origin === undefined) return false;
      origin.isQueued = false;
      if (!origin.hasRoom(this.#options.nowMs())) continue;
      const flow = origin.flows.shift();
      if (flow === undefined) continue;
      flow.isQueued = false;
      this.#options.begin(flow, origin);
      this.enqueue(origin);
      if (isOver()) return this.#ring.length > 0;
    }
    return false;
  }
}
