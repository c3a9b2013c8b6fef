import { Unreadable, type ByteReader, type Reading } from "./byte-reader.ts";
import { boshLabel, countItems, EMPTY, isBosh } from "./bosh.ts";
import { eventCount, isRecord, parseJson } from "./event-text.ts";
import { Body, readContent, responseFraming } from "./http-body.ts";
import { isOfType, readHead, type HttpHead } from "./http-head.ts";
import { readFrames } from "./sse-frames.ts";
import type { Exchange, Sight, Talk, Tell } from "./talk.ts";
import { readMessages } from "./websocket-messages.ts";

/**
 * Reads what is answered: responses (RFC 9112), the frames of those that are streams, and after an upgrade WebSocket
 * frames.
 * @throws {Unreadable}
 */
export function* readResponses(reader: ByteReader, talk: Talk, tell: Tell): Reading {
  while (talk.upgrade === null && (yield* reader.hasMore())) {
    const head = yield* readHead(reader);
    const status = statusOf(head);
    const asked = talk.open[0];
    const answerTo = asked?.number ?? null;
    // Of the interim answers (RFC 9110 §15.2) only 101 is the last one.
    if (status >= 200 || status === 101) talk.open.shift();
    if (status === 101 && asked !== undefined) {
      talk.upgrade = asked;
      tell({ what: "response", label: `101, ${head.fields.get("upgrade") ?? "upgrade"}`, answerTo }, reader.take());
      continue;
    }
    const framing = responseFraming(head, status, asked?.method);
    if (framing.kind !== "none" && isOfType(head, "text/event-stream")) {
      tell({ what: "response", label: `${status}, stream`, answerTo }, reader.take());
      yield* readFrames(reader, new Body(reader, framing), answerTo, tell);
    } else {
      const content = yield* readContent(reader, framing);
      tell({ ...sightOf(status, head, content, asked), answerTo }, reader.take());
    }
  }
  if (talk.upgrade !== null) yield* readMessages(reader, talk.upgrade, tell);
}

function statusOf({ startLine }: HttpHead): number {
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(startLine)?.[1];
  if (status === undefined) throw new Unreadable("no response");
  return Number(status);
}

function sightOf(status: number, head: HttpHead, content: Buffer, asked: Exchange | undefined): Sight {
  if (status === 304) return { what: "response", label: "304", isWasted: true };
  if (isBosh(head)) return boshAnswer(status, content);
  const page = status === 200 && asked?.method === "GET" ? parseJson(content) : undefined;
  if (!isRecord(page) || !Array.isArray(page["events"])) return { what: "response", label: String(status) };
  const events = page["events"].length;
  const gap = page["gap"] === undefined ? "" : ", gap";
  const isWasted = events === 0 && gap === "";
  return { what: "response", label: `${status}, ${eventCount(events)}${gap}`, events, isWasted };
}

/** An empty one keeps the session alive, and had nothing to tell. */
function boshAnswer(status: number, content: Buffer): Sight {
  const events = countItems(content);
  const label = boshLabel(content);
  if (label === EMPTY) return { what: "heartbeat", label: `${status}, ${label}`, isWasted: true };
  return { what: "response", label: `${status}, ${events > 0 ? eventCount(events) : label}`, events };
}
