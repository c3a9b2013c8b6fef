import { connect, type Sluice, type TransportName } from "@sluice/client";
import type { OrderData, Reader, ReaderListener, ReaderOptions, ReaderState } from "./reader.ts";

const STATES: Readonly<Record<Sluice["state"], ReaderState>> = {
  idle: "connecting",
  connecting: "connecting",
  open: "open",
  paused: "open",
  waiting: "waiting",
  asleep: "waiting",
  closed: "closed",
};

/**
 * A client that changes its transport: the project's own, `@sluice/client`, told which one to use. A cursor means the same
 * on every transport, so the next one goes on exactly where the last one was.
 */
export class SwitchingReader implements Reader {
  readonly #url: string;
  readonly #listener: ReaderListener;
  #after: string;
  #sluice: Sluice<OrderData>;

  constructor({ url, after, listener, transport }: ReaderOptions & { readonly transport: TransportName }) {
    this.#url = url;
    this.#after = after;
    this.#listener = listener;
    this.#sluice = this.#connect(transport);
  }

  /** Goes on by another transport. */
  switchTo(transport: TransportName): void {
    this.#after = this.#sluice.cursor ?? this.#after;
    this.#sluice.close();
    this.#sluice = this.#connect(transport);
  }

  close(): void {
    this.#sluice.close();
  }

  #connect(transport: TransportName): Sluice<OrderData> {
    const topics = ["orders", "orders/**"];
    // As the other lanes, it stays connected while the page is out of sight.
    const sleepAfterMs = Number.POSITIVE_INFINITY;
    const sluice = connect<OrderData>(this.#url, { topics, after: this.#after, transport, sleepAfterMs });
    const isCurrent = (): boolean => sluice === this.#sluice;
    sluice.on("event", (event) => this.#listener.event(event));
    sluice.on("gap", () => this.#listener.gap());
    sluice.on("state", ({ state }) => {
      if (isCurrent()) this.#listener.state(STATES[state]);
    });
    return sluice;
  }
}
