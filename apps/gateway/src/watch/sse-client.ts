import { createParser } from "eventsource-parser";
import { Agent, request } from "undici";
import { readRefusal } from "../client/answer.ts";
import {
  askHeaders,
  askUrl,
  cutBy,
  endingOf,
  type Ask,
  type Ending,
  type GapNote,
  type Item,
  type Receiver,
  type WatchClient,
} from "./watch-client.ts";

const ANSWER_TIMEOUT_MS = 15_000;
/** A stream that is silent for so long is dead: the gateway's heartbeats come far more often. */
const SILENCE_MS = 120_000;
const EVENT_MAX_CHARACTERS = 64 * 1024 * 1024;

/** Follows a `text/event-stream` (WHATWG HTML, 9.2). */
export const sseClient: WatchClient = { name: "sse", connect };

async function connect(ask: Ask, receiver: Receiver, signal: AbortSignal): Promise<Ending> {
  const dispatcher = new Agent({ headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: SILENCE_MS });
  try {
    const headers = { ...askHeaders(ask), accept: "text/event-stream" };
    const response = await request(askUrl(ask, "sse"), { dispatcher, signal, headers });
    if (response.statusCode !== 200) {
      return endingOf(await readRefusal(response.statusCode, response.headers, response.body));
    }
    if (!String(response.headers["content-type"]).startsWith("text/event-stream")) {
      return { kind: "unfit", detail: "the answer is no event stream" };
    }
    const retryAfterMs = await read(response.body, ask, receiver);
    return { kind: "cut", detail: "the stream ended", retryAfterMs, isUnreachable: false };
  } catch (error) {
    return cutBy(error);
  } finally {
    await dispatcher.destroy();
  }
}

/** Reads to the end; answers the `retry:` that came last. */
async function read(body: AsyncIterable<Uint8Array>, ask: Ask, receiver: Receiver): Promise<number | null> {
  let items: Item[] = [];
  let cursor: string | null = null;
  let retryMs: number | null = null;
  // The id that a stream with `last` begins with is that of the newest event, which has not come yet.
  let isIgnoringId = typeof ask.start === "object" && "last" in ask.start;
  const parser = createParser({
    maxBufferSize: EVENT_MAX_CHARACTERS,
    onId(id) {
      if (!isIgnoringId) cursor = id;
      isIgnoringId = false;
    },
    onRetry(ms) {
      retryMs = ms;
    },
    onEvent({ event, data, id }) {
      if (id !== undefined) cursor = id;
      items.push(event === "gap" ? { kind: "gap", gap: JSON.parse(data) as GapNote } : { kind: "event", json: data });
    },
    onError(error) {
      if (error.type === "max-buffer-size-exceeded") throw error;
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    // Not before: a proxy that buffers sends a head and then nothing.
    receiver.opened();
    parser.feed(decoder.decode(chunk, { stream: true }));
    const taken = items;
    items = [];
    await receiver.take(taken, cursor);
  }
  return retryMs;
}
