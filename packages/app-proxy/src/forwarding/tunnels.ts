import type { Clock, Meter } from "@sluice/core";
import type { Seat } from "@sluice/http";
import type { Tunnel } from "./tunnel.ts";

/** How often a drain ends some more tunnels. */
const DRAIN_TICK_MS = 50;

/** All open tunnels. */
export class Tunnels {
  readonly #clock: Clock;
  readonly #meter: Meter;
  /** Each with the place that it takes among all connections that stay. */
  readonly #open = new Map<Tunnel, Seat | null>();
  #onEmpty: (() => void) | null = null;

  constructor(clock: Clock, meter: Meter) {
    this.#clock = clock;
    this.#meter = meter;
  }

  get size(): number {
    return this.#open.size;
  }

  add(tunnel: Tunnel, seat: Seat | null): void {
    this.#open.set(tunnel, seat);
    this.#meter.connections("app-proxy", 1);
  }

  readonly left = (tunnel: Tunnel): void => {
    const seat = this.#open.get(tunnel);
    if (!this.#open.delete(tunnel)) return;
    seat?.release();
    this.#meter.connections("app-proxy", -1);
    if (this.#open.size === 0) this.#onEmpty?.();
  };

  /** Ends them one by one over `spreadMs`, and cuts those that are left at the deadline. */
  async drain(spreadMs: number, deadline: AbortSignal): Promise<void> {
    const waiting = [...this.#open.keys()];
    const perTick = Math.max(1, Math.ceil((waiting.length * DRAIN_TICK_MS) / Math.max(spreadMs, 1)));
    const endSome = (): void => {
      for (const tunnel of waiting.splice(0, perTick)) tunnel.end();
    };
    const stop = this.#clock.every(DRAIN_TICK_MS, endSome);
    endSome();
    const cut = (): void => {
      for (const tunnel of this.#open.keys()) tunnel.cut();
    };
    if (deadline.aborted) cut();
    else deadline.addEventListener("abort", cut, { once: true });
    if (this.#open.size > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve));
    deadline.removeEventListener("abort", cut);
    stop();
  }
}
