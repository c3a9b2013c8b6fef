import { viewOf, type Order } from "./order.ts";
import { Outbox } from "./outbox.ts";
import { systemTimers, type Timers } from "./timers.ts";

/** Options of a {@link Publisher}. */
export interface PublisherOptions {
  /** The gateway's admin listener: `http://127.0.0.1:8081`. */
  readonly gateway: string;
  /** The gateway's admin key, if it wants one. */
  readonly key?: string | null;
  /** Changes that may wait for the gateway before the shop should take no more orders; default 1000. */
  readonly capacity?: number;
  /** Is told when publishing begins to fail, with the reason, and (with `null`) when it works again. */
  readonly onTrouble?: (reason: string | null) => void;
  readonly timers?: Timers;
}

/** An event as `POST /events` takes it. */
interface OutgoingEvent {
  readonly id: string;
  readonly topic: string;
  readonly type: string;
  readonly time: string;
  readonly data: unknown;
}

const BATCH = 100;
const ANSWER_MS = 10_000;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

/**
 * The shop's only acquaintance with the gateway: every change of an order becomes an event on `orders/ID`.
 *
 * One request at a time, so events arrive in the order of the changes. A change stays in the outbox until the gateway
 * has answered that it is durable; its id is made of the order and its revision, so a repetition (the answer got lost)
 * changes nothing. While the gateway is away changes wait, and {@link isFull} tells when they are too many.
 */
export class Publisher {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #outbox: Outbox<OutgoingEvent>;
  readonly #onTrouble: (reason: string | null) => void;
  readonly #timers: Timers;
  readonly #stopping = new AbortController();
  #failures = 0;
  #cancelWait: (() => void) | undefined;
  #isSending = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: PublisherOptions) {
    this.#url = new URL("/events", options.gateway).href;
    const key = options.key ?? null;
    this.#headers = {
      "content-type": "application/json",
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
    };
    this.#outbox = new Outbox(options.capacity ?? 1_000);
    this.#onTrouble = options.onTrouble ?? (() => undefined);
    this.#timers = options.timers ?? systemTimers;
  }

  /** Changes that the gateway has not acknowledged. */
  get pending(): number {
    return this.#outbox.size;
  }

  /** Whether so many changes wait that no new orders should be taken. */
  get isFull(): boolean {
    return this.#outbox.isFull;
  }

  /** Takes a change and returns at once; it is published as soon as may be. */
  publish(order: Order): void {
    this.#outbox.add({
      id: `${order.id}-${order.revision}`,
      topic: `orders/${order.id}`,
      type: `order.${order.status}`,
      time: new Date(order.changedAtMs).toISOString(),
      data: viewOf(order),
    });
    if (this.#cancelWait === undefined) void this.#send();
  }

  /** Waits until everything is published, but not longer than `waitMs`; then publishes nothing more. Idempotent. */
  async close(waitMs: number): Promise<void> {
    if (this.#outbox.size > 0 && !this.#stopping.signal.aborted) {
      await new Promise<void>((resolve) => {
        const cancel = this.#timers.after(waitMs, resolve);
        this.#onEmpty = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#stopping.abort();
    this.#cancelWait?.();
  }

  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    while (this.#outbox.size > 0 && !this.#stopping.signal.aborted) {
      const batch = this.#outbox.peek(BATCH);
      const fault = await this.#post(batch);
      if (fault !== undefined) {
        this.#isSending = false;
        this.#waitAndRetry(fault);
        return;
      }
      this.#outbox.drop(batch.length);
      if (this.#failures > 0) this.#onTrouble(null);
      this.#failures = 0;
    }
    this.#isSending = false;
    if (this.#outbox.size === 0) this.#onEmpty?.();
  }

  /** Answers with what went wrong; `undefined` if the gateway has the events. */
  async #post(batch: readonly OutgoingEvent[]): Promise<string | undefined> {
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        headers: this.#headers,
        body: JSON.stringify(batch),
        signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(ANSWER_MS)]),
      });
      const answer = await response.text();
      return response.ok ? undefined : `${response.status} ${answer.slice(0, 300)}`;
    } catch (error) {
      const { cause, message } = error as Error;
      return cause instanceof Error && cause.message !== "" ? cause.message : message;
    }
  }

  /**
   * Any answer but success is tried again, also one like 401 or 422: that is a mistake in the set-up, and a change that
   * waits visibly is better than one that is thrown away.
   */
  #waitAndRetry(fault: string): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#failures === 0) this.#onTrouble(fault);
    const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    this.#cancelWait = this.#timers.after(waitMs * (0.5 + this.#timers.random() / 2), () => {
      this.#cancelWait = undefined;
      void this.#send();
    });
  }
}
