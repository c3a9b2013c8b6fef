import type { TransportContext } from "@sluice/core";
import { bodyOf, sendPage, type HttpTransport, type ReadRequest } from "@sluice/http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { PageCodecs } from "./page-codec.ts";
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
  readonly #waits = new Set<Wait>();
  #context: TransportContext | null = null;
  #isDraining = false;

  constructor(maxWaitMs: number) {
    this.#maxWaitMs = maxWaitMs;
  }

  async start(context: TransportContext): Promise<void> {
    this.#context = context;
  }

  async respond(read: ReadRequest, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (this.#context === null) throw new Error("long polling was asked before it was started");
    const { bus, clock, meter } = this.#context;
    const waitMs = Math.min(read.waitMs ?? DEFAULT_WAIT_MS, this.#maxWaitMs);
    reply.header("preference-applied", `wait=${Math.ceil(waitMs / 1000)}`);
    const page = await bus.read(read.interest, read.start, read.limit);
    const isWorthSending = page.events.length > 0 || page.gap !== null || read.snapshot !== null;
    if (isWorthSending || this.#isDraining || request.method === "HEAD") {
      read.seat?.release();
      const made = bodyOf(page, read.snapshot);
      meter.delivered(this.name, 1, page.events.length, made.body.length, 0);
      sendPage(reply, read, made);
      return;
    }
    const codec = this.#codecs.of(read.limit);
    const wait = new Wait(
      { bus, clock, meter, codec, onEnd: (ended) => this.#waits.delete(ended) },
      read,
      request,
      reply,
      page.cursor,
    );
    this.#waits.add(wait);
    wait.begin(waitMs);
  }

  /** Waiting clients are answered at once, with an empty page: they come back with its cursor. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    for (const wait of this.#waits) wait.dismiss();
  }
}
