import type { Clock, ReadPage, TransportContext } from "@sluice/core";
import { bodyOf, sendPage, type HttpTransport, type ReadRequest } from "@sluice/http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { PageCodecs } from "./page-codec.ts";
import { WaitQueue } from "./wait-queue.ts";
import { Wait } from "./wait.ts";

/** Options of {@link longPolling}. */
export interface LongPollingOptions {
  /** The longest that a client is let wait. */
  readonly maxWaitMs: number;
}

/** Long polling: the page of polling, as soon as there is an event or after the wait. */
export function longPolling(options: LongPollingOptions): HttpTransport {
  return new LongPolling(options.maxWaitMs);
}

/** How long a client waits that did not say: below the minute after which many proxies give up. */
const DEFAULT_WAIT_MS = 30_000;

class LongPolling implements HttpTransport {
  readonly name = "long-polling";
  readonly holdsConnection = true;
  readonly #maxWaitMs: number;
  readonly #codecs = new PageCodecs();
  /** By length: whole seconds, and no more than a minute of them. */
  readonly #queues = new Map<number, WaitQueue>();
  #context: TransportContext | null = null;
  #isDraining = false;

  constructor(maxWaitMs: number) {
    this.#maxWaitMs = maxWaitMs;
  }

  async start(context: TransportContext): Promise<void> {
    this.#context = context;
  }

  respond(read: ReadRequest, request: FastifyRequest, reply: FastifyReply): Promise<void> | void {
    const { bus } = this.#started();
    const page = bus.read(read.interest, read.start, read.limit);
    // Nearly always at once; a promise for each poll would be felt.
    if (!(page instanceof Promise)) return this.#answer(page, read, request, reply);
    return page.then((late) => this.#answer(late, read, request, reply));
  }

  /** Waiting clients are answered at once, with an empty page: they come back with its cursor. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    for (const queue of this.#queues.values()) queue.dismiss();
  }

  #started(): TransportContext {
    if (this.#context === null) throw new Error("long polling was asked before it was started");
    return this.#context;
  }

  /** Sends the page if it says something, else waits for one that does. */
  #answer(page: ReadPage, read: ReadRequest, request: FastifyRequest, reply: FastifyReply): void {
    const context = this.#started();
    const waitMs = Math.min(read.waitMs ?? DEFAULT_WAIT_MS, this.#maxWaitMs);
    reply.header("preference-applied", `wait=${Math.ceil(waitMs / 1000)}`);
    const isWorthSending = page.events.length > 0 || page.gap !== null || read.snapshot !== null;
    if (isWorthSending || this.#isDraining || request.method === "HEAD") {
      read.seat?.release();
      const made = bodyOf(page, read.snapshot);
      context.meter.delivered(this.name, 1, page.events.length, made.body.length, 0);
      if (page.gap !== null) context.meter.gapTold(this.name, page.gap.reason);
      sendPage(reply, read, made);
      return;
    }
    const queue = this.#queue(waitMs, context.clock);
    new Wait(context, this.#codecs.of(read.limit), queue, read, reply).begin(page.cursor);
  }

  #queue(waitMs: number, clock: Clock): WaitQueue {
    let queue = this.#queues.get(waitMs);
    if (queue === undefined) {
      queue = new WaitQueue(clock, waitMs);
      this.#queues.set(waitMs, queue);
    }
    return queue;
  }
}
