import type { CloseReason, TransportContext } from "@sluice/core";
import { Streams, type HttpTransport, type ReadRequest } from "@sluice/http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { IframeFormat } from "./iframe-format.ts";

/** Options of {@link comet}. */
export interface CometOptions {
  /** The longest silence in a frame. */
  readonly heartbeatMs: number;
  /** When a page should load the frame again after a cut, give or take a quarter. */
  readonly retryMs: number;
}

/** Function of the page that gets the events, if the client names none. */
const DEFAULT_CALLBACK = "onevent";
/** Names whose readers share what is encoded; names are the clients' to choose, so there is a bound. */
const MAX_FORMATS = 64;

/**
 * Comet, for the record: `transport=iframe`. Where this transport is on, `callback=NAME` makes JSONP of polling and long
 * polling too. Pages of any origin can load both: never with cookies, see `checkOrigin` in `@sluice/http`.
 */
export function comet(options: CometOptions): HttpTransport {
  return new Comet(options);
}

class Comet implements HttpTransport {
  readonly name = "iframe";
  readonly holdsConnection = true;
  readonly #options: CometOptions;
  readonly #formats = new Map<string, IframeFormat>();
  #streams: Streams | null = null;

  constructor(options: CometOptions) {
    this.#options = options;
  }

  async start(context: TransportContext): Promise<void> {
    this.#streams = new Streams(context, { transport: this.name, ...this.#options });
  }

  async respond(read: ReadRequest, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (this.#streams === null) throw new Error("comet was asked before it was started");
    await this.#streams.open(this.#format(read.options.callback ?? DEFAULT_CALLBACK), read, request, reply);
  }

  async drain(reason: CloseReason, spreadMs: number, deadline: AbortSignal): Promise<void> {
    await this.#streams?.drain(reason, spreadMs, deadline);
  }

  #format(callback: string): IframeFormat {
    const known = this.#formats.get(callback);
    if (known !== undefined) return known;
    const made = new IframeFormat(callback);
    if (this.#formats.size < MAX_FORMATS) this.#formats.set(callback, made);
    return made;
  }
}
