import type { Clock, CloseReason } from "@sluice/core";
import type { Connection } from "./connection.ts";

/** Between two rounds of a drain. */
const ROUND_MS = 20;
/** What a client is asked to wait, give or take half of it, if the reason says nothing. */
const RECONNECT_AFTER_MS = 1000;

/** The connections that there are. */
export class Connections {
  readonly #clock: Clock;
  readonly #all = new Set<Connection>();
  #draining: CloseReason | null = null;
  #onEmpty: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Takes a connection in; while draining it is sent away at once. */
  add(connection: Connection): void {
    this.#all.add(connection);
    if (this.#draining !== null) this.#dismiss(connection, this.#draining);
  }

  remove(connection: Connection): void {
    this.#all.delete(connection);
    if (this.#all.size === 0) this.#onEmpty?.();
  }

  /** Ends all without a closing handshake. */
  terminate(): void {
    for (const connection of this.#all) connection.terminate();
  }

  /** Sends all away, evenly spread; what is left at the deadline is cut off. Resolves when the last one is gone. */
  async drain(reason: CloseReason, spreadMs: number, deadline: AbortSignal): Promise<void> {
    this.#draining = reason;
    const isEmpty = new Promise<void>((resolve) => (this.#onEmpty = resolve));
    if (this.#all.size === 0) return;
    const leave = this.#leaveEvenly(reason, spreadMs);
    const cut = (): void => this.terminate();
    deadline.addEventListener("abort", cut);
    if (deadline.aborted) cut();
    await isEmpty;
    leave();
    deadline.removeEventListener("abort", cut);
  }

  /** Those who come at the same time would come back at the same time too. The answer stops it. */
  #leaveEvenly(reason: CloseReason, spreadMs: number): () => void {
    const waiting = [...this.#all];
    const startedAtMs = this.#clock.monotonic();
    const count = waiting.length;
    const round = (): void => {
      const share = spreadMs <= 0 ? 1 : Math.min(1, (this.#clock.monotonic() - startedAtMs) / spreadMs);
      const due = Math.max(1, Math.floor(share * count));
      while (count - waiting.length < due) this.#dismiss(waiting.pop() as Connection, reason);
      if (waiting.length === 0) stop();
    };
    const stop = this.#clock.every(ROUND_MS, round);
    round();
    return stop;
  }

  #dismiss(connection: Connection, reason: CloseReason): void {
    const aboutMs = reason.reconnectAfterMs ?? RECONNECT_AFTER_MS;
    connection.close({ ...reason, reconnectAfterMs: aboutMs * (0.5 + this.#clock.random()) });
  }
}
