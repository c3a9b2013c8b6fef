import { hash } from "node:crypto";
import { SluiceError, type Interest, type ReadPage, type TransportContext } from "@sluice/core";
import { bodyOf, etagOf, sendPage, type HttpTransport, type ReadRequest } from "@sluice/http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Pace } from "./pace.ts";

/** Options of {@link polling}. */
export interface PollingOptions {
  /** How often a client should ask, told as `X-Poll-Interval`; 0: as it likes. */
  readonly intervalMs: number;
}

/** Short polling: `200` with a page at once, or `304` while nothing that matches is new. */
export function polling(options: PollingOptions): HttpTransport {
  return new Polling(options.intervalMs);
}

/** The part of the interval before which a poll is refused: a client may be early, but not far under it. */
const TOO_EARLY = 0.5;

class Polling implements HttpTransport {
  readonly name = "polling";
  readonly holdsConnection = false;
  readonly #intervalMs: number;
  readonly #pace: Pace;
  #context: TransportContext | null = null;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
    this.#pace = new Pace(intervalMs * TOO_EARLY);
  }

  async start(context: TransportContext): Promise<void> {
    this.#context = context;
  }

  async respond(read: ReadRequest, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { clock, meter } = this.#started();
    const nowMs = clock.monotonic();
    const client = this.#intervalMs === 0 ? null : clientOf(read, request);
    if (client !== null) this.#checkPace(client, nowMs, reply);
    const page = await this.#page(read);
    // A page that was not all is no reason to wait before the next.
    if (client !== null && (page === "not modified" || page.isCaughtUp)) this.#pace.note(client, nowMs);
    if (page === "not modified") {
      reply
        .code(304)
        .header("etag", etagOf(read.ifNoneMatch ?? ""))
        .send();
      return;
    }
    const made = bodyOf(page, read.snapshot);
    meter.delivered(this.name, 1, page.events.length, made.body.length, 0);
    if (page.gap !== null) meter.gapTold(this.name, page.gap.reason);
    sendPage(reply, read, made);
  }

  /** Nothing waits here. */
  async drain(): Promise<void> {}

  #started(): TransportContext {
    if (this.#context === null) throw new Error("polling was asked before it was started");
    return this.#context;
  }

  #checkPace(client: string, nowMs: number, reply: FastifyReply): void {
    reply.header("x-poll-interval", String(Math.ceil(this.#intervalMs / 1000)));
    const waitMs = this.#pace.waitMs(client, nowMs);
    if (waitMs === 0) return;
    throw new SluiceError("rate-limited", `Poll at most every ${this.#intervalMs / 1000} s (X-Poll-Interval).`, {
      retryAfterSeconds: waitMs / 1000,
    });
  }

  async #page(read: ReadRequest): Promise<ReadPage | "not modified"> {
    const { bus } = this.#started();
    const { interest, ifNoneMatch, start, limit } = read;
    if (ifNoneMatch === null) return bus.read(interest, start, limit);
    const page = await bus.read(interest, start, limit);
    const isBehindTag = typeof start === "object" && "cursor" in start && start.cursor === ifNoneMatch;
    const isNew = isBehindTag
      ? hasNews(page)
      : page.cursor !== ifNoneMatch && (await this.#hasNews(interest, ifNoneMatch));
    return isNew ? page : "not modified";
  }

  /** Whether anything that matches came after the cursor of the client's tag, or is missing since. */
  async #hasNews(interest: Interest, cursor: string): Promise<boolean> {
    return hasNews(await this.#started().bus.read(interest, { cursor }, 1));
  }
}

function hasNews(page: ReadPage): boolean {
  return page.events.length > 0 || page.gap !== null;
}

/** Who polls what: address, credentials and query, wherever it stands. Hashed, so that no token is kept. */
function clientOf(read: ReadRequest, request: FastifyRequest): string {
  const { authorization, cookie, accessToken } = read.principal.credentials;
  const parts = [request.ip, authorization, cookie, accessToken, read.nextUrl("")];
  return hash("sha1", JSON.stringify(parts), "base64");
}
