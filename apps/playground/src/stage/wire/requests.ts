import { Unreadable, type ByteReader, type Reading } from "./byte-reader.ts";
import { boshLabel, isBosh } from "./bosh.ts";
import { eventIn, eventLabel, parseJson } from "./event-text.ts";
import { readContent, requestFraming } from "./http-body.ts";
import { readHead, type HttpHead } from "./http-head.ts";
import type { Exchange, Sight, Talk, Tell } from "./talk.ts";
import { readMessages } from "./websocket-messages.ts";

/** Requests that are sent without waiting for an answer: nobody sends so many. */
const MAX_OPEN = 100;

/**
 * Reads what somebody asks: requests (RFC 9112), and after an upgrade WebSocket frames.
 * @throws {Unreadable}
 */
export function* readRequests(reader: ByteReader, talk: Talk, tell: Tell): Reading {
  for (;;) {
    // What comes next is read as what was agreed on meanwhile.
    const hasMore = yield* reader.hasMore();
    if (!hasMore || talk.upgrade !== null) break;
    const head = yield* readHead(reader);
    const exchange = exchangeOf(head);
    if (talk.open.length === MAX_OPEN) throw new Unreadable("too many requests without an answer");
    talk.open.push(exchange);
    const content = yield* readContent(reader, requestFraming(head));
    exchange.number = tell(sightOf(exchange, head, content), reader.take());
  }
  if (talk.upgrade !== null) yield* readMessages(reader, talk.upgrade, tell);
}

function exchangeOf({ startLine }: HttpHead): Exchange {
  const [, method, target] = /^([!-~]+) ([!-~]+) HTTP\/1\.[01]$/.exec(startLine) ?? [];
  if (method === undefined || target === undefined) throw new Unreadable("no request");
  return { method, path: target.split("?")[0] as string, number: null };
}

function sightOf({ method, path }: Exchange, head: HttpHead, content: Buffer): Sight {
  if (head.fields.has("webhook-id")) return delivery(head, content);
  if (head.fields.has("x-hook-secret")) return { what: "request", label: `${method}, handshake` };
  const about = isBosh(head) ? `, ${boshLabel(content)}` : "";
  return { what: "request", label: `${method} ${path}${about}` };
}

/** An attempt to deliver an event to a hook. */
function delivery(head: HttpHead, content: Buffer): Sight {
  const event = eventIn(parseJson(content));
  const attempt = head.fields.get("sluice-attempt") ?? "1";
  const label = event === null ? "delivery" : eventLabel(event);
  return { what: "request", label: attempt === "1" ? label : `${label}, attempt ${attempt}`, events: 1 };
}
