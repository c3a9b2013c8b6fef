import { gapJson, type Gap, type ReadPage, type StoredEvent } from "@sluice/core";
import type { FastifyReply } from "fastify";
import type { ReadRequest } from "./read-request.ts";

const JSON_TYPE = "application/json";

/** The body of a page, and the cursor that goes with it. */
export interface PageBody {
  readonly body: Buffer;
  readonly cursor: string;
}

/** `{"events":[…],"cursor":"…"}`, with `gap` where there is one. The events' JSON is that of every other transport. */
export function pageBody(events: readonly StoredEvent[], cursor: string, gap: Gap | null): PageBody {
  let text = '{"events":[';
  for (const [index, event] of events.entries()) text += index === 0 ? event.json : `,${event.json}`;
  text += `],"cursor":"${cursor}"${gap === null ? "" : `,"gap":${gapJson(gap)}`}}`;
  return { body: Buffer.from(text), cursor };
}

/** {@link pageBody} of what the bus answered, with what the reader is to be given before it. */
export function bodyOf(page: ReadPage, snapshot: StoredEvent | null = null): PageBody {
  return pageBody(snapshot === null ? page.events : [snapshot, ...page.events], page.cursor, page.gap);
}

/**
 * Sends a page: `ETag` is its cursor, `Link: rel="next"` the request that goes on behind it. With `callback` it is JSONP.
 */
export function sendPage(reply: FastifyReply, read: ReadRequest, page: PageBody): FastifyReply {
  reply.header("etag", etagOf(page.cursor)).header("link", `<${read.nextUrl(page.cursor)}>; rel="next"`);
  reply.header("x-content-type-options", "nosniff");
  const { callback } = read.options;
  if (callback === null) return reply.header("content-type", JSON_TYPE).send(page.body);
  // The comment in front keeps a response that begins with the client's own text from being taken for another format.
  const script = `/**/${callback}(${page.body.toString()});`;
  return reply.header("content-type", "text/javascript; charset=utf-8").send(script);
}

/** The entity tag of a cursor. */
export function etagOf(cursor: string): string {
  return `"${cursor}"`;
}
