import type { CloseReason, TransportContext } from "@sluice/core";
import { Streams, type HttpTransport, type ReadRequest } from "@sluice/http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { SseFormat } from "./sse-format.ts";

/** Options of {@link sse}. */
export interface SseOptions {
  /** The longest silence on a stream: after that comes a heartbeat. */
  readonly heartbeatMs: number;
  /** When a client should come back after a cut (`retry:`), give or take a quarter. */
  readonly retryMs: number;
}

/** Server-Sent Events. */
export function sse(options: SseOptions): HttpTransport {
  return new Sse(options);
}

class Sse implements HttpTransport {
  readonly name = "sse";
  readonly holdsConnection = true;
  readonly #options: SseOptions;
  readonly #plain = new SseFormat(false);
  readonly #named = new SseFormat(true);
  #streams: Streams | null = null;

  constructor(options: SseOptions) {
    this.#options = options;
  }

  async start(context: TransportContext): Promise<void> {
    this.#streams = new Streams(context, { transport: this.name, ...this.#options });
  }

  async respond(read: ReadRequest, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (this.#streams === null) throw new Error("SSE was asked before it was started");
    await this.#streams.open(read.options.isNamed ? this.#named : this.#plain, read, request, reply);
  }

  async drain(reason: CloseReason, spreadMs: number, deadline: AbortSignal): Promise<void> {
    await this.#streams?.drain(reason, spreadMs, deadline);
  }
}
